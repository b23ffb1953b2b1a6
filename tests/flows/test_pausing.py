"""A run that is paused, in which two films share one slot."""

import json
import time

import pytest
from end_to_end._command import BEGUN, asked, cinelake, start

from cinelake.lake.cells import Lake
from cinelake.lake.control import Gate, is_paused, pause, resume


def test_the_gate_closes_and_opens_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("cinelake.lake.control.LOOK_EVERY_S", 0.0)
    lake, said = Lake(str(tmp_path)), []
    gate = Gate(lake, said.append)
    assert gate.is_open() and pause(lake) and not pause(lake)
    assert not gate.is_open() and resume(lake) and not resume(lake)
    assert gate.is_open() and said == [True, False] and not is_paused(lake)


def lines(project):
    log = project / "log.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def waited_for(project, event, process):
    """The log's events once it has this one."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        if event in (events := [line["event"] for line in lines(project)]):
            return events
        time.sleep(0.2)
    raise AssertionError((project / "command.log").read_text())


@pytest.mark.slow
def test_a_paused_run_starts_no_film_and_goes_on_when_resumed(project, prefect):
    manifest = project / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("fps: 1", "fps: 2") + "limits: {slot_of_two: {slots: 1}}\n")
    assert "nothing new starts" in cinelake("pause", cwd=project).stdout
    run = start("run", "--log-json", "log.jsonl", "-s", "frames", cwd=project, env=prefect)
    assert "film begins" not in waited_for(project, "run paused", run)
    assert "go on" in cinelake("resume", cwd=project).stdout
    assert run.wait(250) == 0
    order = [line["film"] for line in lines(project) if line["event"] in ("film begins", "film ends")]
    assert order[0] == order[1] != order[2] == order[3]  # with one slot, one film ends before the other begins
    assert {"cinelake-plan", "cinelake-progress"} <= artifacts(prefect["PREFECT_API_URL"], manifest)


def artifacts(url, manifest):
    """The keys of what Prefect's UI shows of a manifest's runs."""
    runs = asked(url, "flow_runs", flow_runs=BEGUN)
    mine = {run["id"] for run in runs if run["parameters"].get("manifest") == str(manifest)}
    return {artifact["key"] for artifact in asked(url, "artifacts") if artifact["flow_run_id"] in mine}
