"""How long `cinelake why` takes on a lake of many films.

Measured: wall and processor time of `cinelake why faces FILM --json`, a fresh process each time, on a lake of 10,000
films × 8 tables (`benchmarks/big_lake.py` says how it is made); a different film each time.
Target:   at most 1 s.

    python -m benchmarks.why --folder /tmp/benchmarks
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.big_lake import make_big_lake
from benchmarks.children import cinelake, cost_of
from benchmarks.figures import Figure, Report, run, say


def measure(given: argparse.Namespace) -> Report:
    """Ask for one film after the other."""
    folder = given.folder / f"lake_{given.films}"
    say(f"looking after a lake of {given.films:,} films in {folder}")
    manifest = str(make_big_lake(folder, given.films))
    ids = [f"film_{number * given.films // (given.repeat + 1):06d}" for number in range(given.repeat + 1)]
    costs = [cost_of(cinelake("why", "faces", movie_id, "--json", "-m", manifest)) for movie_id in ids]
    if any(cost.answer["state"] != "fresh" for cost in costs):
        raise SystemExit("a cell of the lake is not fresh")
    measured = costs[1:]  # the first one warms the disk's cache
    figures = [
        Figure("why: wall time", [cost.wall_s for cost in measured], "s", at_most=1),
        Figure("why: processor time", [cost.cpu_s for cost in measured], "s CPU"),
    ]
    return Report("why", figures, [f"{given.films:,} films × 8 tables; `why faces FILM`, down to shots and the film"])


OPTIONS = (("--films", {"type": int, "default": 10_000, "help": "how many films (default: %(default)s)"}),)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS))
