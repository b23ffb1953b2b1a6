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
import sys
from itertools import pairwise

from benchmarks._sleeping_project import make_known, sleeping_project
from benchmarks.children import cost_of, python
from benchmarks.figures import Figure, Report, run, say

AT_MOST_MS = {"loop": None, "local": 50.0, "dask": 300.0, "ray": 300.0, "prefect-dask": None, "prefect-ray": None}


def measure(given: argparse.Namespace) -> Report:
    """Every way in turn."""
    make_known(given.folder / "site")
    ways = given.only or list(AT_MOST_MS)
    figures = []
    for way in ways:
        values = [_overhead_ms(way, given, number) for number in range(given.repeat)]
        figures.append(Figure(f"{way}: beyond the work, per film", values, "ms", at_most=AT_MOST_MS[way]))
    work = f"{given.films} films, one at a time, each {given.work_s:g} s of sleep"
    return Report("engines", figures, [work])


def _overhead_ms(way: str, given: argparse.Namespace, number: int) -> float:
    say(f"{way}, {number + 1} of {given.repeat}")
    engine = way if way in ("dask", "ray") else "local"
    folder = given.folder / f"{way} {number}"
    project = sleeping_project(folder, {"kind": engine, "workers": 1}, given.films, given.work_s)
    ends = cost_of(python("-m", "benchmarks._engine_run", str(project / "pipeline.yaml"), way)).answer
    gaps = sorted(after - before for before, after in pairwise(sorted(ends)))
    if len(ends) != given.films:
        raise SystemExit(f"{way}: {len(ends)} of {given.films} films ended")
    return 1000 * (gaps[len(gaps) // 2] - given.work_s)


OPTIONS = (
    ("--films", {"type": int, "default": 40, "help": "films a run (default: %(default)s)"}),
    ("--work-s", {"type": float, "default": 0.2, "help": "how long a film's task sleeps (default: %(default)s)"}),
    ("--only", {"nargs": "+", "choices": list(AT_MOST_MS), "help": "these ways only"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
