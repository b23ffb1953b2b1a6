"""How the learners are fitted: the linear part, then the members of the memory network or another learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import fit, over_batches
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import Scores, Trained
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
from models.affect.predict import members_of, smoothed

MAX_VALIDATED_CLIPS = 20_000
"""So many clips of each validation film are predicted after each epoch."""


def train(
    train_examples: Sequence[Example], validation_examples: Sequence[Example], config: Config, training: Training
) -> Trained:
    """Fit the learner of the configuration; with `linear`, to the residuals of a ridge regression of other films.

    Lines are calibrated by films that they were not learned from: the fact `slope` says how much of each line's way
    from the mean is kept, at most all of it, such that the squared error is least.
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
    everything = [*films, *validation_films]
    residual = ridge_residuals(everything) if linear or config.learner == "ridge" else everything
    if config.learner == "ridge":
        return _calibrated(Trained(None, learned, {}), everything, _left_over(everything, residual), config, training)
    films, validation_films = residual[: len(films)], residual[len(films) :]
    if config.learner not in ("lstm", "transformer"):
        trained = _train_memory(films, validation_films, learned, config, training)
    else:
        kind: Any = config.learner
        settled = training.settled.get("epochs")
        network, best = learn_sequence(
            kind, films, validation_films, training, epochs=settled or config.epochs, patience=config.patience
        )
        trained = Trained(network, learned, {"epochs": best})
    true = everything[len(films) :]
    lines = [
        over + network_line(trained.network, trained.arrays, film.clips, config)
        for over, film in zip(_left_over(true, validation_films), true, strict=True)
    ]
    return _calibrated(trained, true, lines, config, training)


def _left_over(films: Sequence[AffectFilm], residual: Sequence[AffectFilm]) -> list[Array]:
    """What the ridge regressions of other films say of each film's known clips, 0 elsewhere."""
    return [film.line - rest.line for film, rest in zip(films, residual, strict=True)]


def _calibrated(
    trained: Trained, films: Sequence[AffectFilm], lines: Sequence[Array], config: Config, training: Training
) -> Trained:
    """The model with the share of each line's way from the mean that is best on films it did not learn from.

    lines: what it says of them. Classes, and a model without such films, keep their lines as they are.
    """
    slope = np.ones(len(config.targets))
    if training.settled:
        slope = np.asarray(training.settled["slope"])
    elif films and not config.classes:
        smooth = [smoothed(line, config.smooth_s / config.clip_s) for line in lines]
        known, true, said = (np.concatenate(p) for p in ([f.known for f in films], [f.line for f in films], smooth))
        both, power = (known * said * true).sum(axis=0), (known * said**2).sum(axis=0)
        slope = np.clip(np.divide(both, power, out=np.ones(len(slope)), where=power > 0), 0.0, 1.0)
    arrays = {**trained.arrays, "slope": slope.astype(np.float32)}
    return Trained(trained.network, arrays, {**trained.facts, "slope": slope.tolist()})


def network_line(network: Any, arrays: Arrays, clips: Array, config: Config) -> Array:
    """(T, targets) what the learner says beside the ridge regression; clips (T, K, F)."""
    if config.learner in ("lstm", "transformer"):
        return np.asarray(network(clips.reshape(1, len(clips), -1), training=False))[0]
    passes = [follow(weights, clips, config.learner == "memory_clips")[0] for weights in members_of(arrays)]
    return np.asarray(np.mean(passes, axis=0))


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
        report = partial(_report_member, training.report, member, config.memory.epochs)
        own = Training(training.folder / f"member_{member}", 1000 * training.seed + member, report, training.resume)
        if training.settled:
            settings = config.memory.model_copy(update={"epochs": max(1, training.settled["epochs"][member])})
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
