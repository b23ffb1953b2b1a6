"""Expressions of faces: which of seven emotions a face shows, and a vector of 512 numbers that this is told from.

It looks at the 48 × 48 grey patches of table `faces`. `network: seed` is the reference: 64-64, 128-128 and 256 filters,
each pooled and normalised, and a dense layer of 512. The default, `light`, costs a quarter of it: residual blocks from
half the size on, the last of separable convolutions. What is known before training is
in `benchmarks/fer2013.py`.

    models:
      expressions: {labels: expressions}                                    # light, 24 and 16 epochs
      expressions: {labels: expressions, config: {network: seed, epochs: 20, again: 0}}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cinelake.errors import CannotTrain
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import Example, Judgement, Model, Scores, Trained
from cinelake.spec.task import Field, Params, TableReader
from models.expressions.fitting import Faces, fit_network
from models.expressions.networks import EMBEDDING, EMOTIONS, NetworkName, parted
from models.expressions.patches import faces_of, mirrored
from models.expressions.scores import confusion, confusion_figure, scores_of

if TYPE_CHECKING:
    from cinelake.spec.model import Artefact
    from cinelake.spec.training import Training


FEWEST_FACES = 10
ROWS_AT_ONCE = 1024
_RATES = {"light": 2e-3, "seed": 1e-3}
_DROPOUT = {"light": 0.3, "seed": 0.0}

LABELS = LabelContract(
    doc="Which emotion a face shows at a moment of a film; of several faces the main one, unless `face` says which. "
    "A Parquet of patches (columns patch, emotion, and split or source) is imported as it is.",
    shape="moments",
    columns=(
        Column("emotion", pa.string(), f"One of {', '.join(EMOTIONS)}.", one_of=EMOTIONS),
        Column("face", pa.int32(), "Number of the face within the picture; null: the main one.", True, 0),
    ),
    class_column="emotion",
    overlap=False,
)


class Config(Params):
    """The network and how it is fitted."""

    network: NetworkName = "light"
    """`light`: an epoch of FER2013 takes about 90 s of one processor's time. `seed`: the reference, four times that."""
    epochs: int = Field(24, ge=1)
    """Passes over the faces, while the learning rate falls to almost nothing. The best one is kept."""
    again: int = Field(16, ge=0)
    """Further passes after a warm restart of the learning rate, which falls again (Loshchilov and Hutter, 2017)."""
    batch_size: int = Field(128, ge=1)
    """Faces per step."""
    learning_rate: float | None = Field(None, gt=0)
    """Of AdamW, at its height; none: 0.002 for `light`, 0.001 for `seed`."""
    weight_decay: float = Field(0.02, ge=0)
    """Of AdamW."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """Share of the embedding dropped while training; none: 0.3 for `light`, 0 for `seed`."""
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    """Share of each label that is spread over all expressions: people agree on two faces of three only."""
    balance: float = Field(0.0, ge=0, le=1)
    """How much rare expressions weigh: 0 as often as they are, 1 each expression as much as any other."""
    variation: float = Field(0.6, ge=0, le=2)
    """How strongly training faces are mirrored, turned, moved, lit and partly hidden at random; 0: not at all."""
    reach_s: float = Field(0.5, gt=0)
    """A label counts for the picture nearest to its moment, if that is no farther than this."""

    @property
    def rate(self) -> float:
        """The learning rate at its height."""
        return self.learning_rate if self.learning_rate is not None else _RATES[self.network]

    @property
    def dropped(self) -> float:
        """The share of the embedding that is dropped."""
        return self.dropout if self.dropout is not None else _DROPOUT[self.network]


def vocabularies(_config: Config) -> dict[str, Sequence[str]]:
    """The seven emotions."""
    return {"emotion": EMOTIONS}


def reads(_config: Config) -> list[str]:
    """Patches come from `faces`."""
    return ["faces"]


def features(tables: Mapping[str, TableReader], _config: Config) -> Arrays:
    """time_s, frame, face, is_main (T,) and patch (T, 48, 48) uint8: one step per face, by frame and face."""
    return faces_of(tables["faces"])


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """emotion (T,), places in `EMOTIONS`, and known (T,): the faces that a label speaks of."""
    count = len(features["time_s"])
    emotion, known = np.zeros(count, int), np.zeros(count, bool)
    if count and len(labels):
        times, picture = np.unique(features["time_s"], return_inverse=True)
        rows = _rows_of_faces(picture, features)
        said_s = labels["time_s"].to_numpy()
        nearest = np.searchsorted((times[1:] + times[:-1]) / 2, said_s)
        near = np.abs(times[nearest] - said_s) <= config.reach_s
        faces, names = labels["face"].to_pylist(), labels["emotion"].to_pylist()
        for label in np.flatnonzero(near):
            row = rows.get((int(nearest[label]), faces[label]))
            if row is not None:
                emotion[row], known[row] = EMOTIONS.index(names[label]), True
    return {"emotion": emotion, "known": known}


def _rows_of_faces(picture: Array, features: Arrays) -> dict[tuple[int, int | None], int]:
    """(picture, face), and (picture, None) for its main face → row."""
    numbers, is_main = features["face"].tolist(), features["is_main"].tolist()
    rows: dict[tuple[int, int | None], int] = {}
    for row, place in enumerate(picture.tolist()):
        rows[place, numbers[row]] = row
        if is_main[row]:
            rows[place, None] = row
    return rows


def train(learn: Sequence[Example], stop: Sequence[Example], config: Config, training: Training) -> Trained:
    """Fit the network; it is kept as it was after the epoch that told most validation faces right.

    Raises `CannotTrain` when there are too few faces, or one emotion only.
    """
    faces, watched = _faces(learn), _faces(stop)
    if len(faces) < FEWEST_FACES or len(np.unique(faces.emotion)) < 2:
        raise CannotTrain(
            f"expressions: {len(faces)} labelled faces with {len(np.unique(faces.emotion))} emotions to learn from; at "
            f"least {FEWEST_FACES} with 2 are needed: label more, or more kinds"
        )
    network, progress = fit_network(faces, watched, config, training)
    counts = np.bincount(faces.emotion, minlength=len(EMOTIONS)).tolist()
    facts = {"emotions": list(EMOTIONS), "faces": dict(zip(EMOTIONS, counts, strict=True))}
    return Trained(network, {}, {**facts, "best_epoch": progress.best_epoch + 1, "validation_accuracy": progress.best})


def _faces(examples: Sequence[Example]) -> Faces:
    if not examples:
        return Faces(np.zeros((0, 48, 48), np.uint8), np.zeros(0, int))
    return Faces(joined(examples, "patch"), joined(examples, "emotion", of="targets"))


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probabilities (T, 7) and embedding (T, 512): means over the face and its mirror image; emotion (T,) places."""
    patches = features["patch"]
    parts = [_seen(artefact, patches[i : i + ROWS_AT_ONCE]) for i in range(0, len(patches), ROWS_AT_ONCE)]
    empty = {
        "probabilities": np.zeros((0, len(EMOTIONS)), np.float32),
        "embedding": np.zeros((0, EMBEDDING), np.float32),
    }
    found = {name: np.concatenate([rows, *(part[name] for part in parts)]) for name, rows in empty.items()}
    return {**found, "emotion": found["probabilities"].argmax(axis=1)}


def _seen(artefact: Artefact, patches: Array) -> Arrays:
    """Some faces at a time are made real numbers: a long film's would fill the memory."""
    both = [parted(artefact.run_rows(view[..., None])) for view in (patches, mirrored(patches))]
    return {name: (both[0][name] + both[1][name]) / 2 for name in both[0]}


def judge(_features: Arrays, targets: Arrays, prediction: Arrays, _config: Config) -> Judgement:
    """confusion (7, 7): labelled faces by true and told emotion."""
    known = targets["known"]
    return {"confusion": confusion(targets["emotion"][known], prediction["emotion"][known])}


def summarise(judgements: Sequence[Judgement]) -> Scores:
    """accuracy, balanced_accuracy, macro_f1, and recall_EMOTION of those that occur."""
    return scores_of(np.sum([judgement["confusion"] for judgement in judgements], axis=0))


def baseline(examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """The most frequent emotion on every face."""
    most = np.bincount(joined(examples, "emotion", of="targets")).argmax()
    return lambda features: {"emotion": np.full(len(features["time_s"]), most)}


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """Which emotions are taken for which."""
    counts = [judge(e.features, e.targets, p, config)["confusion"] for e, p in zip(examples, predictions, strict=True)]
    return {"confusion": confusion_figure(np.sum(counts, axis=0))}


ABOUT = (
    "Which of seven emotions a face shows (after the funny-scene agent's network, and lighter), from a grey patch of "
    "48 × 48. Trained on FER2013 it tells about two faces of three as its labellers did, who agree with one another "
    "hardly more often; fear is taken for sadness and surprise, disgust is rare there. An expression is not a feeling, "
    "and actors show what the scene asks for. Faces from the side, drawn faces and other lights than in the labels "
    "need labels of their own."
)
SPACE: Mapping[str, Any] = {
    "learning_rate": {"log_uniform": [5e-4, 4e-3]},
    "dropout": {"choice": [0.2, 0.4, 0.6]},
    "variation": {"choice": [0.5, 1.0, 1.5]},
    "balance": {"choice": [0.0, 0.5]},
}

MODEL = Model(
    name="expressions",
    version=1,
    config=Config,
    labels=LABELS,
    vocabularies=vocabularies,
    reads=reads,
    features=features,
    targets=targets,
    train=train,
    predict=predict,
    judge=judge,
    summarise=summarise,
    baseline=baseline,
    metric="accuracy",
    about=ABOUT,
    figures=figures,
    space=SPACE,
)
