"""What a run by hand tells a real Prefect server, which shows it."""

import time

import pytest
from end_to_end._command import PASSWORDS, asked

from cinelake.run.cells import CellReport, StepReport
from flows.run_report import RunReport
from flows.server import PrefectServer

pytestmark = pytest.mark.slow


def shown_films(url, run_name, wanted):
    """Names of the run's task runs; the server records them a moment after they ended."""
    (run,) = asked(url, "flow_runs", flow_runs={"name": {"any_": [run_name]}})
    deadline = time.monotonic() + 60
    while True:
        names = [task["name"] for task in asked(url, "task_runs", flow_runs={"id": {"any_": [run["id"]]}})]
        if len(names) >= wanted or time.monotonic() > deadline:
            return names
        time.sleep(0.2)


def test_all_films_are_shown_where_some_end_before_others_begin(prefect):
    url = prefect["PREFECT_API_URL"]
    report = RunReport(lambda: PrefectServer(url, PASSWORDS[url]), "one after another", {}, on_cancel=lambda: None)
    report.start(lambda event: None)
    films = [f"film_{number}" for number in range(6)]
    for film in films:
        report.film_handed_out(film, ["films"])
        report.film_ended(StepReport(film, [CellReport("films", "made")]))
    report.run_ended("COMPLETED", "")
    report.close()
    assert sorted(shown_films(url, "one after another", len(films))) == [f"{film}: films" for film in films]


def test_a_line_of_the_log_says_of_which_film_it_is(prefect):
    url = prefect["PREFECT_API_URL"]
    report = RunReport(lambda: PrefectServer(url, PASSWORDS[url]), "two films", {}, on_cancel=lambda: None)
    report.start(lambda event: None)
    for film in ("dawn", "dusk"):
        report.film_handed_out(film, ["films"])
        report.film_ended(StepReport(film, [CellReport("films", "made")]))
    report.run_ended("COMPLETED", "")
    report.close()
    (run,) = asked(url, "flow_runs", flow_runs={"name": {"any_": ["two films"]}})
    lines = asked(url, "logs", logs={"flow_run_id": {"any_": [run["id"]]}})
    assert {line["name"] for line in lines if "made" in line["message"]} == {"dawn", "dusk"}
