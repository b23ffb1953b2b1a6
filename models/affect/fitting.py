"""How the learners are fitted: the linear part, then the members of the memory network or another learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import fit, over_batches
from cinelake.spec.arrays import Arrays
from cinelake.spec.model import Example, Scores, Trained
from cinelake.spec.training import Member, Report, Training
from models.affect.agent import MemoryLearner
from models.affect.baselines import (
    Sequential,
    TruncatedLearner,
    build_sequence,
    clip_rows,
    fit_ridge,
    padded,
    ridge_residuals,
)
from models.affect.config import Config, MemorySettings
from models.affect.features import learn_scaling
from models.affect.films import AffectFilm, films_of, label_scale
from models.affect.network import Sizes, follow, numpy_ops, rewarded

MAX_VALIDATED_CLIPS = 20_000
"""So many clips of each validation film are predicted after each epoch."""


def train(
    train_examples: Sequence[Example], validation_examples: Sequence[Example], config: Config, training: Training
) -> Trained:
    """Fit the learner of the configuration; with `linear`, to the residuals of a ridge regression of other films.

    Raises `CannotTrain` when a line is never labelled or constant, `TrainingFailed` when learning diverges.
    """
    scale = label_scale(train_examples, config)
    learned = {**learn_scaling([e.features for e in train_examples], config.use, config.components), **scale}
    films, validation_films = (films_of(part, learned, config) for part in (train_examples, validation_examples))
    if config.learner == "mean":
        return Trained(None, learned, {})
    linear = config.linear and not config.classes
    if config.learner == "ridge" or linear:
        learned |= fit_ridge([*films, *validation_films])
    if config.learner == "ridge":
        return Trained(None, learned, {})
    if linear:
        residual = ridge_residuals([*films, *validation_films])
        films, validation_films = residual[: len(films)], residual[len(films) :]
    if config.learner not in ("lstm", "transformer"):
        return _train_memory(films, validation_films, learned, config, training)
    kind: Any = config.learner
    network, best = learn_sequence(
        kind, films, validation_films, training, epochs=config.epochs, patience=config.patience
    )
    return Trained(network, learned, {"epochs": best})


def _train_memory(
    films: Sequence[AffectFilm],
    validation_films: Sequence[AffectFilm],
    learned: Arrays,
    config: Config,
    training: Training,
) -> Trained:
    """The arrays of all members, each member's epochs reported after those of the members before it."""
    settings, film = config.memory, films[0]
    sizes = Sizes(
        film.clips.shape[2], film.line.shape[1], settings.clip_vector, settings.slots, settings.width, settings.hidden,
        settings.longest, config.classes,
    )  # fmt: skip
    arrays, epochs = dict(learned), []
    for member in range(config.members):
        report = partial(_report_member, training.report, member, settings.epochs)
        own = Training(training.folder / f"member_{member}", 1000 * training.seed + member, report, training.resume)
        if config.learner == "memory":
            weights, best = learn_memory(films, validation_films, sizes, settings, own)
        else:
            forgetful = config.learner == "memory_clips"
            weights, best = learn_truncated(films, validation_films, sizes, settings, own, forgetful)
        arrays |= {f"member_{member}/{name}": array for name, array in weights.items()}
        epochs.append(best)
    return Trained(None, arrays, {"epochs": epochs})


def _report_member(
    report: Report, member: int, epochs: int, epoch: int, metrics: Mapping[str, float], _: Member | None = None, /
) -> None:
    """Report a member's epoch after those of the members before it, each of which has so many."""
    report(member * epochs + epoch, metrics, Member(member + 1, epoch))


def learn_memory(
    films: Sequence[AffectFilm],
    validation: Sequence[AffectFilm],
    sizes: Sizes,
    settings: MemorySettings,
    training: Training,
) -> tuple[Arrays, int]:
    """Weights of the memory network from the epoch that is best by the validation films, and how many epochs that is.

    Without validation films these are the last ones.

    Raises `TrainingFailed` with the update and the numbers when the critic or a loss diverges; the checkpoint of the
    last good epoch stays in the training's folder.
    """
    learner, name = MemoryLearner(sizes, settings, training.seed), loss_name(sizes)

    def epoch(number: int) -> float:
        rng = np.random.default_rng((training.seed, number))
        return float(np.mean([learner.round(some_films(films, settings.films_at_once, rng), rng)
                              for _ in range(settings.rounds)]))  # fmt: skip

    def validate() -> Scores:
        return {name: mean_loss(learner.weights(), validation, sizes) if validation else -float(learner.updates)}

    done = fit(
        learner, NoOptimizer(), epoch, validate, training, epochs=settings.epochs, monitor=name,
        patience=settings.patience if validation else None,
    )  # fmt: skip
    return learner.weights(), done.best_epoch + 1


def learn_truncated(
    films: Sequence[AffectFilm],
    validation: Sequence[AffectFilm],
    sizes: Sizes,
    settings: MemorySettings,
    training: Training,
    forgetful: bool = False,
) -> tuple[Arrays, int]:
    """As `learn_memory`, by truncated backpropagation; an epoch is as many passes over films as the agent's."""
    learner, name = TruncatedLearner(sizes, settings, training.seed, forgetful), loss_name(sizes)

    def epoch(number: int) -> float:
        rng = np.random.default_rng((training.seed, number))
        passes = [learner.round(some_films(films, settings.films_at_once, rng)) for _ in range(settings.rounds)]
        return float(np.mean(passes))

    def validate() -> Scores:
        if not validation:
            return {name: -float(learner.rounds)}
        return {name: mean_loss(learner.weights(), validation, sizes, forgetful)}

    done = fit(
        learner, NoOptimizer(), epoch, validate, training, epochs=settings.epochs, monitor=name,
        patience=settings.patience if validation else None,
    )  # fmt: skip
    return learner.weights(), done.best_epoch + 1


def learn_sequence(
    kind: Sequential,
    films: Sequence[AffectFilm],
    validation: Sequence[AffectFilm],
    training: Training,
    *,
    epochs: int,
    patience: int,
    together: int = 8,
) -> tuple[Any, int]:
    """The network best by the validation films' MAE, by backpropagation through whole films, and its epochs."""
    import keras

    tf = import_tensorflow()
    keras.utils.set_random_seed(training.seed)
    network = build_sequence(kind, clip_rows(films[0]).shape[1], films[0].line.shape[1])
    optimizer = keras.optimizers.Adam(2e-3, clipnorm=1.0)

    def loss(line: Any, predicted: Any, known: Any) -> Any:
        return tf.reduce_sum(known * tf.reduce_mean(abs(predicted - line), -1)) / tf.maximum(tf.reduce_sum(known), 1.0)

    def batches(number: int) -> Any:
        order = np.random.default_rng((training.seed, number)).permutation(len(films))
        for start in range(0, len(films), together):
            yield padded([films[i] for i in order[start : start + together]])

    def validate() -> Scores:
        if not validation:
            return {"mae": -float(optimizer.iterations)}
        return {"mae": float(np.mean([loss(y, network(x), k) for x, y, k in (padded([f]) for f in validation)]))}

    done = fit(
        network, optimizer, over_batches(network, optimizer, loss, batches), validate, training,
        epochs=epochs, patience=patience if validation else None, monitor="mae",
    )  # fmt: skip
    return network, done.best_epoch + 1


def loss_name(sizes: Sizes) -> str:
    """The name of the loss on validation films."""
    return "cross_entropy" if sizes.classes else "mae"


def mean_loss(weights: Arrays, films: Sequence[AffectFilm], sizes: Sizes, forgetful: bool = False) -> float:
    """The mean negative reward over the known labels of the films: MAE, or the cross-entropy of classes."""
    predicted, ops = [follow(weights, film.clips[:MAX_VALIDATED_CLIPS], forgetful)[0] for film in films], numpy_ops()
    loss = -sum(
        float(rewarded(ops, sizes, y, film.line[: len(y)], film.known[: len(y)]).sum())
        for film, y in zip(films, predicted, strict=True)
    )
    return loss * sizes.targets / max(1.0, sum(float(film.known.sum()) for film in films))


def some_films(films: Sequence[AffectFilm], count: int, rng: np.random.Generator) -> list[AffectFilm]:
    """`count` films at random; where there are fewer, each comes equally often (up to one)."""
    order = np.concatenate([rng.permutation(len(films)) for _ in range(-(-count // len(films)))])
    return [films[i] for i in order[:count]]


@dataclass(frozen=True)
class NoOptimizer:
    """What `fit` takes as the optimiser of learners whose `variables` include those of their own optimisers."""

    variables: tuple[Any, ...] = ()
