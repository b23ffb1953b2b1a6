"""What `select count(*) from shots` costs over the small files of a lake, one a film, and over its published copy.

Measured: `cinelake query`, a fresh process each time, over lakes of a tenth of the films and of all of them, 20 shots
each: wall and processor time, first over the small files, then with `--published latest`; the answers are compared. By
the slope between both sizes: what it costs over 100,000 films, on paper.
Target:   none; it says from how many films on a published copy is worth its making.

    python -m benchmarks.count_shots --folder /tmp/benchmarks
    python -m benchmarks.count_shots --films 500             # a quick look
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.big_lake import make_big_lake
from benchmarks.children import Cost, cinelake, cost_of
from benchmarks.figures import Figure, Report, run, say
from benchmarks.publish import COUNT, MANIFEST, SETTLED_S

SHOTS, PAPER = 20, 100_000
WAYS = {"small files": (), "published": ("--published", "latest")}


def measure(given: argparse.Namespace) -> Report:
    """Both sizes, both ways."""
    figures: list[Figure] = []
    costs: dict[str, list[list[Cost]]] = {way: [] for way in WAYS}
    for films in (given.films // 10, given.films):
        manifest = _lake(given.folder / f"count_{films}", films)
        for way, options in WAYS.items():
            asked = [_asked(manifest, films, options) for _ in range(given.repeat)]
            costs[way].append(asked)
            figures.append(Figure(f"{films:,} films, {way}: wall time", [cost.wall_s for cost in asked], "s"))
            figures.append(Figure(f"{films:,} films, {way}: processor time", [c.cpu_s for c in asked], "s CPU"))
    figures += [_paper(way, few, many, given.films) for way, (few, many) in costs.items()]
    return Report("count_shots", figures, [f"{SHOTS} shots a film; each question by a command of its own"])


def _lake(folder: Path, films: int) -> Path:
    """The manifest of a lake of so many films, published."""
    say(f"looking after a lake of {films:,} films in {folder}")
    manifest = make_big_lake(folder, films, MANIFEST, SHOTS)
    if not (folder / "lake" / "published").is_dir():
        time.sleep(SETTLED_S)
        cost = cost_of(cinelake("publish", "-m", str(manifest), "--json"))
        say(f"published in {cost.wall_s:.1f} s ({cost.cpu_s:.1f} s of processor time)")
    cost_of(cinelake("query", "-m", str(manifest), COUNT))  # the index of footers is up to date from here on
    return manifest


def _asked(manifest: Path, films: int, options: Sequence[str]) -> Cost:
    """Count once; raises `SystemExit` where the answer is wrong."""
    cost = cost_of(cinelake("query", "-m", str(manifest), "--format", "csv", *options, COUNT))
    received = int(cost.stdout.split()[-1])
    if received != films * SHOTS:
        raise SystemExit(f"{received} shots were counted, there are {films * SHOTS}")
    return cost


def _paper(way: str, few: list[Cost], many: list[Cost], films: int) -> Figure:
    """Processor time over `PAPER` films, by the slope between both sizes."""
    less, more = (statistics.median(cost.cpu_s for cost in costs) for costs in (few, many))
    slope_s = max(0.0, more - less) / (films - films // 10)  # a difference below nothing is noise
    words = f"{PAPER:,} films on paper, {way} ({1000 * slope_s:.3f} ms a film)"
    return Figure(words, [more + slope_s * (PAPER - films)], "s CPU")


OPTIONS = (("--films", {"type": int, "default": 10_000, "help": "how many films (default: %(default)s)"}),)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=3))
