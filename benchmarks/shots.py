"""How well shots are found, against films whose cuts are known and against PySceneDetect's defaults.

  python -m benchmarks.shots                        20 drawn films of a seed that nothing was tuned on
  python -m benchmarks.shots --rules 1              by the rules that tables before the second ones were made by
  python -m benchmarks.shots --films 0 --real DIR   real films: DIR/films/*, DIR/labels/cuts.json

Only rows with transition `cut` count, with a tolerance of one frame; what is found inside a marked fade or dissolve
(one frame more on both sides) is ignored. PySceneDetect is measured on real films only, where it can be imported.
Drawing 20 films takes minutes: `--folder` keeps them. Films of seeds 101 and 2718 and the pieces of the real films
were used for tuning, so they are no evidence.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Figure, Report, run, say
from cinelake.media.batches import Batch
from cinelake.media.probe import probe
from cinelake.media.reader import DecodeReport, read_film
from cinelake.spec.task import Film, Stream
from tasks.shots import DetectShots, ShotsParams

SEED = 31337
RULES = {rules: ShotsParams(rules=rules) for rules in (1, 2)}
Found = list[tuple[int, str]]
"""First frame and transition of every shot."""


@dataclass
class Marked:
    """What is known of a film: first frames after hard cuts, and ranges of fades and dissolves."""

    cuts: list[int] = field(default_factory=list)
    gradual: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Tally:
    """Hits, misses and false cuts over several films."""

    hits: int = 0
    misses: int = 0
    false: int = 0

    def add(self, cuts: Sequence[int], marked: Marked) -> tuple[list[int], list[int]]:
        """Count the cuts found in a film; returns the missed and the false ones."""
        missed, false = list(marked.cuts), []
        for cut in cuts:
            near = [known for known in missed if abs(known - cut) <= 1]
            if near:
                missed.remove(min(near, key=lambda known: abs(known - cut)))
            elif not any(first - 1 <= cut <= last + 1 for first, last in marked.gradual):
                false.append(cut)
        self.hits += len(marked.cuts) - len(missed)
        self.misses += len(missed)
        self.false += len(false)
        return missed, false

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where there was nothing to find and nothing was found."""
        wrong = self.misses + self.false
        return 2 * self.hits / (2 * self.hits + wrong) if self.hits or wrong else 1.0

    def __str__(self) -> str:
        return f"{self.hits} hits, {self.misses} misses, {self.false} false"


class Detection:
    """Feeds the task from the reader, as a step does, and takes the time."""

    name = "shots"

    def __init__(self, movie_id: str, params: ShotsParams = RULES[2]) -> None:
        self.task, self.frames, self.busy_s = DetectShots(params, Film(movie_id)), 0, 0.0
        stream = DetectShots.spec.stream(params)  # type: ignore[attr-defined]  # `@task` puts it there
        self.streams: Mapping[str, Stream] = {"shots": stream}
        self.found: Found = []

    def on_batches(self, batches: Mapping[str, Batch]) -> None:
        """Take the next pictures."""
        started = time.thread_time()
        self._keep(list(self.task.on_batch(batches["shots"])))  # type: ignore[arg-type]
        self.busy_s += time.thread_time() - started
        self.frames += len(batches["shots"])

    def finish(self, report: DecodeReport) -> None:
        """Take the last rows."""
        self._keep(list(self.task.finish()))

    def _keep(self, rows: list) -> None:
        for batch in rows:
            self.found += zip(batch["start_frame"].to_pylist(), batch["transition"].to_pylist(), strict=True)


def detect(path: Path, params: ShotsParams = RULES[2]) -> Detection:
    """The shots of a film, by the task."""
    detection = Detection(path.stem, params)
    reading = read_film(str(path), probe(str(path)), [detection], deadline_s=3600)
    for error in reading.errors.values():
        raise error
    return detection


def cuts_of(begins: Found) -> list[int]:
    """First frames of the shots that begin with a cut."""
    return [frame for frame, transition in begins if transition == "cut"]


def drawn_labels(folder: Path) -> dict[str, Marked]:
    """Labels of drawn films."""
    marked: dict[str, Marked] = {}
    with (folder / "labels" / "shots.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            film = marked.setdefault(row["movie_id"], Marked())
            if row["transition"] == "cut":
                film.cuts.append(int(row["start_frame"]))
            elif row["transition"] != "start":
                film.gradual.append((int(row["transition_start_frame"]), int(row["transition_end_frame"])))
    return marked


def real_labels(folder: Path) -> dict[str, Marked]:
    """Labels of real films."""
    films = json.loads((folder / "labels" / "cuts.json").read_text())
    return {
        name: Marked(film["hard"], [(first, last) for first, last in film["gradual"]])
        for name, film in films.items()
        if name != "note"
    }


def film_path(folder: Path, name: str) -> Path:
    """The film of this name, whatever its suffix."""
    return next(path for path in (folder / "films").iterdir() if path.stem == name)


def measure_ours(
    folder: Path, marked: Mapping[str, Marked], what: str, params: ShotsParams
) -> tuple[Tally, float, str]:
    """Tally, milliseconds of processor time a picture, and a sentence."""
    tally, frames, busy_s, gradual_hits = Tally(), 0, 0.0, 0
    for name, known in marked.items():
        detection = detect(film_path(folder, name), params)
        missed, false = tally.add(cuts_of(detection.found), known)
        say(f"{what} {name}: {len(known.cuts)} cuts, missed {missed}, false {false}")
        frames, busy_s = frames + detection.frames, busy_s + detection.busy_s
        soft = [frame for frame, transition in detection.found if transition in ("fade", "dissolve")]
        gradual_hits += sum(any(first <= frame <= last for frame in soft) for first, last in known.gradual)
    gradual = sum(len(known.gradual) for known in marked.values())
    sentence = f"{what}: {len(marked)} films, {tally}; {gradual_hits} of {gradual} marked fades and dissolves found"
    return tally, 1000 * busy_s / max(1, frames), sentence


def peer_detectors() -> dict[str, Callable[[Path], list[int]]]:
    """PySceneDetect's detectors with their defaults; none where it cannot be imported."""
    try:
        from scenedetect import AdaptiveDetector, ContentDetector
        from scenedetect import detect as scenes_of
    except ImportError:
        return {}

    def cuts_by(detector: type) -> Callable[[Path], list[int]]:
        return lambda path: [int(start.frame_num) for start, _ in scenes_of(str(path), detector())[1:]]

    return {"content": cuts_by(ContentDetector), "adaptive": cuts_by(AdaptiveDetector)}


def measure_drawn(given: argparse.Namespace) -> tuple[list[Figure], list[str]]:
    """Draw the films, unless they are there, and score."""
    from examples.draw import draw_catalogue

    folder = given.folder / f"drawn-{given.seed}"
    draw_catalogue(folder, given.films, given.seed)
    tally, cost_ms, sentence = measure_ours(folder, drawn_labels(folder), "drawn", RULES[given.rules])
    f1 = Figure(f"F1, hard cuts of {given.films} drawn films", [tally.f1], at_least=0.97)
    return [f1, Figure("processor time, drawn", [cost_ms], "ms a picture", at_most=0.3)], [sentence]


def measure_real(given: argparse.Namespace) -> tuple[list[Figure], list[str]]:
    """Score real films, ours and PySceneDetect's."""
    marked = real_labels(given.real)
    tally, cost_ms, sentence = measure_ours(given.real, marked, "real", RULES[given.rules])
    figures = [Figure("F1, hard cuts of real films", [tally.f1], at_least=0.95)]
    figures.append(Figure("processor time, real", [cost_ms], "ms a picture", at_most=0.3))
    sentences = [sentence]
    for name, cuts in peer_detectors().items():
        peer = Tally()
        for film, known in marked.items():
            peer.add(cuts(film_path(given.real, film)), known)
        figures.append(Figure(f"F1, PySceneDetect {name}", [peer.f1]))
        sentences.append(f"PySceneDetect {name}, defaults: {peer}")
    return figures, sentences


def measure(given: argparse.Namespace) -> Report:
    """Drawn films, real films, or both."""
    figures: list[Figure] = []
    sentences: list[str] = []
    for wanted, part in ((given.films, measure_drawn), (given.real, measure_real)):
        if wanted:
            more, material = part(given)
            figures, sentences = figures + more, sentences + material
    return Report("shots", figures, sentences)


def main() -> int:
    """The command."""
    real = os.environ.get("CINELAKE_REAL_DATA")
    return run(
        __doc__ or "",
        measure,
        ("--films", {"type": int, "default": 20, "help": "how many films to draw (default: %(default)s)"}),
        ("--seed", {"type": int, "default": SEED, "help": "the catalogue to draw (default: %(default)s)"}),
        ("--rules", {"type": int, "default": 2, "choices": [*RULES], "help": "of shots (default: %(default)s)"}),
        ("--real", {"type": Path, "default": Path(real) if real else None, "help": "folder of real films"}),
        repeat=1,
    )


if __name__ == "__main__":
    raise SystemExit(main())
