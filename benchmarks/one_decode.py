"""What decoding a film once costs, in processor time, beside decoding alone.

Measured: user and system time of the step that writes films, shots, frames and sound, and of the step that writes
shots alone, each run in a fresh process: the start of Python and ffmpeg, imports and the writing of tables count. What
they take in any case is told apart: what the step takes of the film's first second.
Material: films at 640×360, 1280×720 and 1920×1080, each of two kinds: drawn (flat colours, as x264 makes them by
default) and grain (the same under grain, at 1, 3 and 6 Mb/s); with `--film`, films of your own instead.
Against:  the same ffmpeg that only decodes the same film: `ffmpeg -i FILM -f null -`. Told apart is the least that four
tables can take: what ffmpeg takes to decode the film and to make the pictures and the sound that they want, for nobody.
Target:   four tables at most 2.0 times at 360p and 1.15 times at 1080p, shots alone 1.3 and 1.0 times; and ffmpeg's
own counter says that it decoded each picture once.

All run in turn, and ratios are taken within each turn.

    python -m benchmarks.one_decode --folder /tmp/benchmarks
    python -m benchmarks.one_decode --folder /tmp/benchmarks --heights 360 --kinds drawn --seconds 60 --repeat 1
    python -m benchmarks.one_decode --film my.mkv
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.children import Cost, cost_of, python
from benchmarks.figures import Figure, Report, run, say

GOALS = {360: (2.0, 1.3), 720: (None, None), 1080: (1.15, 1.0)}
"""By height: the most that four tables and that shots alone may take of a bare decode."""
KINDS = ("drawn", "grain")


@dataclass
class Costs:
    """What one film cost, turn by turn."""

    name: str
    film: Path
    goals: tuple[float | None, float | None]
    bare: list[Cost] = field(default_factory=list)
    four: list[Cost] = field(default_factory=list)
    shots: list[Cost] = field(default_factory=list)
    second: list[Cost] = field(default_factory=list)
    least: list[Cost] = field(default_factory=list)

    def measure(self, folder: Path) -> None:
        """One turn."""
        from benchmarks.material import first_second

        step, begun = (
            python("-m", "benchmarks.one_step", str(film), "--folder", str(folder))
            for film in (self.film, first_second(folder, self.film))
        )
        self.second.append(cost_of(begun))
        self.bare.append(cost_of(decode_only(self.film)))
        self.least.append(made_for_nobody(self.film))
        self.four.append(cost_of(step))
        self.shots.append(cost_of([*step, "--tables", "shots"]))

    def figures(self) -> list[Figure]:
        """Ratios, shares and counts."""
        again = [step.answer["frames_decoded"] / step.answer["frame_count"] for step in self.four]
        four, shots = self.goals
        return [
            Figure(f"{self.name}: bare decode", [cost.cpu_s for cost in self.bare], "s CPU"),
            Figure(f"{self.name}: four tables / bare decode", self._ratios(self.four), "x", at_most=four),
            Figure(f"{self.name}:   of that the worker", self._ratios(self.four, "worker_s"), "x"),
            Figure(f"{self.name}:   of that ffmpeg", self._ratios(self.four, "ffmpeg_s"), "x"),
            Figure(f"{self.name}:   of that the first second, with all that starts", self._ratios(self.second), "x"),
            Figure(f"{self.name}:   ffmpeg alone, making what they want for nobody", self._ratios(self.least), "x"),
            Figure(f"{self.name}: shots alone / bare decode", self._ratios(self.shots), "x", at_most=shots),
            Figure(f"{self.name}: pictures decoded / in the film", again, "x", at_most=1, at_least=1),
        ]

    def _ratios(self, steps: list[Cost], part: str = "") -> list[float]:
        took = [step.answer[part] if part else step.cpu_s for step in steps]
        return [step_s / bare.cpu_s for step_s, bare in zip(took, self.bare, strict=True)]


def measure(given: argparse.Namespace) -> Report:
    """The steps beside a bare decode, in turn."""
    from benchmarks.material import in_words

    costs = _films(given)
    for turn in range(given.repeat):
        for cost in costs:
            say(f"turn {turn + 1} of {given.repeat}: {cost.name}")
            cost.measure(given.folder)
    figures = [figure for cost in costs for figure in cost.figures()]
    far = [_distance(figure) for figure in figures if figure.at_most and figure.at_least is None]
    return Report("one_decode", figures, [*(in_words(cost.film, cost.name) for cost in costs), *far])


def _films(given: argparse.Namespace) -> list[Costs]:
    from benchmarks.material import scaled_film

    if given.film:
        return [Costs(film.stem, film.absolute(), (None, None)) for film in given.film]
    return [
        Costs(f"{height}p {kind}", scaled_film(given.folder, height, kind, given.seconds), GOALS[height])
        for height in given.heights
        for kind in given.kinds
    ]


def _distance(figure: Figure) -> str:
    """How near the goal is, in words."""
    assert figure.at_most is not None
    off = figure.median / figure.at_most - 1
    where = f"{off:.0%} above" if off > 0 else f"{-off:.0%} below"
    return f"{figure.name}: {figure.median:.2f}, {where} the goal of {figure.at_most:g}"


def decode_only(film: Path, *options: str) -> list[str]:
    """The command that decodes all pictures and sound of a film and does nothing with them. options: of the input."""
    from cinelake.media.ffmpeg import binary

    return [binary(), "-nostdin", "-loglevel", "error", *options, "-i", str(film), "-f", "null", "-"]


def made_for_nobody(film: Path) -> Cost:
    """What ffmpeg takes to decode the film and to make what four tables want, where nobody takes it."""
    from benchmarks.one_step import FOUR
    from cinelake.media.ffmpeg import binary
    from cinelake.media.graph import build_graph, plain_wishes, sound_wishes
    from cinelake.media.probe import probe
    from cinelake.spec.task import find_task

    about, tasks = probe(str(film)), [find_task(name) for name in FOUR.split(",")]
    wanted = [stream for task in tasks if (stream := task.stream(task.params()))]
    with film.open("rb") as read, Path(os.devnull).open("wb") as nobody:
        plain, sounds = ([nobody.fileno()] * len(wishes(about, wanted)) for wishes in (plain_wishes, sound_wishes))
        graph = build_graph(
            about, wanted, film_fd=read.fileno(), picture_fd=nobody.fileno(), plain_fds=plain, sound_fds=sounds
        )
        return cost_of([binary(), "-nostdin", "-loglevel", "error", *graph.arguments], [read.fileno(), nobody.fileno()])


SECONDS = ("--seconds", {"type": float, "default": 200.0, "help": "length of the film (default: %(default)s)"})
OPTIONS = (
    SECONDS,
    ("--heights", {"type": int, "nargs": "+", "choices": [*GOALS], "default": [*GOALS], "help": "of the films"}),
    ("--kinds", {"nargs": "+", "choices": KINDS, "default": KINDS, "help": "of content"}),
    ("--film", {"type": Path, "nargs": "+", "help": "films to measure instead of those drawn"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=3))
