"""How well expressions of faces are classified: FER2013, trained on Training, chosen on PublicTest.

  python -m benchmarks.fer2013 --real DIR --folder STATE     DIR/features/fer2013.parquet; goes on after a kill
  python -m benchmarks.fer2013 --real FILE --epochs 20       shorter
  python -m benchmarks.fer2013 --real FILE --seed-batches 0  without the reference network beside it

The file has the columns split (Training, PublicTest, and others that may be scored once all is chosen: `--score`),
emotion and patch (48 × 48 grey bytes). STATE keeps the checkpoint of each epoch, how long each took, and the best
network as an artefact of Cinelake, `STATE/light`. The set is that of Goodfellow et al., "Challenges in Representation
Learning" (2013), people agree with its labels on 65 ± 5 % of the faces; the best single networks reach 0.73.

The seed's network is timed over some batches, and its epoch extrapolated, unless `--seed-epochs` trains it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.figures import Figure, Report, load, run, say
from cinelake.lake.artefact import write_artefact
from cinelake.spec.example import Example
from cinelake.spec.training import Training
from models.expressions import MODEL
from models.expressions.config import Config
from models.expressions.fitting import Faces, seconds_a_face
from models.expressions.networks import EMOTIONS, SIDE

TARGET, EPOCH_S = 0.66, 60.0


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
    learn, stop = (read_faces(file, split) for split in ("Training", "PublicTest"))
    scored = [read_faces(file, split) for split in given.score]
    light = Config(network="light", epochs=given.epochs, again=given.again)
    figures = train(given.folder, light, learn, [stop, *scored])
    if given.seed_epochs:
        figures += train(given.folder, Config(network="seed", epochs=given.seed_epochs), learn, [stop, *scored])
    if given.seed_batches:
        faces = Faces(learn.features["patch"], learn.targets["emotion"])
        figures.append(_epoch_of_seed(faces, given.seed_batches))
    most = MODEL.baseline([learn], Config())(stop.features)
    scores = MODEL.summarise([MODEL.score_film(stop.features, stop.targets, most, Config())])
    figures.append(Figure("PublicTest accuracy, always the most frequent", [scores["accuracy"]]))
    return Report("fer2013", figures, [f"{len(learn)} faces to learn from, {len(stop)} to choose the epoch by"])


def train(folder: Path, config: Config, learn: Example, scored: list[Example]) -> list[Figure]:
    """Train a network, or go on with it, and score the exported artefact; the first of `scored` chooses the epoch."""
    network, epochs = config.network, config.epochs + config.again
    folder = folder / (f"{network}_{config.epochs}" + (f"_{config.again}" if config.again else ""))
    folder.mkdir(exist_ok=True)
    diary = Diary(folder / "epochs.json")
    trained = MODEL.train([learn], scored[:1], config, Training(folder, 0, diary.note))
    artefact = write_artefact(folder / "artefact", "expressions", config, trained, {}, ["Training", "PublicTest"])
    figures = []
    for example in scored:
        judged = MODEL.score_film(example.features, example.targets, MODEL.predict(artefact, example.features), config)
        scores = MODEL.summarise([judged])
        target = TARGET if network == "light" else None
        name = f"{example.movie_id} accuracy, {network}, {epochs} epochs"
        figures.append(Figure(name, [scores["accuracy"]], at_least=target))
        figures.append(Figure(f"{example.movie_id} macro F1, {network}", [scores["macro_f1"]]))
        say(f"{example.movie_id}: {json.dumps({name: round(value, 4) for name, value in scores.items()})}")
    limit = EPOCH_S if network == "light" else None
    figures.append(Figure(f"an epoch, {network}", diary.values("wall_s"), "s", at_most=limit))
    figures.append(Figure(f"an epoch's processor time, {network}", diary.values("processor_s"), "s"))
    return [*figures, Figure(f"parameters, {network}", [float(trained.network.count_params())])]


def _epoch_of_seed(faces: Faces, batches: int) -> Figure:
    seconds = seconds_a_face(faces, Config(network="seed", epochs=1), batches) * len(faces)
    return Figure(f"an epoch, seed, extrapolated from {batches} batches", [seconds], "s")


OPTIONS = (
    ("--real", {"type": Path, "required": True, "help": "the file, or a folder with features/fer2013.parquet"}),
    ("--epochs", {"type": int, "default": Config().epochs, "help": "of the default (default: %(default)s)"}),
    ("--again", {"type": int, "default": Config().again, "help": "epochs of a second round (default: %(default)s)"}),
    ("--score", {"nargs": "*", "default": [], "metavar": "SPLIT", "help": "further splits to be scored in the end"}),
    ("--seed-epochs", {"type": int, "default": 0, "help": "train the reference network too (default: not)"}),
    ("--seed-batches", {"type": int, "default": 4, "help": "batches that its epoch is judged by (default: 4)"}),
)

if __name__ == "__main__":
    raise SystemExit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
