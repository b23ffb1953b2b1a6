"""What an engine costs per film beyond the work itself.

Measured: `cinelake run` on films whose one task sleeps for a known time, one film after another (one worker), with each
engine on a cluster of its own: the median time between the ends of two films, less the sleep. So the start of servers
and clusters is not in it; planning one film's step, Prefect's task, the way there and back, and committing a table are.
Beside them: the same steps in a bare loop (what committing costs), and Prefect's own runners for Dask and Ray, which
take the whole Prefect task to the worker.
Target:   local at most 50 ms, dask and ray at most 300 ms.

    python -m benchmarks.engines
    python -m benchmarks.engines --only local --films 10     # a quick look
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from itertools import pairwise
from pathlib import Path

from benchmarks.children import ROOT, cost_of, python
from benchmarks.figures import Figure, Report, run, say

AT_MOST_MS = {"loop": None, "local": 50.0, "dask": 300.0, "ray": 300.0, "prefect-dask": None, "prefect-ray": None}
ABOUT = {
    "METADATA": "Metadata-Version: 2.1\nName: sleeping-task\nVersion: 1.0\n",
    "entry_points.txt": "[cinelake.tasks]\nsleeping = benchmarks._sleeping_task:Sleeping\n",
}


def measure(given: argparse.Namespace) -> Report:
    """Every way in turn."""
    _make_known(given.folder / "site")
    ways = given.only or list(AT_MOST_MS)
    figures = []
    for way in ways:
        values = [_overhead_ms(way, given, number) for number in range(given.repeat)]
        figures.append(Figure(f"{way}: beyond the work, per film", values, "ms", at_most=AT_MOST_MS[way]))
    work = f"{given.films} films, one at a time, each {given.work_s:g} s of sleep"
    return Report("engines", figures, [work])


def _overhead_ms(way: str, given: argparse.Namespace, number: int) -> float:
    say(f"{way}, {number + 1} of {given.repeat}")
    project = _project(given.folder / f"{way} {number}", way, given)
    ends = cost_of(python("-m", "benchmarks._engine_run", str(project / "pipeline.yaml"), way)).answer
    gaps = sorted(after - before for before, after in pairwise(sorted(ends)))
    if len(ends) != given.films:
        raise SystemExit(f"{way}: {len(ends)} of {given.films} films ended")
    return 1000 * (gaps[len(gaps) // 2] - given.work_s)


def _project(folder: Path, way: str, given: argparse.Namespace) -> Path:
    """A project with files that no one opens as films."""
    (folder / "films").mkdir(parents=True)
    for number in range(given.films):
        (folder / "films" / f"film_{number:05}.mp4").write_text(str(number))
    entries = {
        "lake": "lake",
        "catalogue": {"films": "films/*"},
        "engine": {"kind": way if way in ("dask", "ray") else "local", "workers": 1},
        "tracking": {"enabled": False},
        "tasks": {"sleeping": {"seconds": given.work_s}},
    }
    (folder / "pipeline.yaml").write_text(json.dumps(entries))
    return folder


def _make_known(site: Path) -> None:
    """Make the task known to every process, as an installed package would."""
    about = site / "sleeping_task-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    for name, text in ABOUT.items():
        (about / name).write_text(text)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(site)])


OPTIONS = (
    ("--films", {"type": int, "default": 40, "help": "films a run (default: %(default)s)"}),
    ("--work-s", {"type": float, "default": 0.2, "help": "how long a film's task sleeps (default: %(default)s)"}),
    ("--only", {"nargs": "+", "choices": list(AT_MOST_MS), "help": "these ways only"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
