"""How a network of `scenes` is fitted: films of like length together, or rows in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cinelake.errors import CannotTrain
from cinelake.lake.onnx import import_tensorflow
from cinelake.lake.spill import SpillBuffer
from cinelake.learning.fitting import Epoch, fit, over_batches, over_rows
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import Scores, Trained
from cinelake.spec.training import Training
from models.scenes.config import IN_ROWS, Config
from models.scenes.features import learn_inputs, network_inputs
from models.scenes.networks import BUILDERS, beside_linear, build_optimizer, cross_entropy_over, linear_network
from models.scenes.predict import log_length, log_odds
from models.scenes.scores import best_threshold

FilmPart = tuple[Array, Array, Array]
"""Inputs (T, n), whether a scene begins (T,), weights (T,) of one film."""
JudgedFilm = tuple[Array, Array, float]
"""Whether a scene begins (T,) at the known shots of a film, its probabilities (T,) by a network that learned from
others, and `log_length` of its shots."""
LINEAR_C = 0.003
"""Inverse strength of the logistic regression's L2 penalty: chosen by leaving out films, and kinds of films."""
CALIBRATION_PARTS = 3
"""Parts that films are cut into to calibrate, each by a network that learned from the other parts."""
MIDDLE_PACE = 0.5
"""What pace is taken to be before any film is seen: on real films it lay between 0.6 and 1."""


@dataclass
class Fitted:
    """A fitted network for inference, and after how many epochs it was best."""

    network: Any
    epochs: int


def train(
    train_examples: Sequence[Example], validation_examples: Sequence[Example], config: Config, training: Training
) -> Trained:
    """Fit a network; then, with `refit`, learn from the validation films too, which have given the epochs.

    Calibrated by cross-fitting over all films: two or three validation films say too little of how many scenes others
    have; by these alone without `refit`, and where what is trained is not final, as `map` does not read a calibration.
    `training.settled` names the epochs where there are no validation films.
    Raises `CannotTrain` when no scene begins anywhere, or one at every shot.
    """
    check_examples(train_examples)
    train_examples = [example for example in train_examples if len(example)]
    validation = [example for example in validation_examples if example.targets["known"].any()]
    learned = learn_inputs(train_examples, config, training.seed)
    parts, held = (parts_of(examples, learned, config) for examples in (train_examples, validation))
    fitted = fit_network(parts, held, config, training, epochs=training.settled.get("epochs"))
    everything = [*train_examples, *validation]
    if held and not (config.refit and training.final):
        chosen = calibration(_answers(fitted, validation, held, config))
    else:
        chosen = calibration(judged_by_others(everything, [*parts, *held], config, training, fitted.epochs))
    if config.refit and held:
        learned = learn_inputs(everything, config, training.seed)
        again = Training(training.folder / "refit", training.seed, resume=training.resume)
        fitted = fit_network(parts_of(everything, learned, config), [], config, again, epochs=fitted.epochs)
    return Trained(fitted.network, learned, {**chosen, "epochs": fitted.epochs})


def calibration(films: Sequence[JudgedFilm]) -> dict[str, float]:
    """threshold: the best by F1; slope, offset and pace: of Platt's scaling of log-odds, in which a film whose shots
    are longer has more scenes to a shot: pace × (`log_length` − usual). shortest, longest: where this was learned.

    pace lies between 0, where a scene lasts a number of shots in any film, and 1, where it lasts a time; the slope is
    never below a tenth.
    """
    from scipy.optimize import minimize

    truth, probability, lengths = zip(*films, strict=True)
    true = np.concatenate(truth).astype(bool)
    found = {"threshold": best_threshold(truth, probability), "slope": 1.0, "offset": 0.0, "pace": 0.0}
    usual = float(np.mean(lengths))
    found |= {"usual": usual, "shortest": min(lengths), "longest": max(lengths)}
    if not true.any() or true.all():
        return found
    own = np.concatenate([np.full(len(t), length - usual) for t, length in zip(truth, lengths, strict=True)])
    x = np.stack([log_odds(np.concatenate(probability)), np.ones(len(true)), own], axis=1)  # (shots, 3)

    def loss(weights: Array) -> tuple[float, Array]:
        logit = x @ weights
        missing = 1 / (1 + np.exp(-logit)) - true
        prior = weights - [1.0, 0.0, MIDDLE_PACE]
        value = np.logaddexp(0, logit).sum() - logit[true].sum() + 0.5 * (prior**2).sum()
        return float(value), x.T @ missing + prior

    fitted = minimize(loss, [1.0, 0.0, MIDDLE_PACE], jac=True, bounds=[(0.1, None), (None, None), (0.0, 1.0)])
    slope, offset, pace = (float(weight) for weight in fitted.x)
    return found | {"slope": slope, "offset": offset, "pace": pace}


def _answers(
    fitted: Fitted, examples: Sequence[Example], films: Sequence[FilmPart], config: Config
) -> list[JudgedFilm]:
    """Of each film with known shots their truth, the network's probabilities of them, and how long its shots are."""
    judged = []
    for example, (x, y, _) in zip(examples, films, strict=True):
        if (known := example.targets["known"]).any():
            judged.append((y[known], _predicted(fitted.network, x, config)[known], log_length(example.features)))
    return judged


def judged_by_others(
    examples: Sequence[Example], films: Sequence[FilmPart], config: Config, training: Training, epochs: int
) -> list[JudgedFilm]:
    """Each film, and each series as one, by a network of others; parts of a single film by networks of its other parts,
    and by their own where these teach nothing."""
    groups = {group: number for number, group in enumerate(dict.fromkeys(example.group for example in examples))}
    numbers = [groups[example.group] for example in examples] if len(groups) > 1 else list(range(len(examples)))
    count, judged = min(CALIBRATION_PARTS, max(numbers) + 1), list[JudgedFilm]()
    for part in range(count):
        learned = [film for number, film in zip(numbers, films, strict=True) if number % count != part]
        own = [place for place, number in enumerate(numbers) if number % count == part]
        if learned and _teaches(learned) and any(examples[place].targets["known"].any() for place in own):
            fitted = fit_network(learned, [], config, _apart(training, part), epochs=epochs)
            judged += _answers(fitted, [examples[place] for place in own], [films[place] for place in own], config)
    if judged:
        return judged
    return _answers(fit_network(films, [], config, _apart(training, count), epochs=epochs), examples, films, config)


def _teaches(films: Sequence[FilmPart]) -> bool:
    """Whether a scene begins at some of the shots that are learned from and at others not."""
    begins = np.concatenate([y[weight > 0] for _, y, weight in films])
    return bool(begins.any() and not begins.all())


def _apart(training: Training, part: int) -> Training:
    return Training(training.folder / f"calibration_{part}", training.seed, resume=training.resume)


def check_examples(examples: Sequence[Example]) -> None:
    """Raise `CannotTrain` unless a scene begins at some of the known shots and at others not."""
    known = np.concatenate([*(e.targets["boundary"][e.targets["known"]] for e in examples), np.zeros(0, bool)])
    if not known.any() or known.all():
        what = "no shot at which a scene begins" if not known.any() else "only shots at which a scene begins"
        raise CannotTrain(
            f"scenes: the {len(examples)} films to learn from have {len(known)} labelled shots and {what}: check that "
            "the labels' times fit the films"
        )


def _predicted(network: Any, x: Array, config: Config) -> Array:
    """(T,) the network's probabilities for one film, not yet calibrated."""
    batch = x if config.network in IN_ROWS else x[None]
    return np.asarray(network(batch, training=False)).reshape(-1)


def parts_of(examples: Sequence[Example], learned: Arrays, config: Config) -> list[FilmPart]:
    """What the network is given of each film; on disk where that does not fit memory."""
    shelf = SpillBuffer()
    weights = step_weights(examples, config.balance, config.near_weight)
    inputs = [shelf.keep({"x": network_inputs(example.features, learned, config)})["x"] for example in examples]
    targets = [example.targets["boundary"] for example in examples]
    return list(zip(inputs, targets, weights, strict=True))


def step_weights(examples: Sequence[Example], balance: float, near: float = 1.0) -> list[Array]:
    """(T,) per film: 0 where unknown, 1 where no scene begins, (negatives / positives)^balance where one does.

    near: what a shot beside a scene's first weighs in place of 1.
    """
    positive = sum(int((e.targets["boundary"] & e.targets["known"]).sum()) for e in examples)
    negative = sum(int(e.targets["known"].sum()) for e in examples) - positive
    heavy = (negative / max(positive, 1)) ** balance
    return [np.where(e.targets["boundary"], heavy, _forgiving(e.targets["boundary"], near)) * e.targets["known"]
            for e in examples]  # fmt: skip


def _forgiving(boundary: Array, near: float) -> Array:
    """(T,) 1, and `near` beside a boundary."""
    padded = np.pad(boundary, 1)
    return np.where(padded[:-2] | padded[2:], near, 1.0)


def fit_network(
    parts: Sequence[FilmPart],
    validation: Sequence[FilmPart],
    config: Config,
    training: Training,
    epochs: int | None = None,
) -> Fitted:
    """Fit a network to films. validation: films to stop by. epochs: exactly so many instead, without stopping."""
    tf = import_tensorflow()
    import keras

    keras.utils.set_random_seed(training.seed)
    if config.network == "logistic":
        return Fitted(linear_network(*_fit_linear(parts)), 1)
    network, trainable = BUILDERS[config.network](config, parts[0][0].shape[1])
    count = epochs or config.max_epochs
    in_rows = config.network in IN_ROWS
    epoch, optimizer = (_row_epoch if in_rows else _film_epoch)(trainable, parts, config, training.seed, count)
    stops = bool(validation) and config.patience is not None and not in_rows and epochs is None
    progress = fit(
        trainable,
        optimizer,
        epoch,
        _validate(tf, trainable, optimizer, validation, in_rows),
        training,
        epochs=count,
        patience=config.patience if stops else None,
        monitor="loss" if stops else "steps",
        greater_is_better=not stops,
        checkpoint_every=10 if in_rows else 1,
    )
    if config.linear_part > 0:
        network = beside_linear(network, *_fit_linear(parts), config.linear_part)
    return Fitted(network, progress.best_epoch + 1)


def _fit_linear(parts: Sequence[FilmPart]) -> tuple[Array, float]:
    """Coefficients (n,) and bias of a logistic regression on the same rows: few films do not mislead it."""
    from sklearn.linear_model import LogisticRegression

    x, y, weight = _known_rows(parts)
    fitted = LogisticRegression(C=LINEAR_C, max_iter=1000).fit(x, y, sample_weight=weight)
    return fitted.coef_[0], float(fitted.intercept_[0])


def _known_rows(parts: Sequence[FilmPart]) -> tuple[Array, Array, Array]:
    x, y, weight = (np.concatenate([part[place] for part in parts]) for place in range(3))
    known = weight > 0
    return x[known], y[known], weight[known]


def _row_epoch(network: Any, parts: Sequence[FilmPart], config: Config, seed: int, epochs: int) -> tuple[Epoch, Any]:
    x, y, weight = _known_rows(parts)
    optimizer = build_optimizer(config, epochs * -(-len(x) // min(config.batch_shots, len(x))))
    epoch = over_rows(
        network, optimizer, cross_entropy_over("count"), x, y[:, None], weight, batch_size=config.batch_shots, seed=seed
    )
    return epoch, optimizer


def _film_epoch(network: Any, parts: Sequence[FilmPart], config: Config, seed: int, epochs: int) -> tuple[Epoch, Any]:
    """Films of like length go together, so that little is padded; the batches' order is drawn anew each epoch."""
    by_length = sorted(parts, key=lambda part: len(part[0]))
    groups = [by_length[i : i + config.batch_films] for i in range(0, len(by_length), config.batch_films)]
    optimizer = build_optimizer(config, epochs * len(groups))

    def batches(number: int) -> Any:
        for group in np.random.default_rng((seed, number)).permutation(len(groups)):
            yield padded_batch(groups[group])

    return over_batches(network, optimizer, cross_entropy_over("sum"), batches), optimizer


def padded_batch(parts: Sequence[tuple[Array, Array, Array]]) -> tuple[Any, ...]:
    """Films (T, n), (T,), (T,) of several lengths as (films, longest, n), (films, longest, 1), (films, longest)."""
    longest = max(len(x) for x, _, _ in parts)
    x = np.zeros((len(parts), longest, parts[0][0].shape[1]), np.float32)
    y, weight = np.zeros((len(parts), longest, 1), np.float32), np.zeros((len(parts), longest), np.float32)
    for film, (inputs, boundary, heavy) in enumerate(parts):
        x[film, : len(inputs)], y[film, : len(inputs), 0], weight[film, : len(inputs)] = inputs, boundary, heavy
    return x, y, weight


def _validate(tf: Any, network: Any, optimizer: Any, parts: Sequence[FilmPart], in_rows: bool) -> Callable[[], Scores]:
    """The loss on the validation films, also of each member of a network that has some, and how many steps there were:
    without stopping the last epoch is the best."""
    cross_entropy = cross_entropy_over("sum")

    def loss(x: Any, y: Any, weight: Any) -> Any:
        return cross_entropy(y, network(x, training=False), weight)

    def member_losses(x: Any, y: Any, weight: Any) -> list[Any]:
        output = network(x, training=False)
        return [cross_entropy(y, output[:, member : member + 1], weight) for member in range(output.shape[-1])]

    shape = list(network.inputs[0].shape)
    more = [None] * (len(shape) - 1)
    signature = [tf.TensorSpec(s, tf.float32) for s in (shape, [*more, 1], more)]
    compiled = tf.function(loss, input_signature=signature)
    of_members = tf.function(member_losses, input_signature=signature)
    given = [(x, y[:, None], weight) if in_rows else padded_batch([(x, y, weight)]) for x, y, weight in parts]

    def validate() -> Scores:
        tensors = [[tf.convert_to_tensor(values, tf.float32) for values in part] for part in given]
        shots, steps = [float(part[2].sum()) for part in given], {"steps": float(optimizer.iterations)}
        if not sum(shots):
            return steps
        loss_now = {"loss": float(np.average([float(compiled(*part)) for part in tensors], weights=shots))}
        if in_rows and network.outputs[0].shape[-1] > 1:
            members = np.average([of_members(*part) for part in tensors], axis=0, weights=shots)
            loss_now |= {f"loss/member_{number}": float(value) for number, value in enumerate(members, start=1)}
        return steps | loss_now

    return validate
