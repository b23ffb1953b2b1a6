"""How long a person waits for `cinelake look` at a film of ten minutes, and at the same film again.

Measured: wall and processor time of the whole command, a fresh process: shots, frames, sound, faces, embeddings and
the film's page with its player; then of the same command once more, with nothing to make.
Target:   one minute at 640×360 on two processors that nothing else uses; the second look 3 s.

    python -m benchmarks.look --folder /tmp/benchmarks
    python -m benchmarks.look --height 1080       # 6 Mb/s with grain: no target
"""

from __future__ import annotations

import argparse
import shutil
import sys

from benchmarks.children import Cost, cinelake, cost_of
from benchmarks.figures import Figure, Report, run
from benchmarks.material import film_1080p, film_loop, in_words

MINUTES = 10.0


def measure(given: argparse.Namespace) -> Report:
    """The first look and the second, each time into an empty folder."""
    small = given.height == 360
    film = film_loop(given.folder, given.minutes) if small else film_1080p(given.folder, given.minutes * 60)
    place = given.folder / "looked_at"
    command = cinelake("look", str(film), "--out", str(place), "--no-open")
    first: list[Cost] = []
    again: list[Cost] = []
    for _ in range(given.repeat):
        shutil.rmtree(place, ignore_errors=True)
        first.append(cost_of(command))
        again.append(cost_of(command))
    limits = (60.0, 3.0) if small and given.minutes == MINUTES else (None, None)
    figures = [
        Figure("first look: wall time", [cost.wall_s for cost in first], "s", at_most=limits[0]),
        Figure("first look: processor time", [cost.cpu_s for cost in first], "s CPU"),
        Figure("second look: wall time", [cost.wall_s for cost in again], "s", at_most=limits[1]),
        Figure("second look: processor time", [cost.cpu_s for cost in again], "s CPU"),
    ]
    return Report("look", figures, [in_words(film, f"{given.minutes:g} minutes"), first[-1].stdout.splitlines()[0]])


OPTIONS = (
    ("--minutes", {"type": float, "default": MINUTES, "help": "length of the film (default: %(default)g)"}),
    ("--height", {"type": int, "choices": (360, 1080), "default": 360, "help": "of the film (default: %(default)s)"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=3))
