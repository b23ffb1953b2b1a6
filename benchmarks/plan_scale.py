"""What `cinelake plan` costs for a large catalogue that is all fresh.

Measured: wall time and peak memory of `cinelake plan`, a fresh process each time, on a lake of 10,000 films × 8 tables
(`benchmarks/big_lake.py` says how it is made): with the lake's index, without it (deleted before each), and, after one
film has changed, whether exactly that film's eight cells are selected.
Target:   with the index at most 3 s and 500 MB, nothing selected; without it at most 30 s.

The first time the lake is made, in about a minute; with `--folder` it is kept.

    python -m benchmarks.plan_scale --folder /tmp/benchmarks
    python -m benchmarks.plan_scale --films 200              # a quick look
    python -m benchmarks.plan_scale --films 100000 --indexed --cold-repeat 0

`--indexed`: the cells are empty files whose footers the index has already, which is all that a plan with the index
looks at, and made in a tenth of the time; so a hundred thousand films can be planned. Beside it what a run costs that
has nothing to do, and both for a million films, by the slope of what was measured here.
Target with 100,000 films: at most 30 s and 1,500 MB, each.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.big_lake import MANIFEST
from benchmarks.children import Cost, cinelake, cost_of, python
from benchmarks.figures import Figure, Report, run, say

TABLES = 8
MILLION = 1_000_000
SETTLED_S = 2.5
"""Files younger than two seconds are read again by the next plan; so the first one waits."""
MB = 1e6


def measure(given: argparse.Namespace) -> Report:
    """Without the index, with it, and after a change."""
    folder = given.folder / f"lake_{given.films}"
    say(f"looking after a lake of {given.films:,} films in {folder}")
    indexed = ["--indexed"] if given.indexed else []
    made = cost_of(python("-m", "benchmarks.big_lake", str(folder), "--films", str(given.films), *indexed))
    plan = cinelake("plan", "-m", made.stdout.strip())
    time.sleep(SETTLED_S)
    cold = [_without_index(folder, plan) for _ in range(given.cold_repeat)]
    empty = cost_of(cinelake("plan", "-m", str(_one_film(given.folder))))
    cost_of(plan)
    warm = [cost_of(plan) for _ in range(given.repeat)]
    selected = _stale(cost_of([*plan, "--json"]))
    nights = [cost_of(cinelake("run", "-m", made.stdout.strip())) for _ in range(given.repeat)]
    changed = None if given.indexed else _after_a_change(folder / "films" / "film_000007.mp4", [*plan, "--json"])
    figures = [
        Figure("with index: wall time", [cost.wall_s for cost in warm], "s", at_most=30 if given.indexed else 3),
        Figure("with index: processor time", [cost.cpu_s for cost in warm], "s CPU"),
        Figure("with index: peak memory", [_megabytes(c) for c in warm], "MB", at_most=1500 if given.indexed else 500),
        Figure("nothing to run: processor time", [cost.cpu_s for cost in nights], "s CPU"),
        Figure("nothing to run: wall time", [cost.wall_s for cost in nights], "s"),
        Figure("nothing to run: peak memory", [_megabytes(cost) for cost in nights], "MB"),
        *(_paper(name, costs, empty, given.films) for name, costs in (("plan", warm), ("nothing to run", nights))),
        Figure("with index: cells selected", [len(selected)], at_most=0, at_least=0),
        *_cold(cold),
        *_changed(changed),
    ]
    return Report("plan_scale", figures, [f"{given.films:,} films × {TABLES} tables of a row each, all fresh"])


def _cold(costs: list[Cost]) -> list[Figure]:
    if not costs:
        return []
    return [
        Figure("without index: wall time", [cost.wall_s for cost in costs], "s", at_most=30),
        Figure("without index: peak memory", [_megabytes(cost) for cost in costs], "MB", at_most=500),
    ]


def _changed(selected: tuple[int, int] | None) -> list[Figure]:
    if selected is None:
        return []
    return [
        Figure("one film changed: its cells selected", [selected[0]], at_most=TABLES, at_least=TABLES),
        Figure("one film changed: others selected", [selected[1]], at_most=0, at_least=0),
    ]


def _one_film(folder: Path) -> Path:
    """A manifest over one film that is no film, beside no lake: what every plan costs."""
    place = folder / "one"
    (place / "films").mkdir(parents=True, exist_ok=True)
    (place / "films" / "film.mp4").write_text("film")
    (place / "pipeline.yaml").write_text(MANIFEST)
    return place / "pipeline.yaml"


def _paper(name: str, costs: list[Cost], empty: Cost, films: int) -> Figure:
    """Processor time for a million films: a film's, as the slope says, a million times, and what every plan costs."""
    slope_s = (statistics.median(cost.cpu_s for cost in costs) - empty.cpu_s) / films
    more_mb = (statistics.median(_megabytes(cost) for cost in costs) - _megabytes(empty)) / films * MILLION
    held_gb = (more_mb + _megabytes(empty)) / 1000
    words = f"{name} of 1,000,000 on paper ({1000 * slope_s:.2f} ms a film; {held_gb:.1f} GB)"
    return Figure(words, [empty.cpu_s + slope_s * MILLION], "s CPU")


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
    ("--indexed", {"action": "store_true", "help": "empty files, whose footers are in the index"}),
    ("--films", {"type": int, "default": 10_000, "help": "how many films (default: %(default)s)"}),
    ("--cold-repeat", {"type": int, "default": 1, "help": "repetitions without index (default: %(default)s)"}),
)

if __name__ == "__main__":
    os.environ.pop("CINELAKE_MANIFEST", None)
    sys.exit(run(__doc__ or "", measure, *OPTIONS))
