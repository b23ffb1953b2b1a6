"""How well expressions of faces are classified: FER2013, trained on a part of Training, scored once on PublicTest.

  python -m benchmarks.fer2013 --real DIR --folder STATE     DIR/features/fer2013.parquet; goes on after a kill
  python -m benchmarks.fer2013 --real FILE --epochs 20       shorter
  python -m benchmarks.fer2013 --real FILE --network light   the network that begins from nothing
  python -m benchmarks.fer2013 --real FILE --seed-batches 0  without the reference network beside it

The file has the columns split (Training, and those that are scored once all is chosen: `--score`), emotion and patch
(48 × 48 grey bytes). One face of Training in twenty is held out and chooses the epoch. Some faces of PublicTest are in
Training too, to the byte: it is scored with them, as in what is published, and without. STATE keeps the checkpoint of
each epoch, how long each took, and the best network as an artefact of Cinelake, `STATE/light_24_16`. The set is that of
Goodfellow et al., "Challenges in Representation Learning" (2013), people agree with its labels on 65 ± 5 % of the
faces; the best single networks reach 0.73.

The seed's network is timed over some batches, and its epoch extrapolated, unless `--seed-epochs` trains it.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.figures import Figure, Report, load, run, say
from cinelake.lake.artefact import write_artefact
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import Scores
from cinelake.spec.training import Training
from models.expressions import MODEL
from models.expressions.config import RECIPES, Config
from models.expressions.fitting import Faces, seconds_a_face
from models.expressions.networks import EMOTIONS, SIDE

TARGETS, EPOCH_S = {"light": 0.66, "recogniser": 0.68}, 60.0
"""Accuracy on PublicTest by network; seconds of an epoch of `light`."""
HELD_OUT = 20
"""One face of Training in so many chooses the epoch; identical faces are on one side."""


def read_faces(file: Path, split: str) -> Example:
    """The faces of one split, as they stand in the file, as an example of one film."""
    table = pq.read_table(file, columns=["split", "emotion", "patch"])
    chosen = table.filter(np.array(table["split"].to_pylist()) == split)
    if not len(chosen):
        raise SystemExit(f"{file} has no split {split!r}")
    patches = np.frombuffer(b"".join(chosen["patch"].to_pylist()), np.uint8).reshape(-1, SIDE, SIDE)
    numbers = np.arange(len(chosen))
    features = {
        "time_s": numbers.astype(float),
        "frame": numbers,
        "face": np.zeros(len(chosen), int),
        "is_main": np.ones(len(chosen), bool),
        "patch": patches,
    }
    emotion = np.array([EMOTIONS.index(name) for name in chosen["emotion"].to_pylist()])
    return Example(split, split, features, {"emotion": emotion, "known": np.ones(len(chosen), bool)})


def part(example: Example, name: str, chosen: Array) -> Example:
    """The faces (T,) bool of an example, as one of their own."""
    features, targets = (
        {key: rows[chosen] for key, rows in side.items()} for side in (example.features, example.targets)
    )
    return Example(name, name, features, targets)


def digests(example: Example) -> Array:
    """(T,) a number of each face; identical pictures have the same one."""
    return np.array([zlib.crc32(patch.tobytes()) for patch in example.features["patch"]])


class Diary:
    """What each epoch gave and how long it took, kept beside the checkpoint: a training may be cut off."""

    def __init__(self, file: Path):
        self.file = file
        kept = json.loads(file.read_text()) if file.is_file() else {}
        self.epochs: dict[int, dict[str, float]] = {int(number): scores for number, scores in kept.items()}
        self._began, self._used = time.perf_counter(), time.process_time()

    def note(self, number: int, metrics: Mapping[str, float]) -> None:
        """One epoch is done."""
        now, used = time.perf_counter(), time.process_time()
        took = {"wall_s": now - self._began, "processor_s": used - self._used, "load": load()}
        self.epochs[number] = {**metrics, **took}
        self._began, self._used = now, used
        unfinished = self.file.with_suffix(".part")
        unfinished.write_text(json.dumps(self.epochs, indent=1))
        unfinished.replace(self.file)
        say(f"epoch {number + 1}: {self._line(self.epochs[number])}")

    def _line(self, scores: Mapping[str, float]) -> str:
        return ", ".join(f"{name} {value:.4g}" for name, value in scores.items())

    def values(self, name: str) -> list[float]:
        """One figure of all epochs, in order."""
        return [scores[name] for _, scores in sorted(self.epochs.items())]


def measure(given: argparse.Namespace) -> Report:
    """Train the default (or go on), score it, and time the reference network."""
    file = given.real / "features" / "fer2013.parquet" if given.real.is_dir() else given.real
    training = read_faces(file, "Training")
    held = digests(training) % HELD_OUT == 0
    learn, stop = part(training, "Training", ~held), part(training, "held out of Training", held)
    scored = [stop]
    for split in given.score:
        faces = read_faces(file, split)
        seen = np.isin(digests(faces), digests(training))
        scored += [faces, part(faces, f"{split} without the {seen.sum()} that are in Training too", ~seen)]
    config = Config(network=given.network, epochs=given.epochs, again=given.again)
    figures = train(given.folder, config, learn, scored)
    if given.seed_epochs:
        figures += train(given.folder, Config(network="seed", epochs=given.seed_epochs, again=0), learn, scored)
    if given.seed_batches:
        faces = Faces(learn.features["patch"], learn.targets["emotion"])
        figures.append(_epoch_of_seed(faces, given.seed_batches))
    most = MODEL.baseline([learn], Config())
    for example in scored:
        figures.append(
            Figure(f"{example.movie_id} accuracy, always the most frequent", [_scores(example, most)["accuracy"]])
        )
    return Report("fer2013", figures, [f"{len(learn)} faces to learn from, {len(stop)} to choose the epoch by"])


def train(folder: Path, config: Config, learn: Example, scored: list[Example]) -> list[Figure]:
    """Train a network, or go on with it, and score the exported artefact; the first of `scored` chooses the epoch."""
    network, recipe = config.network, config.recipe
    epochs = recipe.epochs + recipe.again
    folder = folder / (f"{network}_{recipe.epochs}" + (f"_{recipe.again}" if recipe.again else ""))
    folder.mkdir(exist_ok=True)
    diary = Diary(folder / "epochs.json")
    trained = MODEL.train([learn], scored[:1], config, Training(folder, 0, diary.note))
    artefact = write_artefact(folder / "artefact", "expressions", config, trained, {}, ["Training"])
    figures = []
    for example in scored:
        scores = _scores(example, lambda features: MODEL.predict(artefact, features))
        target = TARGETS.get(network) if example.movie_id == "PublicTest" else None
        name = f"{example.movie_id} accuracy, {network}, {epochs} epochs"
        figures.append(Figure(name, [scores["accuracy"]], at_least=target))
        figures.append(Figure(f"{example.movie_id} macro F1, {network}", [scores["macro_f1"]]))
        say(f"{example.movie_id}: {json.dumps({name: round(value, 4) for name, value in scores.items()})}")
    limit = EPOCH_S if network == "light" else None
    figures.append(Figure(f"an epoch, {network}", diary.values("wall_s"), "s", at_most=limit))
    figures.append(Figure(f"an epoch's processor time, {network}", diary.values("processor_s"), "s"))
    return [*figures, Figure(f"parameters, {network}", [float(trained.network.count_params())])]


def _scores(example: Example, predict: Callable[[Arrays], Arrays]) -> Scores:
    features, targets = example.features, example.targets
    return MODEL.summarise([MODEL.score_film(features, targets, predict(features), Config())])


def _epoch_of_seed(faces: Faces, batches: int) -> Figure:
    seconds = seconds_a_face(faces, Config(network="seed", epochs=1), batches) * len(faces)
    return Figure(f"an epoch, seed, extrapolated from {batches} batches", [seconds], "s")


OPTIONS = (
    ("--real", {"type": Path, "required": True, "help": "the file, or a folder with features/fer2013.parquet"}),
    (
        "--network",
        {
            "choices": sorted(RECIPES),
            "default": Config().network,
            "help": "which one is trained (default: %(default)s)",
        },
    ),
    ("--epochs", {"type": int, "help": "default: as many as the network's recipe has"}),
    ("--again", {"type": int, "help": "epochs of a second round; default: the recipe's"}),
    (
        "--score",
        {
            "nargs": "*",
            "default": ["PublicTest"],
            "metavar": "SPLIT",
            "help": "splits to be scored in the end, once all is chosen",
        },
    ),
    ("--seed-epochs", {"type": int, "default": 0, "help": "train the reference network too (default: not)"}),
    ("--seed-batches", {"type": int, "default": 4, "help": "batches that its epoch is judged by (default: 4)"}),
)

if __name__ == "__main__":
    raise SystemExit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
