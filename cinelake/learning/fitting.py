"""Fitting a Keras network: compiled steps, early stopping, checkpoints, resuming to the same result after a kill.

epoch = over_rows(network, optimizer, loss, x, y, weight, batch_size=256, seed=0)     # rows in any order
epoch = over_batches(network, optimizer, loss, batches)                               # films, one or some at a time
fit(network, optimizer, epoch, validate, training, epochs=50, patience=10, monitor="loss")
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import TrainingFailed
from cinelake.lake.artefact import DAMAGED
from cinelake.lake.onnx import import_tensorflow
from cinelake.lake.spill import is_on_disk
from cinelake.spec.arrays import Array
from cinelake.spec.model import Scores
from cinelake.spec.training import Training
from cinelake.storage.files import written_whole

Loss = Callable[[Any, Any, Any], Any]
"""loss(target, output, weight) → a scalar tensor."""
Epoch = Callable[[int], float]
"""One pass over the training part; returns its mean loss."""
Batches = Callable[[int], Iterable[tuple[Array, Array, Array]]]
"""batches(epoch) → (input, target, weight) of each step, in the order of that epoch."""


@dataclass
class FitProgress:
    """The state of a fitting: the last whole epoch, the best one and its score, how long it has not improved."""

    epoch: int = -1
    best_epoch: int = -1
    best: float = float("nan")
    waited: int = 0


def over_batches(network: Any, optimizer: Any, loss: Loss, batches: Batches) -> Epoch:
    """Epochs whose steps come one by one (films of different lengths); one compiled step for all shapes."""
    tf = import_tensorflow()
    step = tf.function(_step(tf, network, optimizer, loss), input_signature=_signature(tf, network))

    def epoch(number: int) -> float:
        losses = [step(*(tf.convert_to_tensor(part, tf.float32) for part in batch)) for batch in batches(number)]
        return float(np.mean([float(value) for value in losses]))

    return epoch


def over_rows(
    network: Any, optimizer: Any, loss: Loss, x: Array, y: Array, weight: Array, *, batch_size: int = 256, seed: int = 0
) -> Epoch:
    """Epochs over rows; those that fit memory in one compiled loop an epoch, so that a step costs no Python.

    x: (rows, …) float32; y: (rows, …); weight: (rows,). The order is redrawn each epoch from the seed; the last
    batch of an epoch is filled up with the epoch's first rows at weight 0, so that all have one size. Rows on disk
    (`cinelake.lake.spill`) are read batch by batch, the next while one is learned from, in the same order.
    """
    tf = import_tensorflow()
    step = _step(tf, network, optimizer, loss)
    if is_on_disk(x):
        return _over_rows_on_disk(tf, step, (x, y, weight), min(batch_size, len(x)), seed)
    data = [tf.constant(np.asarray(part, np.float32)) for part in (x, y, weight)]
    rows, size = len(x), min(batch_size, len(x))
    steps = -(-rows // size)

    def run(order: Any) -> Any:
        total = tf.constant(0.0)
        for i in tf.range(steps):
            chosen = order[i * size : (i + 1) * size]
            inside = tf.cast(i * size + tf.range(size) < rows, tf.float32)
            total += step(tf.gather(data[0], chosen), tf.gather(data[1], chosen), tf.gather(data[2], chosen) * inside)
        return total / tf.cast(steps, tf.float32)

    compiled = tf.function(run)

    def epoch(number: int) -> float:
        order = np.random.default_rng((seed, number)).permutation(rows)
        return float(compiled(tf.constant(np.resize(order, steps * size), tf.int32)))

    return epoch


def _over_rows_on_disk(tf: Any, step: Any, data: tuple[Array, Array, Array], size: int, seed: int) -> Epoch:
    rows = len(data[0])
    shapes = [tf.TensorSpec((size, *part.shape[1:]), tf.float32) for part in data]
    compiled = tf.function(step, input_signature=shapes)

    def batches(number: int) -> Iterable[tuple[Array, ...]]:
        order = np.random.default_rng((seed, number)).permutation(rows)
        for first in range(0, rows, size):
            chosen = np.take(order, range(first, first + size), mode="wrap")
            x, y, weight = (np.asarray(part[chosen], np.float32) for part in data)
            yield x, y, weight * (np.arange(first, first + size) < rows)

    def epoch(number: int) -> float:
        source = tf.data.Dataset.from_generator(lambda: batches(number), output_signature=tuple(shapes))
        return float(np.mean([float(compiled(*batch)) for batch in source.prefetch(2)]))

    return epoch


def _step(tf: Any, network: Any, optimizer: Any, loss: Loss) -> Callable[[Any, Any, Any], Any]:
    optimizer.build(network.trainable_variables)

    def step(x: Any, y: Any, weight: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(y, network(x, training=True), weight) + sum(network.losses)
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    return step


def _signature(tf: Any, network: Any) -> list[Any]:
    """Input as the network declares it; target and weight of the output's rank, and weight without the last axis."""
    given, made = network.inputs[0].shape, network.outputs[0].shape
    return [
        tf.TensorSpec(given, tf.float32),
        tf.TensorSpec([None] * len(made), tf.float32),
        tf.TensorSpec([None] * (len(made) - 1), tf.float32),
    ]


def fit(
    network: Any,
    optimizer: Any,
    epoch: Epoch,
    validate: Callable[[], Scores],
    training: Training,
    *,
    epochs: int,
    patience: int | None = None,
    monitor: str = "loss",
    greater_is_better: bool = False,
    checkpoint_every: int = 1,
) -> FitProgress:
    """Run up to `epochs` epochs; the network ends with the weights of the best one by `validate()[monitor]`.

    patience: stop after this many epochs without a better one. Each `checkpoint_every` epochs the state goes to
    `training.folder`; a fitting that was killed resumes from there. Raises `TrainingFailed` for a NaN or infinite loss.
    """
    state = Checkpoint(training.folder / "fitting.npz", network, optimizer)
    progress = state.load() if training.resume else FitProgress()
    for number in range(progress.epoch + 1, epochs):
        if patience is not None and progress.waited >= patience:
            break
        loss = epoch(number)
        scores = validate()
        _check_numbers(number, loss, scores, monitor)
        better = np.isnan(progress.best) or (scores[monitor] > progress.best) == greater_is_better
        if better and scores[monitor] != progress.best:
            progress.best, progress.best_epoch, progress.waited = scores[monitor], number, 0
            state.keep_best()
        else:
            progress.waited += 1
        progress.epoch = number
        if (number + 1) % checkpoint_every == 0 or number + 1 == epochs:
            state.save(progress)
        training.report(number, {"loss": loss, **{f"val_{name}": value for name, value in scores.items()}})
    state.restore_best()
    return progress


def _check_numbers(epoch: int, loss: float, scores: Mapping[str, float], monitor: str) -> None:
    if not np.isfinite(loss) or not np.isfinite(scores[monitor]):
        raise TrainingFailed(
            f"epoch {epoch}: the loss is {loss}, the validation's {monitor} is {scores[monitor]}: lower the learning "
            "rate, or look for features that are far out of range"
        )


class Checkpoint:
    """The variables of a network and its optimiser, now and at the best epoch; written whole or not at all."""

    def __init__(self, path: Path, network: Any, optimizer: Any):
        self._path = path
        self._variables = [*network.variables, *optimizer.variables]
        self._weights = list(network.variables)
        self._best = [variable.numpy() for variable in self._weights]

    def keep_best(self) -> None:
        """Remember the weights as the best so far."""
        self._best = [variable.numpy() for variable in self._weights]

    def restore_best(self) -> None:
        """Restore the best weights of the network."""
        for variable, value in zip(self._weights, self._best, strict=True):
            variable.assign(value)

    def save(self, progress: FitProgress) -> None:
        """Write the state beside the old one and put it in its place."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {f"now_{i}": variable.numpy() for i, variable in enumerate(self._variables)}
        arrays |= {f"best_{i}": value for i, value in enumerate(self._best)}
        arrays["progress"] = np.array(json.dumps(asdict(progress)))
        with written_whole(self._path) as unfinished, unfinished.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    def load(self) -> FitProgress:
        """Load a saved state; a fresh start without one, or when it fits another network.

        Raises `TrainingFailed` for a damaged one.
        """
        if not self._path.is_file():
            return FitProgress()
        try:
            return self._loaded()
        except DAMAGED as error:
            words = f"{self._path} is damaged, and nothing resumes from it: remove it, and the training begins anew"
            raise TrainingFailed(f"{words} ({type(error).__name__}: {error})") from error

    def _loaded(self) -> FitProgress:
        with np.load(self._path, allow_pickle=False) as saved:
            now = [saved[f"now_{i}"] for i in range(len(self._variables)) if f"now_{i}" in saved]
            if [value.shape for value in now] != [tuple(variable.shape) for variable in self._variables]:
                return FitProgress()
            for variable, value in zip(self._variables, now, strict=True):
                variable.assign(value)
            self._best = [saved[f"best_{i}"] for i in range(len(self._weights))]
            return FitProgress(**json.loads(str(saved["progress"])))
