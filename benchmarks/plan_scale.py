"""What `cinelake plan` costs for a large catalogue that is all fresh.

Measured: wall time and peak memory of `cinelake plan`, a fresh process each time, on a lake of 10,000 films × 8 tables
(`benchmarks/big_lake.py` says how it is made): with the lake's index, without it (deleted before each), and, after one
film has changed, whether exactly that film's eight cells are selected.
Target:   with the index at most 3 s and 500 MB, nothing selected; without it at most 30 s.

The first time the lake is made, in about a minute; with `--folder` it is kept.

    python -m benchmarks.plan_scale --folder /tmp/benchmarks
    python -m benchmarks.plan_scale --films 200              # a quick look
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.children import Cost, cinelake, cost_of, python
from benchmarks.figures import Figure, Report, run, say

TABLES = 8
SETTLED_S = 2.5
"""Files younger than two seconds are read again by the next plan; so the first one waits."""
MB = 1e6


def measure(given: argparse.Namespace) -> Report:
    """Without the index, with it, and after a change."""
    folder = given.folder / f"lake_{given.films}"
    say(f"looking after a lake of {given.films:,} films in {folder}")
    made = cost_of(python("-m", "benchmarks.big_lake", str(folder), "--films", str(given.films)))
    plan = cinelake("plan", "-m", made.stdout.strip())
    time.sleep(SETTLED_S)
    cold = [_without_index(folder, plan) for _ in range(given.cold_repeat)]
    cost_of(plan)
    warm = [cost_of(plan) for _ in range(given.repeat)]
    selected = _stale(cost_of([*plan, "--json"]))
    changed = _after_a_change(folder / "films" / "film_000007.mp4", [*plan, "--json"])
    figures = [
        Figure("with index: wall time", [cost.wall_s for cost in warm], "s", at_most=3),
        Figure("with index: processor time", [cost.cpu_s for cost in warm], "s CPU"),
        Figure("with index: peak memory", [_megabytes(cost) for cost in warm], "MB", at_most=500),
        Figure("with index: cells selected", [len(selected)], at_most=0, at_least=0),
        Figure("without index: wall time", [cost.wall_s for cost in cold], "s", at_most=30),
        Figure("without index: peak memory", [_megabytes(cost) for cost in cold], "MB", at_most=500),
        Figure("one film changed: its cells selected", [changed[0]], at_most=TABLES, at_least=TABLES),
        Figure("one film changed: others selected", [changed[1]], at_most=0, at_least=0),
    ]
    return Report("plan_scale", figures, [f"{given.films:,} films × {TABLES} tables of a row each, all fresh"])


def _without_index(folder: Path, plan: list[str]) -> Cost:
    (folder / "lake" / "_index.sqlite").unlink(missing_ok=True)
    return cost_of(plan)


def _after_a_change(film: Path, plan: list[str]) -> tuple[int, int]:
    """Change one film, plan, and change it back: (cells of that film selected, cells of others selected)."""
    content = film.read_bytes()
    try:
        film.write_bytes(content + b"changed")
        stale = _stale(cost_of(plan))
    finally:
        film.write_bytes(content)
    its = [cell for cell in stale if cell["movie_id"] == film.stem]
    return len(its), len(stale) - len(its)


def _stale(cost: Cost) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(cost.stdout)["cells"] if cell["state"] == "stale"]


def _megabytes(cost: Cost) -> float:
    return cost.peak_rss_mib * 1.048576


OPTIONS = (
    ("--films", {"type": int, "default": 10_000, "help": "how many films (default: %(default)s)"}),
    ("--cold-repeat", {"type": int, "default": 1, "help": "repetitions without index (default: %(default)s)"}),
)

if __name__ == "__main__":
    os.environ.pop("CINELAKE_MANIFEST", None)
    sys.exit(run(__doc__ or "", measure, *OPTIONS))
