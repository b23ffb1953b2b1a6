"""Many films of no work: what a run costs as the catalogue grows.

Measured: `cinelake run` on films whose one task does nothing, on a Ray cluster of this machine, from the start of the
command (Prefect's server and the cluster included) to its end; and the most memory that one process held, which is the
driver's or more.
Target:   5,000 films in at most 300 s within 1.5 GiB, and no film dearer in the widest run than 1.3 times the median
          of all runs, so that the curve is straight.

    python -m benchmarks.width
    python -m benchmarks.width --films 100 500 --engine local     # a quick look
"""

from __future__ import annotations

import argparse
import statistics
import sys

from benchmarks._sleeping_project import make_known, sleeping_project
from benchmarks.children import Cost, cost_of, python
from benchmarks.figures import Figure, Report, run, say

WIDTHS = (100, 500, 1_000, 2_500, 5_000)
AT_MOST_S, AT_MOST_MIB, AT_MOST_RATIO = 300.0, 1536.0, 1.3


def measure(given: argparse.Namespace) -> Report:
    """Each width once."""
    make_known(given.folder / "site")
    costs = {films: _cost(films, given) for films in sorted(given.films)}
    widest = max(costs)
    per_film_ms = {films: _per_film_ms(cost) for films, cost in costs.items()}
    ratio = per_film_ms[widest] / statistics.median(per_film_ms.values())
    full = widest >= max(WIDTHS)
    return Report(
        "width",
        [
            Figure(f"{widest} films, whole command", [costs[widest].wall_s], "s", at_most=AT_MOST_S if full else None),
            Figure("largest process", [costs[widest].peak_rss_mib], "MiB", at_most=AT_MOST_MIB if full else None),
            *(Figure(f"{films} films, largest process", [cost.peak_rss_mib], "MiB") for films, cost in costs.items()),
            *(Figure(f"{films} films, each", [value], "ms") for films, value in per_film_ms.items()),
            Figure("widest run beside the median, per film", [ratio], at_most=AT_MOST_RATIO),
        ],
        [f"{given.engine}, two workers; per film: from the first film's end to the last one's"],
    )


def _cost(films: int, given: argparse.Namespace) -> Cost:
    say(f"{films} films")
    engine = {"kind": given.engine, "workers": 2}
    project = sleeping_project(given.folder / f"films {films}", engine, films, 0.0)
    cost = cost_of(python("-m", "benchmarks._engine_run", str(project / "pipeline.yaml"), given.engine))
    if len(cost.answer) != films:
        raise SystemExit(f"{len(cost.answer)} of {films} films ended")
    return cost


def _per_film_ms(cost: Cost) -> float:
    ends = cost.answer
    return 1000 * (max(ends) - min(ends)) / (len(ends) - 1)


OPTIONS = (
    ("--films", {"nargs": "+", "type": int, "default": list(WIDTHS), "help": "how many films (default: %(default)s)"}),
    (
        "--engine",
        {"choices": ["local", "dask", "ray"], "default": "ray", "help": "which engine (default: %(default)s)"},
    ),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
