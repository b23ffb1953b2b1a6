"""How right writing and credits are: films with titles over scenes and rolled credits, drawn by a seed.

Measured: of every title and line of credits that was drawn, the nearest line that was found, and the characters by
which it differs (CER: edits for each true character; a line that was not found counts whole); lines that are near none;
(role, name) pairs of the table `credits`, precision, recall and F1, equal but for case; processor time of the step for
a picture of `frames`. Fonts are DejaVu's where the machine has them, else the one that Pillow brings. They are no real
films.
Target:   CER at most 3 %; F1 of credits at least 0.95.

    python -m benchmarks.writing --seed 505
    python -m benchmarks.writing --films 2 --repeat 1
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from typing import Any

from benchmarks._drawn_credits import DrawnWriting, draw_writing
from benchmarks.figures import Figure, Report, run, say
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run.step import run_step

MANIFEST = """lake: lake
catalogue: {films: 'films/*'}
tracking: {enabled: false}
tasks: {shots: {}, frames: {}, writing: {}, credits: {}}
"""
FAR = 0.5
"""A found line of which more than this part is wrong is another line."""


def measure(given: argparse.Namespace) -> Report:
    """Draw, read, compare."""
    folder = given.folder / f"writing_{given.seed}"
    say(f"drawing {given.films} films in {folder}")
    layouts = ("columns", "blocks")
    drawn = [
        draw_writing(folder / "films" / f"film_{n:02d}.mp4", given.seed * 1000 + n, layout=layouts[n % 2])
        for n in range(given.films)
    ]
    (folder / "pipeline.yaml").write_text(MANIFEST)
    planning, costs_ms = plan_manifest(load_manifest(folder / "pipeline.yaml")), []
    for movie_id, stale in planning.plan.by_film().items():
        began = time.process_time()
        run_step(planning.step(movie_id, stale))
        pictures = planning.lake.reader("frames", movie_id).read(["frame"]).num_rows
        costs_ms.append(1000 * (time.process_time() - began) / pictures)
    rows = {film.path.stem: planning.lake.reader("writing", film.path.stem).read().to_pylist() for film in drawn}
    pairs = {film.path.stem: planning.lake.reader("credits", film.path.stem).read().to_pylist() for film in drawn}
    figures = [*_characters(drawn, rows), *_pairs(drawn, pairs)]
    figures.append(Figure("processor time for a picture", costs_ms or [0.0], "ms"))
    return Report("writing", figures, [f"{given.films} films of seed {given.seed}, half of them in two columns"])


def _characters(drawn: list[DrawnWriting], rows: dict[str, list[dict[str, Any]]]) -> list[Figure]:
    wrong = Counter[str]()
    true = Counter[str]()
    false = 0
    for film in drawn:
        free = [row["text"] for row in rows[film.path.stem] if row["text"]]
        wanted = [("titles", text) for text, _, _ in film.titles]
        wanted += [("credits", role) for role in dict.fromkeys(role for role, _ in film.credits)]
        wanted += [("credits", name) for _, name in film.credits]
        for kind, text in sorted(wanted, key=lambda each: -len(each[1])):
            nearest = min(free, key=lambda other: edits(text, other), default="")
            true[kind] += len(text)
            if edits(text, nearest) <= FAR * len(text):
                wrong[kind] += edits(text, nearest)
                free.remove(nearest)
            else:
                wrong[kind] += len(text)
        false += len(free)
    total = 100 * sum(wrong.values()) / max(1, sum(true.values()))
    kinds = [Figure(f"CER of {kind}", [100 * wrong[kind] / max(1, true[kind])], "%") for kind in ("titles", "credits")]
    return [Figure("CER", [total], "%", at_most=3), *kinds, Figure("lines near no true one", [float(false)])]


def _pairs(drawn: list[DrawnWriting], rows: dict[str, list[dict[str, Any]]]) -> list[Figure]:
    right = found = true = 0
    for film in drawn:
        wanted = Counter((role.casefold(), name.casefold()) for role, name in film.credits)
        given = Counter((row["role"].casefold(), row["name"].casefold()) for row in rows[film.path.stem])
        right, found, true = right + (wanted & given).total(), found + given.total(), true + wanted.total()
        for role, name in (wanted - given).keys() | (given - wanted).keys():
            say(f"  {film.path.stem}: {'missing' if (role, name) in wanted else 'false'}: {role} | {name}")
    return [
        Figure("credits: precision", [right / max(1, found)]),
        Figure(f"credits: recall ({true})", [right / max(1, true)]),
        Figure("credits: F1", [2 * right / max(1, found + true)], at_least=0.95),
    ]


def edits(one: str, other: str) -> int:
    """Characters to insert, remove or replace (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


OPTIONS = (
    ("--films", {"type": int, "default": 8, "help": "how many films (default: %(default)s)"}),
    ("--seed", {"type": int, "default": 505, "help": "the seed that draws them (default: %(default)s)"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
