"""What a changed parameter costs whose effect is small: what comes out the same is not made again.

Measured: on films with all tables, `sensitivity` of `shots` goes from 1.2 to 1.0. How many cells a plan names; how many
of them were made, and how many only got a new key, as what they are made from came out the same; the processor time of
that, beside that of making all named cells. Then the new lake is compared with one made from nothing.
Target:   no cell is made from inputs whose content is known; both lakes are equal.

    python -m benchmarks.same_again --films "FOLDER/*"      # real films
    python -m benchmarks.same_again                         # ten drawn ones
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning, plan_manifest
from cinelake.run.cells import processor_s
from cinelake.run.step import run_step

TABLES = ("shots", "frames", "faces", "embeddings")
"""The tables that a sensitivity reaches."""
DEAR = ("faces", "embeddings")
MANIFEST = """\
lake: {lake}
catalogue: {{films: {films!r}}}
tasks:
  films: {{}}
  shots: {{sensitivity: {sensitivity}}}
  frames: {{fps: 1}}
  sound: {{}}
  faces: {{detector: dlib}}
  embeddings: {{backbone: descriptor}}
"""
BEFORE, AFTER = 1.2, 1.0


def measure(given: argparse.Namespace) -> Report:
    """The lake before, after, and another from nothing."""
    films = given.films or str(_drawn(given.folder))
    _make(_planned(given.folder, "lake", films, BEFORE))
    planning = _planned(given.folder, "lake", films, AFTER)
    works = Counter(cell.work for cell in planning.plan.stale)
    before = {(c.movie_id, c.table): _content(planning.lake, c.table, c.movie_id) for c in planning.plan.stale}
    outcomes, spent_s = _make(planning)
    other = _planned(given.folder, "other", films, AFTER)
    _make(other)
    named = [(cell.movie_id, cell.table) for cell in planning.plan.stale if cell.table in DEAR]
    same = sum(_content(planning.lake, table, m) == before[m, table] for m, table in named)
    kept = sum(outcomes["rekeyed", table] for table in DEAR)
    all_s = sum(_cost(other.lake, cell.table, cell.movie_id) for cell in planning.plan.stale)
    differing = sum(
        _content(planning.lake, cell.table, cell.movie_id) != _content(other.lake, cell.table, cell.movie_id)
        for cell in other.whole.cells
    )
    figures = [
        Figure("cells that the plan names", [len(planning.plan.stale)]),
        Figure("of them 'may'", [works["may"]]),
        Figure("faces and embeddings among them", [len(named)]),
        Figure("of these the same as before", [same]),
        Figure("of these not made again", [kept]),
        *(Figure(f"{t}: made (and {outcomes['rekeyed', t]} new keys)", [outcomes["made", t]]) for t in TABLES),
        Figure("processor time of the run", [spent_s], "s CPU"),
        Figure("processor time of making all of them", [all_s], "s CPU"),
        Figure("cells unlike those of a lake made from nothing", [differing], at_most=0, at_least=0),
    ]  # fmt: skip
    return Report("same_again", figures, [f"{len(planning.films)} films: {films}"])


def _drawn(folder: Path) -> Path:
    from examples.draw import draw_catalogue

    say("drawing ten films")
    draw_catalogue(folder / "drawn", 10, 5)
    return folder / "drawn" / "films" / "*.mp4"


def _planned(folder: Path, lake: str, films: str, sensitivity: float) -> Planning:
    manifest = folder / f"{lake}.yaml"
    manifest.write_text(MANIFEST.format(lake=lake, films=films, sensitivity=sensitivity))
    return plan_manifest(load_manifest(manifest))


def _make(planning: Planning) -> tuple[Counter[tuple[str, str]], float]:
    """Make what is stale: how many cells of each table ended how, and the processor time of all."""
    outcomes: Counter[tuple[str, str]] = Counter()
    spent_s = 0.0
    for movie_id, cells in planning.plan.by_film().items():
        say(f"  {movie_id}")
        report = run_step(planning.step(movie_id, cells))
        outcomes.update((cell.outcome, cell.table) for cell in report.cells)
        spent_s += sum(cell.processor_s for cell in report.cells)
    return outcomes, spent_s


def _content(lake: Lake, table: str, movie_id: str) -> str:
    footer = lake.footer(table, movie_id)
    return footer.content_digest if footer else ""


def _cost(lake: Lake, table: str, movie_id: str) -> float:
    footer = lake.footer(table, movie_id)
    return (processor_s(footer.run) or 0.0) if footer else 0.0


OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--films", {"help": "the films, as in a manifest (default: drawn ones)"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
