"""How right the cues are: black, bars, letterbox, pillarbox, credits and silence of films drawn by a seed.

Measured: for each kind the share of seconds found that are right (precision) and of true seconds that are found
(recall), over all films; how far the ends of black lie from the true ones; wall time of the step that makes `sound` and
`cues` in one decode, beside the films' length. The films are drawn as `benchmarks/_drawn_cues.py` says, with scenes
that are easily taken for a cue. They are no real films.
Target:   precision and recall of each kind at least 0.9; black to the picture (0.084 s at 12 pictures a second).

    python -m benchmarks.cues --seed 505
    python -m benchmarks.cues --films 2 --repeat 1           # a quick look
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks._drawn_cues import DrawnCues, draw_cues
from benchmarks.figures import Figure, Report, run, say
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run.step import run_step
from tasks.cues import KINDS

Spans = list[tuple[float, float]]
MANIFEST = "lake: lake\ncatalogue: {films: 'films/*.mp4'}\ntracking: {enabled: false}\ntasks: {sound: {}, cues: {}}\n"


def measure(given: argparse.Namespace) -> Report:
    """Draw, find, compare."""
    folder = given.folder / f"cues_{given.seed}"
    say(f"drawing {given.films} films in {folder}")
    drawn = draw_cues(folder / "films", given.films, given.seed)
    (folder / "pipeline.yaml").write_text(MANIFEST)
    detected, times_real = _found(folder / "pipeline.yaml")
    figures = [figure for kind in KINDS for figure in _figures(kind, drawn, detected)]
    figures.append(Figure("black: distance of its ends", _distances(drawn, detected), "s", at_most=0.084))
    figures.append(Figure("sound and cues, times real time", times_real))
    return Report("cues", figures, [f"{given.films} films of seed {given.seed}; seconds of all films together"])


def _found(manifest: Path) -> tuple[dict[str, dict[str, Spans]], list[float]]:
    """Film → kind → spans; and for each film that was run now, how many times faster than real time."""
    planning, speeds = plan_manifest(load_manifest(manifest)), []
    for movie_id, stale in planning.plan.by_film().items():
        began = time.perf_counter()
        report = run_step(planning.step(movie_id, stale))
        speeds.append(report.film_s / (time.perf_counter() - began))
    detected: dict[str, dict[str, Spans]] = {}
    for movie_id in planning.films:
        for row in planning.lake.reader("cues", movie_id).read().to_pylist():
            spans = detected.setdefault(movie_id, {}).setdefault(row["kind"], [])
            spans.append((row["start_s"], row["end_s"]))
    return detected, speeds or [0.0]


def _figures(kind: str, drawn: list[DrawnCues], detected: dict[str, dict[str, Spans]]) -> list[Figure]:
    right_s = detected_s = true_s = 0.0
    for film in drawn:
        spans, truth = detected.get(film.path.stem, {}).get(kind, []), film.spans.get(kind, [])
        right_s += sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in spans for b in truth)
        detected_s += sum(end - start for start, end in spans)
        true_s += sum(end - start for start, end in truth)
    precision, recall = right_s / detected_s if detected_s else 0.0, right_s / true_s if true_s else 0.0
    about = f" ({true_s:.0f} s)"
    return [
        Figure(f"{kind}: precision", [precision], at_least=0.9),
        Figure(f"{kind}: recall{about}", [recall], at_least=0.9),
    ]


def _distances(drawn: list[DrawnCues], detected: dict[str, dict[str, Spans]]) -> list[float]:
    """Of each true black that something overlaps: how far the farther end is from its own."""
    distances = [0.0]
    for film in drawn:
        for start, end in film.spans.get("black", []):
            near = [s for s in detected.get(film.path.stem, {}).get("black", []) if s[0] < end and s[1] > start]
            distances += [max(abs(near[0][0] - start), abs(near[-1][1] - end))] if near else []
    return distances[1:] or distances


OPTIONS = (
    ("--films", {"type": int, "default": 12, "help": "how many films (default: %(default)s)"}),
    ("--seed", {"type": int, "default": 303, "help": "the seed that draws them (default: %(default)s)"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
