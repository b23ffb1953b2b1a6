"""What machines are told of a run: lines of JSON, metrics."""

import json
import re
import urllib.request
from pathlib import Path

import pytest

from cinelake.errors import UsageError
from cinelake.events import FilmRetried, MetricsServed, QueueMoved, RunBegan, RunEnded, TaskBegan, WorkerDied
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run.cells import CellReport, FilmEnded, StepReport
from flows.monitoring import monitored

ROOT = Path(__file__).parents[2]
NAMES = re.compile(r"cinelake_\w+")
REPORT = StepReport(
    "one",
    [CellReport("films", "made", rows=1, wall_s=0.5), CellReport("shots", "failed", "damaged_film", "it ends early")],
    film_s=60.0,
    frames_decoded=1500,
)
EVENTS = [
    RunBegan(films=1, cells=2),
    QueueMoved(waiting=0, in_flight=1),
    TaskBegan("one", "films"),
    WorkerDied("the step of one", "it was killed from outside", 1.5),
    FilmRetried("one", 2, 1),
    FilmEnded("one", 1, REPORT),
    RunEnded({"films": 1, "made": {"films": 1}}),
]


@pytest.fixture
def run(tmp_path):
    """Plays a run's events to a log and to metrics; gives the log's lines and what the events met on the way."""
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "one.mp4").write_bytes(b"x" * 1000)

    def play(monitoring, look=lambda event: None):
        text = f"lake: lake\ncatalogue: {{films: films}}\ntasks: {{films: , shots: }}\nmonitoring: {monitoring}\n"
        (tmp_path / "pipeline.yaml").write_text(text)
        planning = plan_manifest(load_manifest(tmp_path / "pipeline.yaml"))
        with monitored(planning, "run1", look) as tell:
            for event in EVENTS:
                tell(event)
        log = tmp_path / "log.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    return play


def test_every_line_is_an_object_with_time_run_film_and_task(run):
    lines = run("{log_json: log.jsonl}")
    assert len(lines) == 8 and all({"time", "level", "event", "film", "task"} <= set(line) for line in lines)
    assert {line["run"] for line in lines} == {"run1"}


def test_a_failed_cell_is_an_error_with_its_reason(run):
    (line,) = [line for line in run("{log_json: log.jsonl}") if line["level"] == "ERROR"]
    assert (line["film"], line["task"], line["reason"]) == ("one", "shots", "damaged_film")


def test_a_workers_death_and_the_retry_are_lines_with_the_memory_that_it_held(run):
    died, again = [line for line in run("{log_json: log.jsonl}") if line["level"] == "WARNING"]
    assert (died["event"], died["what"], died["memory_gb"]) == ("worker died", "the step of one", 1.5)
    assert (again["event"], again["film"], again["attempt"]) == ("film retried", "one", 2)


def test_a_log_is_added_to(run):
    run("{log_json: log.jsonl}")
    assert len(run("{log_json: log.jsonl}")) == 16


def test_metrics_count_cells_seconds_bytes_frames_and_failures_by_reason(run, tmp_path):
    run("{metrics_file: m.prom}")
    values = dict(line.rsplit(" ", 1) for line in (tmp_path / "m.prom").read_text().splitlines() if line[0] != "#")
    assert values['cinelake_cells_total{outcome="made",task="films"}'] == "1.0"
    assert values['cinelake_failures_total{reason="damaged_film",task="shots"}'] == "1.0"
    assert float(values["cinelake_film_bytes_total"]) == 1000 and float(values["cinelake_frames_decoded_total"]) == 1500
    assert values['cinelake_worker_deaths_total{at_work="yes"}'] == values["cinelake_film_retries_total"] == "1.0"
    assert float(values["cinelake_worker_death_memory_bytes"]) == 1.5e9
    assert values["cinelake_films_in_flight"] == "1.0" and values["cinelake_films_waiting"] == "0.0"


def test_metrics_are_served_while_the_run_lasts(run):
    found = {}

    def look(event):
        if isinstance(event, MetricsServed):
            found["url"] = event.url
        elif isinstance(event, RunEnded):
            with urllib.request.urlopen(found["url"], timeout=10) as reply:
                found["text"] = reply.read().decode()

    run("{metrics_port: 0}", look)
    assert "cinelake_frames_decoded_total" in found["text"]
    with pytest.raises(OSError):
        urllib.request.urlopen(found["url"], timeout=1)


@pytest.mark.parametrize("setting", ["log_json", "metrics_file"])
def test_a_file_that_cannot_be_written_is_said_before_anything_runs(run, setting):
    with pytest.raises(UsageError, match=r"pipeline\.yaml/x cannot be written"):
        run(f"{{{setting}: pipeline.yaml/x}}")


def test_the_dashboard_asks_for_metrics_that_a_run_has(run, tmp_path):
    run("{metrics_file: m.prom}")
    had = set(re.findall(r"^(cinelake_\w+)", (tmp_path / "m.prom").read_text(), re.MULTILINE))
    panels = json.loads((ROOT / "infra" / "grafana" / "runs.json").read_text())["panels"]
    asked = {name for panel in panels for target in panel["targets"] for name in NAMES.findall(target["expr"])}
    assert asked and asked <= had
