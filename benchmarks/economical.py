"""What shots cost and how well they are found where only the pictures are decoded that others refer to.

Measured: user and system time of the step that writes shots alone, with `decode: exact` and with `economical`, each in
a fresh process (the start of Python and ffmpeg, imports and the writing of the table count), and of the same ffmpeg
that only decodes the same film, and that leaves out the pictures which no other refers to: less than that no way of
choosing can cost that decodes all others. Then, film by film, whether both find the same boundaries (first frame and
transition of every shot), and F1 of their hard cuts, by what was drawn.
Material: the reel of drawn films as x264 makes it by default, with a fixed GOP of 48, with open GOPs, with a deep
pyramid of B pictures, and as HEVC; at 360p as drawn, at 1080p under grain.
Boundaries: films of a seed that nothing was tuned on, each encoded in the same five ways; with `--as-drawn N` so many
of them as they were drawn, and the SDR masters of so many short ones (`benchmarks.masters`); with `--real DIR` real
films too (DIR/films/*), as they are and so encoded.
Target:   at most 0.75 times a bare decode at 1080p and 1.2 times at 360p; the same boundaries on 95 % of films, and F1
never lower by more than .005.

All run in turn, and ratios are taken within each turn.

    python -m benchmarks.economical --folder /tmp/benchmarks
    python -m benchmarks.economical --folder /tmp/benchmarks --heights 360 --seconds 60 --films 2 --repeat 1
    python -m benchmarks.economical --folder /tmp/benchmarks --films 0 --heights --real DIR
    python -m benchmarks.economical --folder /tmp/benchmarks --films 0 --heights --as-drawn 20     # 40 films
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.children import Cost, cost_of, python
from benchmarks.figures import Figure, Report, run, say
from benchmarks.one_decode import decode_only
from benchmarks.shots import SEED, Found, Marked, Tally, cuts_of, detect, drawn_labels, real_labels

X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "21")
SETTINGS: dict[str, tuple[str, ...]] = {
    "default": X264,
    "gop48": (*X264, "-g", "48", "-keyint_min", "48", "-sc_threshold", "0"),
    "open": (*X264, "-x264-params", "open-gop=1"),
    "pyramid": (*X264, "-bf", "8", "-x264-params", "b-adapt=2:b-pyramid=normal"),
    "hevc": ("-c:v", "libx265", "-pix_fmt", "yuv420p", "-preset", "veryfast", "-x265-params", "log-level=error"),
}
"""How films are encoded, by what this tests."""
GOALS = {360: 1.2, 1080: 0.75}
SAME = 0.95
LOST_F1 = 0.005


@dataclass
class Costs:
    """What one film cost, turn by turn."""

    name: str
    film: Path
    goal: float
    bare: list[Cost] = field(default_factory=list)
    exact: list[Cost] = field(default_factory=list)
    economical: list[Cost] = field(default_factory=list)
    referred: list[Cost] = field(default_factory=list)

    def measure(self, folder: Path) -> None:
        """One turn."""
        step = python("-m", "benchmarks.one_step", str(self.film), "--folder", str(folder), "--tables", "shots")
        chosen = json.dumps({"shots": {"decode": "economical"}})
        self.bare.append(cost_of(decode_only(self.film)))
        self.exact.append(cost_of(step))
        self.economical.append(cost_of([*step, "--parameters", chosen]))
        self.referred.append(cost_of(decode_only(self.film, "-skip_frame", "noref")))

    def figures(self) -> list[Figure]:
        """Ratios, and how many pictures were decoded."""
        decoded = [
            some.answer["frames_decoded"] / every.answer["frames_decoded"]
            for some, every in zip(self.economical, self.exact, strict=True)
        ]
        return [
            Figure(f"{self.name}: bare decode", [cost.cpu_s for cost in self.bare], "s CPU"),
            Figure(f"{self.name}: exact / bare", self._ratios(self.exact), "x"),
            Figure(f"{self.name}: economical / bare", self._ratios(self.economical), "x", at_most=self.goal),
            Figure(f"{self.name}:   of that the worker", self._ratios(self.economical, "worker_s"), "x"),
            Figure(f"{self.name}:   of that ffmpeg", self._ratios(self.economical, "ffmpeg_s"), "x"),
            Figure(f"{self.name}:   pictures decoded / in the film", decoded, "x"),
            Figure(f"{self.name}: bare decode of what others refer to / bare", self._ratios(self.referred), "x"),
        ]

    def _ratios(self, steps: list[Cost], part: str = "") -> list[float]:
        took = [step.answer[part] if part else step.cpu_s for step in steps]
        return [step_s / bare.cpu_s for step_s, bare in zip(took, self.bare, strict=True)]


@dataclass
class Agreement:
    """How far both agree on films of one kind, and how well each does where cuts are known."""

    films: int = 0
    same: int = 0
    boundaries: int = 0
    found: int = 0
    exact: Tally = field(default_factory=Tally)
    economical: Tally = field(default_factory=Tally)

    def add(self, name: str, every: Found, some: Found, marked: Marked | None) -> None:
        """Compare what both found in a film."""
        lost, new = sorted(set(every) - set(some)), sorted(set(some) - set(every))
        self.films += 1
        self.same += not lost and not new
        self.boundaries += len(every) - 1
        self.found += len(every) - 1 - len(lost)
        if marked:
            self.exact.add(cuts_of(every), marked)
            self.economical.add(cuts_of(some), marked)
        say(f"{name}: {len(every) - 1} boundaries, lost {lost}, new {new}")

    def in_words(self, what: str) -> str:
        """How many films agree, of how many."""
        same = f"{self.same} of {self.films} films with the same boundaries"
        return f"{what}: {same}, {self.found} of {self.boundaries} boundaries found again"

    def figures(self, what: str) -> list[Figure]:
        """Agreement and F1."""
        figures = [
            Figure(f"{what}: films with the same boundaries", [self.same / self.films], at_least=SAME),
            Figure(f"{what}: boundaries that are the same", [self.found / max(1, self.boundaries)]),
        ]
        if self.exact.hits:
            least = self.exact.f1 - LOST_F1
            figures.append(Figure(f"{what}: F1 exact", [self.exact.f1]))
            figures.append(Figure(f"{what}: F1 economical", [self.economical.f1], at_least=least))
        return figures


def measure(given: argparse.Namespace) -> Report:
    """Costs, then agreement."""
    from benchmarks.material import in_words

    costs = [
        Costs(f"{height}p {setting}", _reel(given.folder, height, setting, given.seconds), GOALS[height])
        for height in given.heights
        for setting in given.settings
    ]
    for turn in range(given.repeat):
        for cost in costs:
            say(f"turn {turn + 1} of {given.repeat}: {cost.name}")
            cost.measure(given.folder)
    figures, sentences = [figure for cost in costs for figure in cost.figures()], []
    for what, films in _kinds(given):
        agreement = Agreement()
        for film, marked in films:
            some, why = find_economically(film)
            agreement.add(f"{what} {film.stem}{': exact, as ' + why if why else ''}", detect(film).found, some, marked)
        if agreement.films:
            figures += agreement.figures(what)
            sentences.append(agreement.in_words(what))
    return Report("economical", figures, [*(in_words(cost.film, cost.name) for cost in costs), *sentences])


def find_economically(path: Path) -> tuple[Found, str]:
    """The shots of a film by some of its pictures; or, with the reason, by all."""
    from cinelake.media.chosen import open_choice
    from cinelake.media.packets import NotToBeSpared
    from cinelake.media.probe import probe
    from cinelake.spec.task import Film, VideoStream
    from tasks.shots import DetectShots, ShotsParams

    params = ShotsParams(decode="economical", rules=2)
    stream = DetectShots.spec.stream(params)  # type: ignore[attr-defined]  # `@task` puts it there
    assert isinstance(stream, VideoStream)
    try:
        film = open_choice(str(path), probe(str(path)), stream, deadline_s=3600)
        rows = list(DetectShots(params, Film(path.stem)).on_choice(film))
    except NotToBeSpared as error:
        return detect(path).found, str(error)
    return [(row["start_frame"][0].as_py(), row["transition"][0].as_py()) for row in rows], ""


def _kinds(given: argparse.Namespace) -> Iterator[tuple[str, Sequence[tuple[Path, Marked | None]]]]:
    """Kinds of films, each with its films and what is known of their cuts."""
    if given.films:
        from examples.draw import draw_catalogue

        drawn = given.folder / f"drawn-{SEED}"
        paths = [one.path for one in draw_catalogue(drawn, given.films, SEED)]
        known = drawn_labels(drawn)
        films = [(path, known[path.stem]) for path in paths]
        for setting in given.settings:
            yield f"drawn, {setting}", [(_encoded(given.folder, path, setting), marked) for path, marked in films]
    if given.as_drawn:
        yield "as drawn", _as_drawn(given.folder, given.as_drawn)
    if given.real:
        labels: Mapping[str, Marked] = real_labels(given.real)
        real = sorted((given.real / "films").iterdir())
        yield "real, as they are", [(path, labels.get(path.stem)) for path in real]
        for setting in given.settings:
            yield f"real, {setting}", [(_encoded(given.folder, path, setting), labels.get(path.stem)) for path in real]


def _as_drawn(folder: Path, films: int) -> list[tuple[Path, Marked | None]]:
    """So many films of the seed as they were drawn, and as many SDR masters of the short films of another seed."""
    from benchmarks import masters
    from benchmarks._masters import MASTERS, make_master
    from examples.draw import draw_catalogue

    drawn, short = folder / f"drawn-{SEED}", folder / f"drawn-{masters.SEED}"
    paths = [one.path for one in draw_catalogue(drawn, films, SEED)]
    known = drawn_labels(drawn)
    of_masters = [one.path for one in draw_catalogue(short, films, masters.SEED, seconds=masters.SECONDS)]
    rates, (sdr, *_) = masters.rates_of(short), MASTERS
    made = [make_master(path, rates[path.stem], sdr, folder / "masters") for path in of_masters]
    return [*((path, known[path.stem]) for path in paths), *((path, None) for path in made)]


def _reel(folder: Path, height: int, setting: str, seconds: float) -> Path:
    """The reel at a height in one of the settings."""
    from benchmarks.material import RATE, make_film, make_reel

    film = folder / f"economical_{setting}_{height}p_{seconds:g}s.mp4"
    grain = "" if height == min(GOALS) else "noise=alls=8:allf=t+u,"
    scaled = f"scale={height * 16 // 9}:{height}:flags=bicubic,{grain}fps={RATE}"
    source = ("-stream_loop", "-1", "-i", str(make_reel(folder)), "-t", f"{seconds:g}", "-an", "-vf", scaled)
    return make_film(film, *source, *SETTINGS[setting], *(("-preset", "veryfast") if grain else ()))


def _encoded(folder: Path, path: Path, setting: str) -> Path:
    from benchmarks.material import make_film

    film = folder / "encoded" / f"{path.stem}_{setting}.mp4"
    film.parent.mkdir(exist_ok=True)
    even = "scale=trunc(iw/2)*2:trunc(ih/2)*2"
    return make_film(film, "-i", str(path), "-map", "0:v:0", "-an", "-vf", even, *SETTINGS[setting])


OPTIONS = (
    ("--seconds", {"type": float, "default": 120.0, "help": "length of the reels (default: %(default)s)"}),
    ("--settings", {"nargs": "+", "choices": [*SETTINGS], "default": [*SETTINGS], "help": "of the encoder"}),
    ("--heights", {"type": int, "nargs": "*", "choices": [*GOALS], "default": [*GOALS], "help": "of the reels"}),
    ("--films", {"type": int, "default": 8, "help": "how many films are drawn (default: %(default)s)"}),
    ("--as-drawn", {"type": int, "default": 0, "metavar": "N", "help": "films as drawn, and SDR masters, N of each"}),
    ("--real", {"type": Path, "help": "folder of real films and labels"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=3))
