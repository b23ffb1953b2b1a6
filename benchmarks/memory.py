"""How much memory a film takes, and whether that grows with its length.

Measured: the most that ffmpeg and the step's process hold together while they write films, shots, frames and sound of
a 640×360 film: the sum of resident sizes over the process tree, read 20 times a second (pages that both map count
twice). Once on a film of `--minutes`, once on one of `--short-minutes`.
Target:   at most 800 MiB for two hours, and at most 50 MiB more than for 20 minutes.

    python -m benchmarks.memory --folder /tmp/benchmarks
    python -m benchmarks.memory --minutes 10 --short-minutes 2       # a quick look
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.children import Peak, peak_of, python
from benchmarks.figures import Figure, Report, run, say


def measure(given: argparse.Namespace) -> Report:
    """Both films, in turn."""
    from benchmarks.material import film_loop, in_words

    films = [film_loop(given.folder, minutes) for minutes in (given.short_minutes, given.minutes)]
    peaks: list[list[Peak]] = [[], []]
    for turn in range(given.repeat):
        for film, measured in zip(films, peaks, strict=True):
            say(f"turn {turn + 1} of {given.repeat}: {film.name}")
            measured.append(_peak(film, given.folder))
    short, long = peaks
    more = [one.rss_mib - other.rss_mib for one, other in zip(long, short, strict=True)]
    figures = [
        Figure(f"{given.minutes:g} minutes: peak", [peak.rss_mib for peak in long], "MiB", at_most=800),
        Figure(f"{given.short_minutes:g} minutes: peak", [peak.rss_mib for peak in short], "MiB"),
        Figure("more than the short film", more, "MiB", at_most=50),
        Figure(f"{given.minutes:g} minutes: of that ffmpeg", [peak.parts_mib[1] for peak in long], "MiB"),
        Figure(f"{given.minutes:g} minutes: wall time", [peak.wall_s for peak in long], "s"),
    ]
    return Report("memory", figures, [in_words(film, "drawn films, repeated without encoding") for film in films])


def _peak(film: Path, folder: Path) -> Peak:
    return peak_of(python("-m", "benchmarks.one_step", str(film), "--folder", str(folder)))


OPTIONS = (
    ("--minutes", {"type": float, "default": 120.0, "help": "length of the long film (default: %(default)s)"}),
    ("--short-minutes", {"type": float, "default": 20.0, "help": "length of the short one (default: %(default)s)"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
