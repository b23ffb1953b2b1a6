"""Two one-core workers against one, on the real chain.

Measured: `cinelake run` of the demo's whole chain on films of one length, each film's step kept to one processor with
ffmpeg and all its threads, by one worker on one processor and by two on two, in turn, on each engine. The work counts:
from the first film's start to the last one's end, without the start of servers, clusters and processes; a first film
for each worker, which loads what its process needs, is not counted. One worker's driver and Prefect server have its
processor too, two workers' have both. Beside it: the whole commands, and what the ratio could be: how evenly the
films came to the two workers, and how much longer a film took with a neighbour (memory, caches, the driver).
Target:   two workers at least 1.8 times as fast.

    python -m benchmarks.scaling
    python -m benchmarks.scaling --films 8 --seconds 6 --engines local     # a quick look
    python -m benchmarks.scaling --real FILM                               # many copies of a film of yours
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks._chain_project import chain_project
from benchmarks.children import ROOT, cost_of, python
from benchmarks.figures import Figure, Report, run, say
from examples.draw import draw_catalogue

AT_LEAST = 1.8
SEED = 11


@dataclass(frozen=True)
class Timed:
    """One run: seconds of the whole command, of the work, of each film, and of each processor's films together."""

    command_s: float
    work_s: float
    films_s: Sequence[float]
    processors_s: Sequence[float]


def measure(given: argparse.Namespace) -> Report:
    """One worker and two, engine by engine, in turn."""
    os.environ["PYTHONPATH"] = str(ROOT)
    films, words = _films(given)
    times: dict[tuple[str, int], list[Timed]] = defaultdict(list)
    for number in range(given.repeat):
        for engine in given.engines:
            for workers in (1, 2) if number % 2 == 0 else (2, 1):
                say(f"{engine}, {workers} workers, {number + 1} of {given.repeat}")
                times[engine, workers].append(_timed(given.folder / "run", engine, workers, films))
    figures = [figure for engine in given.engines for figure in _figures(engine, times[engine, 1], times[engine, 2])]
    return Report("scaling", figures, [words])


def _films(given: argparse.Namespace) -> tuple[list[Path], str]:
    """Films of one length: two that are not counted, then those that are; and words for them."""
    if given.real:
        return [given.real] * (given.films + 2), f"{given.films} copies of {given.real.name}"
    say("drawing films")
    drawn = draw_catalogue(given.folder / f"drawn {given.seconds:g}", given.films + 2, SEED, seconds=given.seconds)
    return [Path(film.path) for film in drawn], f"{given.films} drawn films of {given.seconds:g} s, the demo's chain"


def _timed(folder: Path, engine: str, workers: int, films: Sequence[Path]) -> Timed:
    shutil.rmtree(folder, ignore_errors=True)
    numbered = {f"{number:03}{film.suffix}": film for number, film in enumerate(films)}
    manifest = chain_project(folder, numbered, {"kind": engine, "workers": workers})
    allowed = ",".join(map(str, sorted(os.sched_getaffinity(0))[:workers]))
    cost = cost_of(["taskset", "-c", allowed, *python("-m", "benchmarks._pinned_run", str(manifest))])
    ended = sorted(cost.answer, key=lambda film: float(film["began"]))
    if len(ended) != len(films):
        raise SystemExit(f"{engine}: {len(ended)} of {len(films)} films ended")
    counted = ended[2:]
    by_processor: dict[int, float] = defaultdict(float)
    for film in counted:
        by_processor[film["processor"]] += film["ended"] - film["began"]
    work_s = max(film["ended"] for film in counted) - min(film["began"] for film in counted)
    return Timed(cost.wall_s, work_s, [f["ended"] - f["began"] for f in counted], list(by_processor.values()))


def _figures(engine: str, ones: Sequence[Timed], twos: Sequence[Timed]) -> list[Figure]:
    pairs = list(zip(ones, twos, strict=True))
    even = [mean(two.processors_s) / two.work_s for two in twos]
    return [
        Figure(f"{engine}: one worker / two, the work", [a.work_s / b.work_s for a, b in pairs], at_least=AT_LEAST),
        Figure(f"{engine}: one worker, the work", [one.work_s for one in ones], "s"),
        Figure(f"{engine}: two workers, the work", [two.work_s for two in twos], "s"),
        Figure(f"{engine}: one worker / two, whole commands", [a.command_s / b.command_s for a, b in pairs]),
        Figure(f"{engine}: a film with a neighbour / alone", [mean(b.films_s) / mean(a.films_s) for a, b in pairs]),
        Figure(f"{engine}: two workers at work, of the time", [100 * share for share in even], "%"),
        Figure(f"{engine}: one worker at work, of the time", [100 * sum(a.films_s) / a.work_s for a in ones], "%"),
    ]


OPTIONS = (
    ("--films", {"type": int, "default": 24, "help": "films that count (default: %(default)s)"}),
    ("--seconds", {"type": float, "default": 20.0, "help": "how long each is (default: %(default)s)"}),
    ("--real", {"type": Path, "help": "many times this film, in place of drawn ones"}),
    (
        "--engines",
        {"nargs": "+", "choices": ["local", "dask", "ray"], "default": ["local", "ray"], "help": "which (local, ray)"},
    ),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=3))
