"""How soon a run is at work, and what Prefect and MLflow cost beside one short film.

Measured: a drawn film of ten seconds and seven tables, in a new project each time: the first run, a second after the
lake was deleted, and a third with nothing stale. Processor time is that of the whole tree of processes, the Prefect
server that stays included; wall time that of the command. The first picture is decoded when the worker that reads the
film says that it begins. Beside them the first run of a machine, whose cache has no empty database of Prefect's yet.
Target:   the first run at most 15 s of processor time, a later one 9 s and 8 s of wall time; decoding within 3 s.

    python -m benchmarks.start_up --repeat 5
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import cinelake, cost_of
from benchmarks.figures import Figure, Report, run
from cinelake.storage.processes import environment_variables

MANIFEST = """\
lake: lake
catalogue: {films: "films/*"}
tasks:
  films: {}
  shots: {}
  frames: {fps: 1}
  sound: {}
  faces: {detector: dlib}
  embeddings: {backbone: descriptor}
  cues: {}
"""
TABLES = 7
LIMITS = {
    "first run, processor time": 15.0,
    "later run, processor time": 9.0,
    "later run, wall time": 8.0,
    "first run, until the film is decoded": 3.0,
    "later run, until the film is decoded": 3.0,
}


@dataclass(frozen=True)
class Start:
    """One run: seconds of processor and wall time, and from the command until a film was being decoded."""

    cpu_s: float
    wall_s: float
    decoding_after_s: float


def measure(given: argparse.Namespace) -> Report:
    """First, later and idle runs in turn, in new projects."""
    drawn = _drawn(given.folder, given.seconds)
    seconds: dict[str, list[float]] = defaultdict(list)
    for number in range(given.repeat):
        project = Path(shutil.copytree(drawn, given.folder / f"project_{number}"))
        try:
            _measure_project(project, seconds)
        finally:
            cost_of(cinelake("down", "-m", str(project / "pipeline.yaml")))
            shutil.rmtree(project)
    _measure_new_machine(drawn, given.folder, seconds)
    figures = [
        Figure(name, values, "s CPU" if "processor" in name else "s", at_most=LIMITS.get(name))
        for name, values in seconds.items()
    ]
    return Report("start_up", figures, [f"one film of {given.seconds:g} s, {TABLES} tables, engine local"])


def _measure_project(project: Path, seconds: dict[str, list[float]]) -> None:
    for name in ("first run", "later run", "nothing stale"):
        if name == "later run":
            shutil.rmtree(project / "lake")
        start = _run(project)
        seconds[f"{name}, processor time"].append(start.cpu_s)
        seconds[f"{name}, wall time"].append(start.wall_s)
        if name != "nothing stale":
            seconds[f"{name}, until the film is decoded"].append(start.decoding_after_s)


def _measure_new_machine(drawn: Path, folder: Path, seconds: dict[str, list[float]]) -> None:
    project = Path(shutil.copytree(drawn, folder / "project_of_a_new_machine"))
    try:
        with environment_variables({"CINELAKE_CACHE": str(folder / "cache of a new machine")}):
            seconds["first run of a machine, processor time"].append(_run(project).cpu_s)
    finally:
        cost_of(cinelake("down", "-m", str(project / "pipeline.yaml")))
        shutil.rmtree(folder / "cache of a new machine", ignore_errors=True)
        shutil.rmtree(project)


def _run(project: Path) -> Start:
    log = project / "log.jsonl"
    log.unlink(missing_ok=True)
    kept_s, began = _kept_server_s(project), time.time()
    cost = cost_of(cinelake("run", "-m", str(project / "pipeline.yaml"), "--log-json", str(log)))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    decoding = [datetime.datetime.fromisoformat(line["time"]) for line in lines if line["event"] == "film begins"]
    after_s = decoding[0].timestamp() - began if decoding else 0.0
    return Start(cost.cpu_s + _kept_server_s(project) - kept_s, cost.wall_s, after_s)


def _kept_server_s(project: Path) -> float:
    """Processor time that the project's server has taken; no process waits for it, so it is in no other count."""
    import psutil

    from flows.server_record import RECORD, read_record, state_folder

    record = read_record(state_folder(project) / "prefect" / RECORD)
    if record is None:
        return 0.0
    taken = psutil.Process(record.pid).cpu_times()
    return float(taken.user + taken.system)


def _drawn(folder: Path, seconds: float) -> Path:
    from examples.draw import draw_catalogue

    project = folder / "drawn"
    if (project / "pipeline.yaml").exists():
        return project
    draw_catalogue(project, 1, seed=5, workers=1, seconds=seconds)
    (project / "pipeline.yaml").write_text(MANIFEST)
    return project


OPTIONS = (("--seconds", {"type": float, "default": 10.0, "help": "the film's length (default: %(default)s)"}),)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS))
