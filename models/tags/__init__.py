"""Tags of shots: a head on a frozen backbone's embeddings, after Khan et al. (AVSS 2017).

Of each shot whose middle picture has enough entropy, the pictures are looked at through whatever the table
`embeddings` holds, and motion, sound and faces are asked too where the manifest makes their tables (`use`); a head
gives each tag of the vocabulary a probability. The seed's head and vocabulary are there; tags that overlap are trained
as many yes-or-no questions (`multi_label`).

    models:
      tags: {labels: tags}                                                        # 50 tags, of all there is
      tags: {config: {use: [picture], context: 0, head: seed, multi_label: false, epochs: 500}} # as the paper trained
      tags: {config: {fine_tune: {backbone: net.keras, layers: 4}}}               # the top of a network learns too
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import field_validator, model_validator

from cinelake.errors import CannotTrain
from cinelake.lake.spill import joined
from cinelake.learning.split import folds
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import Artefact, Example, Judged, Judgement, Model, Opinion, Scores, Trained
from cinelake.spec.task import Field, Params, TableReader
from cinelake.spec.training import Training
from cinelake.storage.content import file_digest
from models.heads.networks import Head, HeadName, Rows, best_thresholds, fit_head, left_out_predictions, shifted
from models.shots.inputs import Kind, arrays_of, shot_inputs, tables_of
from models.shots.labels import covered_shots
from models.shots.scaling import learn_scaling, shot_vectors
from models.tags.fine_tuning import PICTURES_TOGETHER, FineTune, fine_tune, middle_pictures
from models.tags.kernel import Kernel, fit_kernel, kernel_predicted, left_out_by_kernel
from models.tags.ratings import judge_by_ratings
from models.tags.scores import correlation_figure, counts_of, f1_figure, summary
from models.tags.vocabulary import VOCABULARY

FEWEST_ROWS = 10

LABELS = LabelContract(
    doc="Tags of spans, shots or whole films; several may overlap. A film that has labels at all is labelled whole: "
    "what no row says of it is not there (`absence: unknown` for films that were labelled in part).",
    shape="spans",
    columns=(Column("tag", pa.string(), "The tag."),),
    class_column="tag",
)
RATINGS = LabelContract(
    doc="What viewers say of the tags that were found in a film.",
    shape="films",
    columns=(
        Column("viewer", pa.string(), "Who says it."),
        Column("tag", pa.string(), "The tag that is rated."),
        Column("rating", pa.float64(), "How well it fits the film, 0 to 1 (or to another best rating)."),
    ),
)


class Config(Params):
    """The vocabulary, what is looked at, the head and how it is fitted."""

    vocabulary: tuple[str, ...] = VOCABULARY
    """The tags, in order; any list."""
    multi_label: bool = True
    """Whether a shot may have several tags. If not, tags share one probability (softmax)."""
    absence: str = Field("negative", pattern="^(negative|unknown)$")
    """What a labelled film's shot without any label says: that no tag fits (negative), or nothing (unknown)."""
    use: tuple[Kind, ...] | None = None
    """What is looked at: picture, place, motion, sound, faces, subtitles; see `models/shots/inputs.py`. Left out: place
    and motion, sound and faces where the manifest makes shot_features, sound and faces; picture where it makes no
    shot_features. The training says what it chose."""
    context: int = Field(4, ge=0, le=100)
    """So many shots before and after are looked at too, as far as they look like the shot; 0: none."""
    min_entropy: float = Field(2.0, ge=0, le=8)
    """Shots whose middle picture has fewer bits (black, titles) are left out; 0 keeps all."""
    head: Literal["kernel"] | HeadName = "kernel"
    """kernel: by likeness to labelled shots, in seconds; see `models/tags/kernel.py`. seed: dropout, ReLU(Wx + b),
    softmax. linear: one layer. mlp: one hidden layer."""
    gamma: float = Field(0.5, gt=0)
    """Of `kernel`: how fast likeness falls with distance, exp(-gamma d²), d² in units of the input's spread."""
    ridge: float = Field(0.03, gt=0)
    """Of `kernel`: how much the weights are held back; more is smoother."""
    fine_tune: FineTune | None = None
    """A backbone whose top learns with the head, on the shots' middle pictures, in place of `use` and `head`."""
    hidden: int = Field(128, ge=1, le=8192)
    """Units of the hidden layer of `mlp`."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """Share of inputs dropped while training; none: 0.5 for `seed` and `mlp`, 0 for `linear`."""
    l2: float = Field(3e-5, ge=0)
    """Weight decay of `linear` and `mlp`."""
    balance: bool = True
    """Of `linear` and `mlp`: whether rare tags weigh as much as frequent ones."""
    learning_rate: float = Field(5e-3, gt=0)
    """Of Adam."""
    epochs: int = Field(200, ge=1)
    """At most so many passes over the training part."""
    patience: int | None = Field(30, ge=1)
    """Stop after so many epochs without a better loss on the validation part; null: never."""
    batch_size: int = Field(128, ge=1)
    """Shots per step."""
    refit: bool = True
    """Whether the validation films are learned from too, once they have said how many epochs are best."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """A shot carries a tag from this probability on."""
    calibration_folds: int = Field(6, ge=0, le=20)
    """Each tag's probability is shifted so that 0.5 is its best threshold on training films left out in turn; 0: no."""

    best_rating: float = Field(1.0, gt=0)
    """The best rating that viewers could give: `cinelake evaluate tags --on ratings`."""

    @field_validator("vocabulary")
    @classmethod
    def _several_and_each_once(cls, vocabulary: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({tag for tag in vocabulary if vocabulary.count(tag) > 1})
        if len(vocabulary) < 2 or twice:
            raise ValueError(f"a vocabulary has two or more tags, each once. Received: {twice or list(vocabulary)}")
        return vocabulary

    @model_validator(mode="after")
    def _what_fits(self) -> Config:
        if self.use is not None and (not self.use or len(set(self.use)) < len(self.use)):
            raise ValueError(f"'use' names at least one kind of input, each once. Received: {list(self.use)}")
        if self.fine_tune is not None and self.use is not None:
            raise ValueError("'fine_tune' looks at the middle pictures alone: leave out 'use'")
        if self.head == "seed" and self.multi_label:
            raise ValueError("head 'seed' ends in a softmax: it needs multi_label: false (or take head: linear or mlp)")
        return self

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is looked at; where nothing chose, the picture alone."""
        return ("picture",) if self.use is None else self.use

    def as_kernel(self, scaling: Arrays) -> Kernel | None:
        """The kernel that this asks for, if it does, over inputs that are scaled so."""
        sizes = tuple(len(scaling[f"{name}_centre"]) for name in arrays_of(self.kinds))
        blocks = sizes * (2 if self.context else 1)
        return Kernel(blocks, self.gamma, self.ridge, not self.multi_label) if self.head == "kernel" else None

    def as_head(self) -> Head:
        """The network that this asks for."""
        name: HeadName = "linear" if self.head == "kernel" else self.head
        plain = self.head == "linear" and self.fine_tune is None
        dropout = self.dropout if self.dropout is not None else (0.0 if plain else 0.5)
        return Head(
            name, self.multi_label, dropout, self.hidden, self.l2, self.learning_rate, self.epochs, self.patience,
            self.batch_size, self.balance and self.head != "seed",
        )  # fmt: skip


def reads(config: Config) -> list[str]:
    """The tables of the inputs in use."""
    if config.fine_tune is not None:
        return ["shots", "frames"]
    return tables_of(config.kinds, config.min_entropy)


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """One row per shot: see `models.shots.inputs.shot_inputs`; with `fine_tune` its middle picture, as `pixels`."""
    if config.fine_tune is not None:
        found = shot_inputs(tables, (), config.min_entropy)
        return found | {"pixels": middle_pictures(tables["frames"], found["shot"], config.fine_tune.side)}
    return shot_inputs(tables, config.kinds, config.min_entropy)


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """tags (T, vocabulary) 0 or 1, and known (T,): the kept shots of a labelled film.

    A label of the whole film (a clip in a folder) is one of each of its shots. With `absence: unknown`, and where a
    shot has one tag, only shots with a label are known.
    """
    places = {tag: place for place, tag in enumerate(config.vocabulary)}
    covered = covered_shots(labels, features)
    tags = np.zeros((len(features["time_s"]), len(places)), np.float32)
    for shots, tag in zip(covered, labels["tag"].to_pylist(), strict=True):
        tags[shots, places[tag]] = 1
    known = features["kept"].copy()
    if config.absence == "unknown" or not config.multi_label:
        known &= covered.any(axis=0)
    return {"tags": tags, "known": known & bool(len(labels))}


def settle(config: Config, has: Callable[[str], bool]) -> Config:
    """What is looked at, where the configuration leaves it open, by the tables that are there."""
    if config.use is not None or config.fine_tune is not None:
        return config
    if not has("shot_features"):
        return config.model_copy(update={"use": ("picture",)})
    others: tuple[Kind, ...] = ("sound", "faces")
    use = ("place", "motion", *(kind for kind in others if has(kind)))
    return config.model_copy(update={"use": use})


def train(
    train_examples: Sequence[Example], validation_examples: Sequence[Example], config: Config, training: Training
) -> Trained:
    """Fit the head; each tag's threshold comes from films that are left out in turn."""
    _check_rows(train_examples, config)
    if config.fine_tune is not None:
        return _by_fine_tuning(config.fine_tune, train_examples, validation_examples, config, training)
    scaling = learn_scaling(train_examples, config.kinds)
    kernel = config.as_kernel(scaling)
    if kernel is None:
        found = _by_network(train_examples, validation_examples, scaling, config, training)
    else:
        found = _by_likeness(kernel, train_examples, validation_examples, scaling, config, training)
    thresholds = found.arrays["thresholds"]
    shown = {tag: round(float(value), 3) for tag, value in zip(config.vocabulary, thresholds, strict=True)}
    facts = {"tags": list(config.vocabulary), "use": list(config.kinds), "thresholds": shown}
    return Trained(found.network, {**scaling, **found.arrays}, {**facts, **found.facts})


def _by_fine_tuning(
    settings: FineTune,
    train_examples: Sequence[Example],
    validation_examples: Sequence[Example],
    config: Config,
    training: Training,
) -> Trained:
    """The top of a backbone and a head; each tag's threshold is the best on the validation films."""
    rows, validation = (_picture_rows(part, config) for part in (train_examples, validation_examples))
    found = fine_tune(settings, config.as_head(), rows, validation, training)
    thresholds = np.full(len(config.vocabulary), 0.5, np.float32)
    if len(validation) and config.multi_label:
        thresholds = best_thresholds(validation.y, found.validation)
    digest = file_digest(settings.backbone)
    facts = {"tags": list(config.vocabulary), "backbone": digest, "epochs": found.epochs}
    return Trained(found.network, {"thresholds": thresholds}, facts)


def _picture_rows(examples: Sequence[Example], config: Config) -> Rows:
    if not examples:
        return Rows(np.zeros((0, 1), np.uint8), np.zeros((0, len(config.vocabulary)), np.float32))
    y = joined(examples, "tags", of="targets")
    y = y if config.multi_label else y / np.maximum(y.sum(axis=1, keepdims=True), 1)
    return Rows(joined(examples, "pixels"), y)


def _by_likeness(
    kernel: Kernel,
    train_examples: Sequence[Example],
    validation_examples: Sequence[Example],
    scaling: Arrays,
    config: Config,
    training: Training,
) -> Trained:
    """In closed form: the validation films have nothing to say, so with `refit` they are learned from at once."""
    learned = [*train_examples, *validation_examples] if config.refit else list(train_examples)
    rows = _rows(learned, scaling, config)
    arrays = fit_kernel(kernel, rows, training.seed)
    thresholds = _thresholds(
        [*train_examples, *validation_examples], scaling, config, lambda f: left_out_by_kernel(kernel, f, training.seed)
    )
    training.report(0, {"loss": float(((kernel_predicted(kernel, arrays, rows.x) - rows.y) ** 2).mean())})
    return Trained(None, {**arrays, "thresholds": thresholds}, {"labelled_shots": len(rows)})


def _by_network(
    train_examples: Sequence[Example],
    validation_examples: Sequence[Example],
    scaling: Arrays,
    config: Config,
    training: Training,
) -> Trained:
    """By gradient descent, stopped early by the validation films; with `refit` again on all, for as many epochs."""
    head, everything = config.as_head(), [*train_examples, *validation_examples]
    rows, validation = (_rows(part, scaling, config) for part in (train_examples, validation_examples))
    network, epochs = fit_head(head, rows, validation if len(validation) else None, training)
    chosen = replace(head, epochs=epochs, patience=None)
    if config.refit and len(validation):
        again = Training(training.folder / "refit", training.seed)
        network, _ = fit_head(chosen, _rows(everything, scaling, config), None, again)
    thresholds = _thresholds(everything, scaling, config, lambda f: left_out_predictions(chosen, f, training))
    return Trained(network, {"thresholds": thresholds}, {"epochs": epochs})


LeftOut = Callable[[Sequence[tuple[Rows, Rows]]], tuple[Array, Array]]


def _thresholds(examples: Sequence[Example], scaling: Arrays, config: Config, left_out: LeftOut) -> Array:
    if not config.calibration_folds or not config.multi_label or len({e.group for e in examples}) < 4:
        return np.full(len(config.vocabulary), 0.5, np.float32)
    parts = [
        (_rows(learned, scaling, config), _rows(left, scaling, config))
        for learned, left in folds(examples, config.calibration_folds)
    ]
    return best_thresholds(*left_out([(learned, left) for learned, left in parts if len(learned) and len(left)]))


def _check_rows(examples: Sequence[Example], config: Config) -> None:
    y = joined(examples, "tags", of="targets") if examples else np.zeros((0, 1))
    if len(y) < FEWEST_ROWS:
        raise CannotTrain(f"tags: {len(y)} labelled shots to learn from, at least {FEWEST_ROWS} are needed")
    seen = (y > 0).any(axis=0) & ((y == 0).any(axis=0))
    if not seen.any():
        raise CannotTrain("tags: every tag is on all shots of the films to learn from or on none: label other films")


def _rows(examples: Sequence[Example], scaling: Arrays, config: Config) -> Rows:
    """The known shots; where a shot has one tag, several labels share its probability (the paper's q)."""
    if not examples:
        return Rows(np.zeros((0, 1), np.float32), np.zeros((0, len(config.vocabulary)), np.float32))
    x = [shot_vectors(e.features, scaling, config.kinds, config.context)[e.targets["known"]] for e in examples]
    y = joined(examples, "tags", of="targets")
    if not config.multi_label:
        y = y / np.maximum(y.sum(axis=1, keepdims=True), 1)
    return Rows(np.concatenate(x), y)


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probability (T, tags); shots that were not kept have zeros."""
    config, kept = artefact.config, features["kept"]
    probability = np.zeros((len(kept), len(config.vocabulary)), np.float32)
    if kept.any() and config.fine_tune is not None:
        found = artefact.run_rows(features["pixels"][kept], PICTURES_TOGETHER)
        probability[kept] = shifted(found, artefact.arrays["thresholds"])
    elif kept.any():
        x = shot_vectors(features, artefact.arrays, config.kinds, config.context)
        kernel = config.as_kernel(artefact.arrays)
        found = kernel_predicted(kernel, artefact.arrays, x[kept]) if kernel else artefact.run_rows(x[kept])
        probability[kept] = shifted(found, artefact.arrays["thresholds"])
    return {"probability": probability}


def judge(features: Arrays, targets: Arrays, prediction: Arrays, config: Config) -> Judgement:
    """Hits, false ones and misses per tag over the known shots, and the film's precision and recall."""
    known = targets["known"]
    judgement = counts_of(targets["tags"][known] > 0, prediction["probability"][known] >= config.threshold)
    return {**judgement, "vocabulary": np.array(config.vocabulary)}


def summarise(judgements: Sequence[Judgement]) -> Scores:
    """See `models.tags.scores.summary`."""
    return summary(judgements, [str(tag) for tag in judgements[0]["vocabulary"]])


def baseline(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """Each tag as often as in training: the tags of at least half of the shots on all shots, or the most frequent."""
    share = joined(examples, "tags", of="targets").mean(axis=0)
    always = np.where((share >= 0.5) | (share == share.max()), 1.0, share).astype(np.float32)

    def guess(features: Arrays) -> Arrays:
        return {"probability": np.tile(always, (len(features["time_s"]), 1))}

    return guess


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """F1 per tag, and the correlation between tags as labelled and as predicted."""
    judged = [judge(e.features, e.targets, p, config) for e, p in zip(examples, predictions, strict=True)]
    known = [e.targets["known"] for e in examples]
    labelled = np.concatenate([e.targets["tags"][k] for e, k in zip(examples, known, strict=True)])
    said = np.concatenate([p["probability"][k] for p, k in zip(predictions, known, strict=True)]) >= config.threshold
    return {
        "f1_per_tag": f1_figure(judged, config.vocabulary),
        "correlation_labelled": correlation_figure(labelled, config.vocabulary),
        "correlation_predicted": correlation_figure(said, config.vocabulary),
    }


def judge_ratings(ratings: pa.Table, tags: pa.Table, config: Config) -> Judged:
    """Viewers' ratings of the films' tags; see `models.tags.ratings.judge_by_ratings`."""
    return judge_by_ratings(ratings, tags, config.vocabulary, config.best_rating)


def vocabularies(config: Config) -> dict[str, Sequence[str]]:
    """Labels' tags are those of the vocabulary."""
    return {"tag": config.vocabulary}


MODEL = Model(
    name="tags",
    version=1,
    config=Config,
    labels=LABELS,
    more_labels={"ratings": RATINGS},
    opinions={"ratings": Opinion("tags", judge_ratings)},
    vocabularies=vocabularies,
    settle=settle,
    reads=reads,
    features=features,
    targets=targets,
    train=train,
    predict=predict,
    judge=judge,
    summarise=summarise,
    baseline=baseline,
    metric="macro_f1",
    figures=figures,
    space={"gamma": [0.1, 0.3, 0.5, 1.0], "ridge": [0.01, 0.03, 0.1, 0.3], "context": [0, 2, 4, 8]},
    about="Tags of shots by a head on a frozen backbone's embeddings, after Khan et al., Movies Tags Extraction Using "
    "Deep Learning (AVSS 2017). It knows the tags it was shown and says how likely each is, not why; tags that few "
    "training shots carry are weak, and a backbone without training (descriptor) sees colour and layout, not things.",
)
