"""Scenes: which shots begin one, learned from four kinds of features per shot.

Of N shots the N − 1 boundaries between them may be boundaries of scenes; the answer for a boundary stands at the shot
after it, and the first shot is never asked about. Three networks:

    similarity  how alike the shots before and after are, in windows of several widths (default)
    bilstm      two bidirectional LSTM layers of 32
    wavenet     dilated convolutions: 2 blocks × 4 layers of 10 filters, then 5

    models:
      scenes: {labels: scenes}
      scenes_wavenet:                                     # as in its first publication
        model: scenes
        labels: scenes
        config: {network: wavenet, num_blocks: 3, num_layers: 9, filters1: 13, filters2: 10,
                 optimizer: rmsprop, learning_rate: 2.0e-5, epochs: 20, patience: null, balance: 0}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import field_validator

from cinelake.errors import ModelUnusable, did_you_mean
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import Artefact, Example, Judgement, Model, Trained
from cinelake.spec.task import Field, Params, TableReader
from cinelake.spec.training import Training
from models.scenes.features import check_examples, learn_inputs, network_inputs
from models.scenes.fitting import fit_network, parts_of
from models.scenes.scores import best_threshold, found_near, mean_iou, scene_ranges, summarise

NetworkName = Literal["similarity", "bilstm", "wavenet"]
OptimizerName = Literal["rmsprop", "adam", "adamw"]
DEFAULTS: dict[str, tuple[OptimizerName, float, int]] = {
    "similarity": ("adamw", 1e-2, 60),
    "bilstm": ("adam", 1e-3, 60),
    "wavenet": ("adam", 1e-3, 60),
}
"""Optimiser, learning rate and epochs of each network, where the configuration names none."""

LABELS = LabelContract(
    doc="Scenes, one after another. Shots that no scene covers are neither learned from nor scored.",
    shape="spans",
    columns=(
        Column("scene", pa.int32(), "Number of the scene in its film.", True, 0),
        Column("place", pa.string(), "Where it plays.", True),
        Column("kind", pa.string(), "What kind of scene it is.", True),
    ),
    overlap=False,
)


class Config(Params):
    """Which network looks at which kinds of features, and how it is fitted."""

    network: NetworkName = "similarity"
    """similarity, bilstm or wavenet."""
    use: tuple[str, ...] = ("place", "cast", "action", "audio")
    """Kinds of features: columns of vectors in `shot_features`."""
    n_layers: int = Field(2, ge=1, le=10)
    """bilstm: layers."""
    n_neurons: int = Field(32, ge=1, le=512)
    """bilstm: units of each layer, in each direction."""
    num_blocks: int = Field(2, ge=1, le=8)
    """wavenet: how often the row of dilations is gone through."""
    num_layers: int = Field(4, ge=1, le=12)
    """wavenet: layers of a block, with dilations 1, 2, 4 …"""
    filters1: int = Field(10, ge=1, le=512)
    """wavenet: filters of the dilated layers."""
    filters2: int = Field(5, ge=1, le=512)
    """wavenet: filters of the layer before the last."""
    hidden: int = Field(64, ge=1, le=1024)
    """similarity: hidden units of each member."""
    members: int = Field(4, ge=1, le=32)
    """similarity: members whose answers are averaged."""
    linear_share: float = Field(0.5, ge=0, le=1)
    """similarity: how much of the logit comes from a logistic regression; the rest from the members."""
    dropout: float = Field(0.5, ge=0, lt=1)
    """similarity: share of hidden units dropped while training."""
    input_dropout: float = Field(0.2, ge=0, lt=1)
    """similarity: share of inputs dropped while training."""
    weight_decay: float = Field(1e-2, ge=0)
    """Of AdamW."""
    optimizer: OptimizerName | None = None
    """rmsprop, adam or adamw; none: adamw for similarity, adam for the others."""
    learning_rate: float | None = Field(None, gt=0)
    """None: 1e-2 for similarity (falling to 0), 1e-3 for the others."""
    epochs: int | None = Field(None, ge=1)
    """At most so many passes; none: 60."""
    patience: int | None = Field(10, ge=1)
    """bilstm, wavenet: stop after so many epochs without a better loss on the validation part; null: never."""
    batch_films: int = Field(4, ge=1, le=256)
    """bilstm, wavenet: films of like length per step."""
    batch_shots: int = Field(256, ge=1)
    """similarity: shots per step."""
    balance: float = Field(0.0, ge=0, le=1)
    """How much heavier rare boundaries weigh: 0 not, 1 as much together as all other shots."""
    refit: bool = True
    """Whether the validation films are learned from too, once they have given the epochs and the threshold."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """A scene begins from this probability on. Probabilities are such that 0.5 is best on the validation part."""

    @field_validator("use")
    @classmethod
    def _some_and_each_once(cls, use: tuple[str, ...]) -> tuple[str, ...]:
        if not use or len(set(use)) < len(use):
            raise ValueError(f"'use' names at least one kind of features, each once. Received: {list(use)}")
        return use

    @property
    def optimizer_name(self) -> OptimizerName:
        """The optimiser that is meant."""
        return self.optimizer or DEFAULTS[self.network][0]

    @property
    def rate(self) -> float:
        """The learning rate that is meant."""
        return self.learning_rate or DEFAULTS[self.network][1]

    @property
    def most_epochs(self) -> int:
        """The number of epochs that is meant."""
        return self.epochs or DEFAULTS[self.network][2]


def reads(_config: Config) -> list[str]:
    """Features of shots hold all that is needed."""
    return ["shot_features"]


TIMES = {"shot": "shot", "time_s": "start_s", "end_s": "end_s", "start_frame": "start_frame", "end_frame": "end_frame"}


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """shot, time_s, end_s, start_frame, end_frame (T,), and (T, d) for each kind in use.

    Raises `ModelUnusable` when the table has no column of a kind.
    """
    wanted = [*TIMES.values(), *config.use]
    table = tables["shot_features"].read()
    for kind in config.use:
        if kind not in table.schema.names or not pa.types.is_fixed_size_list(table.schema.field(kind).type):
            vectors = [field.name for field in table.schema if pa.types.is_fixed_size_list(field.type)]
            raise ModelUnusable(f"scenes: shot_features has no vectors {kind!r}{did_you_mean(kind, vectors)}")
    columns = {name: table[name].combine_chunks() for name in wanted}
    found = {name: columns[column].to_numpy() for name, column in TIMES.items()}
    return found | {kind: _matrix(columns[kind]) for kind in config.use}


def _matrix(vectors: pa.Array) -> Array:
    flat = vectors.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(vectors), vectors.type.list_size)


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """boundary (T,) whether a scene begins at the shot, known (T,): shots inside a labelled scene, never the first.

    A scene that is given by time begins at the shot whose start is nearest to its own; labelled shots count as ours.
    """
    starts_s, count = features["time_s"], len(features["time_s"])
    boundary, known = np.zeros(count, bool), np.zeros(count, bool)
    for row in labels.select(["start_s", "end_s", "start_shot", "end_shot"]).to_pylist() if count else []:
        if row["start_s"] is not None:
            first = int(np.abs(starts_s - row["start_s"]).argmin())
            middles = (starts_s + features["end_s"]) / 2
            known |= (middles >= row["start_s"]) & (middles < row["end_s"])
        else:
            numbers, start = features["shot"], row["start_shot"] or 0
            first = int(np.abs(numbers - start).argmin())
            known |= (numbers >= start) & (numbers < (row["end_shot"] or numbers[-1] + 1))
        boundary[first] = known[first] = True
    boundary[:1] = known[:1] = False
    return {"boundary": boundary, "known": known}


def train(
    train_examples: Sequence[Example], validation_examples: Sequence[Example], config: Config, training: Training
) -> Trained:
    """Fit a network and choose the threshold by the validation films; then, with `refit`, learn from them too.

    Raises `CannotTrain` when no scene begins anywhere, or one at every shot.
    """
    check_examples(train_examples)
    validation = [example for example in validation_examples if example.targets["known"].any()]
    learned = learn_inputs(train_examples, config, training.seed)
    parts = parts_of(train_examples, learned, config)
    held = parts_of(validation, learned, config)
    fitted = fit_network(parts, held, config, training)
    judged = held or parts
    known = [weight > 0 for _, _, weight in judged]
    said = [_answers(fitted.network, x, config)[k] for (x, _, _), k in zip(judged, known, strict=True)]
    threshold = best_threshold([y[k] for (_, y, _), k in zip(judged, known, strict=True)], said)
    if config.refit and held:
        everything = [*train_examples, *validation]
        learned = learn_inputs(everything, config, training.seed)
        again = Training(training.folder / "refit", training.seed, resume=training.resume)
        fitted = fit_network(parts_of(everything, learned, config), [], config, again, epochs=fitted.epochs)
    return Trained(fitted.network, learned, {"threshold": threshold, "epochs": fitted.epochs})


def _answers(network: Any, x: Array, config: Config) -> Array:
    """(T,) the network's answers for one film, not yet calibrated."""
    given = x if config.network == "similarity" else x[None]
    return np.asarray(network(given, training=False)).reshape(-1)


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probability (T,) that a scene begins at the shot; 0 for the first. Raises `ModelUnusable` on other features."""
    x = network_inputs(features, artefact.arrays, artefact.config)
    if not len(x):
        return {"probability": np.zeros(0, np.float32)}
    found = artefact.run_rows(x) if artefact.config.network == "similarity" else artefact.run(x[None])
    probability = calibrated(found.reshape(-1), artefact.facts["threshold"])
    probability[0] = 0.0
    return {"probability": probability}


def calibrated(probability: Array, threshold: float) -> Array:
    """Probabilities with their odds divided by the threshold's: the threshold becomes 0.5, the order stays."""
    inside = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    odds = inside / (1 - inside) * (1 - threshold) / threshold
    return np.asarray(odds / (1 + odds), np.float32)


def judge(features: Arrays, targets: Arrays, prediction: Arrays, config: Config) -> Judgement:
    """truth and probability of the known shots; counts at the threshold; mIoU of the scenes they are cut into."""
    known, truth, probability = targets["known"], targets["boundary"], prediction["probability"]
    said = (probability >= config.threshold) & known
    true = truth & known
    times_s = features["time_s"]
    return {
        "truth": truth[known],
        "probability": probability[known],
        "hits": np.array((said & true).sum()),
        "predicted": np.array(said.sum()),
        "true": np.array(true.sum()),
        "near": np.array(found_near(times_s[true], times_s[said])),
        "miou": np.array(_film_iou(features, true, said, known)),
    }


def _film_iou(features: Arrays, true: Array, said: Array, known: Array) -> float:
    """mIoU over the known shots and the one before them, where the first scene begins."""
    region = known | np.append(known[1:], False)
    first, last = int(features["start_frame"][region.argmax()]), features["end_frame"][region] - 1
    return mean_iou(*(scene_ranges(starts[region], last, first) for starts in (true, said)))


def baseline(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """Every boundary is as likely as any other: chance for the ranking, and no boundary at all for the scenes."""
    rate = float(joined(examples, "boundary", of="targets").mean())

    def guess(features: Arrays) -> Arrays:
        return {"probability": np.full(len(features["time_s"]), min(rate, config.threshold - 1e-3), np.float32)}

    return guess


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """The precision-recall curve, and the line of probabilities of the film with the median score."""
    from models.scenes.figures import precision_recall, probability_line

    judged = [judge(e.features, e.targets, p, config) for e, p in zip(examples, predictions, strict=True)]
    order = np.argsort([summarise([judgement])["map"] for judgement in judged], kind="stable")
    middle = int(order[len(order) // 2])
    line = probability_line(examples[middle], predictions[middle]["probability"], config.threshold)
    return {"precision_recall": precision_recall(judged), "probability_line": line}


SPACE: dict[str, Any] = {
    "network": {"choice": ["wavenet"]},
    "num_blocks": {"int": [2, 3]},
    "num_layers": {"int": [4, 10]},
    "filters1": {"int": [10, 20]},
    "filters2": {"int": [2, 10]},
}
"""What the first publication of the WaveNet-like network searched."""

MODEL = Model(
    name="scenes",
    version=1,
    config=Config,
    labels=LABELS,
    reads=reads,
    features=features,
    targets=targets,
    train=train,
    predict=predict,
    judge=judge,
    summarise=summarise,
    baseline=baseline,
    metric="map",
    figures=figures,
    space=SPACE,
    about="Says at which shots a scene begins, from place, cast, action and sound of each shot. The network "
    "`similarity` compares the shots before and after each boundary in windows up to ten shots wide, in the spirit of "
    "LGSS (Rao et al., CVPR 2020), ShotCoL (Chen et al., CVPR 2021) and BaSSL (Mun et al., ACCV 2022); `bilstm` and "
    "`wavenet` read the shots as a sequence. It knows no story: scenes that change neither place nor people nor "
    "sound are not seen, and a flashback inside a scene is taken for one of its own.",
)
