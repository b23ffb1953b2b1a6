"""A run that is cancelled in Prefect's UI ends as by Ctrl-C: with a word, nothing half-written, to be gone on with."""

from __future__ import annotations

import subprocess
import sys

import pytest
from core.engines._waiting import await_that, waiting_project
from end_to_end._command import BEGUN, PASSWORDS, ROOT, answer_of, asked, end_started, environment, left_running, start
from end_to_end._lakes import change

from flows.prefect_api import PrefectApi

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
DEPLOYED = """\
deploy: {project: cancelling, work_pool: cancelling}
schedules: {stopped: {flow: catalogue, cron: "0 2 * * *"}}
"""


@pytest.fixture
def project(tmp_path, draw_film, prefect):
    """A project with one film, whose second table waits until it may go on."""
    project = waiting_project(tmp_path, "kind: local, workers: 1", {**prefect, "PREFECT_WORKER_QUERY_SECONDS": "1"})
    draw_film(project.folder / "films" / "film.mp4")
    yield project
    project.let_go_on()
    end_started()


def flow_run(project, prefect):
    """The last flow run of the project's manifest, but for those of nights to come."""
    mine = str(project.folder / "pipeline.yaml")
    runs = asked(prefect["PREFECT_API_URL"], "flow_runs", sort="START_TIME_DESC", flow_runs=BEGUN)
    return next(run for run in runs if run["parameters"].get("manifest") == mine)


def cancel(project, prefect):
    """What a click on Cancel sends."""
    url, run = prefect["PREFECT_API_URL"], flow_run(project, prefect)
    body = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    with PrefectApi(url, PASSWORDS[url]) as api:
        assert api.post(f"/flow_runs/{run['id']}/set_state", body)["status"] == "ACCEPT"


def test_a_run_by_hand_says_why_it_stops_and_is_gone_on_with(project, prefect):
    process = project.start()
    cancel(project, prefect)
    assert process.wait(120) == 130
    assert "cancelled in Prefect's UI: stopping" in project.said() and "Traceback" not in project.said()
    assert "to resume: cinelake run" in project.said() and left_running(project.folder) == []
    assert flow_run(project, prefect)["state_type"] == "CANCELLED"
    is_gone_on_with(project)


def test_a_deployed_run_is_ended_by_its_worker_and_is_gone_on_with(project, prefect):
    change(project.folder, "lake: lake\n", f"lake: lake\n{DEPLOYED}")
    answer_of("deploy", "-m", project.folder / "pipeline.yaml", env=project.env)
    worker = start("work", cwd=project.folder, env=project.env)
    command = [sys.executable, "-m", "prefect", "deployment", "run", "catalogue/stopped"]
    subprocess.run(command, env=environment(**project.env), cwd=ROOT, check=True, capture_output=True, timeout=120)
    await_that(lambda: (project.folder / "started").exists())
    cancel(project, prefect)
    await_that(lambda: flow_run(project, prefect)["state_type"] == "CANCELLED")
    assert worker.poll() is None and flow_run(project, prefect)["name"] == "run: 1 film, 2 tables"
    is_gone_on_with(project)


def is_gone_on_with(project):
    """What was made stays, what was not is made by the same command."""
    assert project.cell("early").exists() and not project.cell("late").exists() and not project.failures()
    before = project.cell("early").stat().st_mtime_ns
    project.let_go_on()
    assert project.run() == 0, project.said()
    assert project.cell("late").exists() and project.cell("early").stat().st_mtime_ns == before
    assert not [path for path in (project.folder / "lake" / "_tmp").rglob("*") if path.is_file()]
