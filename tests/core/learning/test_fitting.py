"""Fitting networks: the same result after a kill, early stopping, NaN or infinite losses."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cinelake.errors import TrainingFailed
from cinelake.lake.onnx import import_tensorflow
from cinelake.lake.spill import concatenate
from cinelake.learning.fitting import Checkpoint, FitProgress, fit, over_batches, over_rows
from cinelake.spec.training import StopTraining, Training

ROWS = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
SIGNS = (ROWS[:, :1] > 0).astype(np.float32)
WEIGHTS = np.ones(len(ROWS), np.float32)


def loss(target: Any, output: Any, weight: Any) -> Any:
    """Weighted cross-entropy."""
    import keras

    return import_tensorflow().reduce_mean(weight * keras.losses.binary_crossentropy(target, output))


def network() -> Any:
    """A small network with dropout, always from the same weights."""
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(0)
    rows = keras.Input((6,))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(8, activation="relu")(rows))
    return keras.Model(rows, keras.layers.Dense(1, activation="sigmoid")(hidden))


def fitted(
    folder: Path, epochs: int, report: Any = None, patience: int | None = None, rows: Any = ROWS
) -> tuple[Any, FitProgress]:
    """The network after some epochs."""
    import keras

    made = network()
    optimizer = keras.optimizers.Adam(0.01)
    epoch = over_rows(made, optimizer, loss, rows, SIGNS, WEIGHTS, batch_size=32)
    training = Training(folder, report=report) if report else Training(folder)

    def checked() -> dict[str, float]:
        return {"loss": float(loss(SIGNS, made(ROWS), WEIGHTS))}

    return made, fit(made, optimizer, epoch, checked, training, epochs=epochs, patience=patience)


def stop_after(epoch: int) -> Any:
    """A report that ends the training, as a kill would."""

    def report(number: int, _metrics: Any) -> None:
        if number == epoch:
            raise StopTraining

    return report


def test_a_fitting_that_was_cut_off_ends_as_one_that_was_not(tmp_path):
    whole, _ = fitted(tmp_path / "whole", 6)
    with pytest.raises(StopTraining):
        fitted(tmp_path / "cut", 6, stop_after(2))
    resumed, _ = fitted(tmp_path / "cut", 6)
    assert all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True))


def test_rows_on_disk_teach_what_rows_in_memory_teach(tmp_path):
    in_memory, _ = fitted(tmp_path / "memory", 3)
    on_disk, _ = fitted(tmp_path / "disk", 3, rows=concatenate([ROWS], bound=0))
    pairs = zip(in_memory.get_weights(), on_disk.get_weights(), strict=True)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in pairs)


def test_only_the_epochs_that_were_not_done_are_done_again(tmp_path):
    with pytest.raises(StopTraining):
        fitted(tmp_path, 6, stop_after(2))
    seen: list[int] = []
    fitted(tmp_path, 6, lambda number, _: seen.append(number))
    assert seen == [3, 4, 5]


def test_the_network_ends_with_the_weights_of_its_best_epoch(tmp_path):
    made, progress = fitted(tmp_path, 8)
    assert float(loss(SIGNS, made(ROWS), WEIGHTS)) == pytest.approx(progress.best, rel=1e-5)


def test_a_fitting_that_gets_no_better_is_stopped(tmp_path):
    made = network()
    progress = fit(made, _sgd(), lambda _: 1.0, lambda: {"loss": 1.0}, Training(tmp_path), epochs=50, patience=3)
    assert progress.epoch == 3 and progress.best_epoch == 0


def test_a_loss_that_is_no_number_ends_with_what_to_try(tmp_path):
    with pytest.raises(TrainingFailed, match="lower the learning rate"):
        fit(network(), _sgd(), lambda _: float("nan"), lambda: {"loss": 1.0}, Training(tmp_path), epochs=5)


def test_films_of_different_lengths_go_through_one_compiled_step():
    import keras

    steps = keras.Input((None, 6))
    made = keras.Model(steps, keras.layers.Dense(1, activation="sigmoid")(steps))
    films = [(ROWS[None, :n], SIGNS[None, :n], WEIGHTS[None, :n]) for n in (5, 80, 33)]
    epoch = over_batches(made, keras.optimizers.Adam(0.05), loss, lambda _: films)
    losses = [epoch(number) for number in range(20)]
    assert losses[-1] < losses[0] / 2


def test_a_step_of_weight_nothing_teaches_nothing():
    import keras

    made = network()
    before = made.get_weights()
    over_rows(made, keras.optimizers.SGD(0.1), loss, ROWS, SIGNS, 0 * WEIGHTS)(0)
    assert all(np.array_equal(a, b) for a, b in zip(before[:4], made.get_weights()[:4], strict=True))


def _sgd() -> Any:
    import keras

    return keras.optimizers.SGD(0.1)


class Variable:
    """A variable without a network."""

    def __init__(self, values: np.ndarray):
        self.values, self.shape = values, values.shape
        self.numpy = lambda: self.values

    def assign(self, values: np.ndarray) -> None:
        self.values = values


def test_a_damaged_checkpoint_is_told_and_never_resumed_from_with_other_numbers(tmp_path):
    draw, variables = random.Random(3), [Variable(np.arange(float(size))) for size in (5, 9)]
    state = Checkpoint(tmp_path / "fitting.npz", *(SimpleNamespace(variables=[each]) for each in variables))
    state.save(saved := FitProgress(epoch=3, best_epoch=2, best=0.5))
    whole = (tmp_path / "fitting.npz").read_bytes()
    for _ in range(200):
        at = draw.randrange(len(whole))
        (tmp_path / "fitting.npz").write_bytes(whole[:at] + draw.randbytes(2) + whole[at + draw.randrange(4) :])
        with suppress(TrainingFailed):
            assert state.load() == saved
        assert [each.values.tolist() for each in variables] == [[*range(5)], [*range(9)]]
