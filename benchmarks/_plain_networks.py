"""What the funny agent is compared to on few labels: networks that simply learn the labels that are visible."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import fit, over_batches
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import Scores
from cinelake.spec.training import Training
from models.funny.config import Config
from models.funny.environment import Scenes, make_scenes

NetworkKind = Literal["MLP", "LSTM"]
BATCH = 32
"""Scenes of an update; those without a visible label are left out."""
MIN_UPDATES = 30
"""Of an epoch: where few labels are visible its scenes are repeated, so that a network is not stopped too early."""


def fit_plain(
    kind: NetworkKind, train: Sequence[Example], validation: Sequence[Example], scaling: Arrays, config: Config,
    folder: Path, seed: int,
) -> tuple[Any, Any]:  # fmt: skip
    """Two networks (scenes, steps, d) → (scenes, steps, 1) fitted by cross-entropy on the visible labels.

    MLP: the Q-network's layers (64, 32) with the same dropout; LSTM: 32 units in both directions. The visible labels
    of the validation films say after how many epochs the first is best; the second learns from them too, for as many.
    """
    held = [example for example in validation if example.targets["known"].any()]
    network, epochs = _fit(kind, train, held or train, scaling, config, Training(folder, seed, resume=False), 100)
    if not held:
        return network, network
    again = Training(folder / "refit", seed, resume=False)
    return network, _fit(kind, [*train, *held], [], scaling, config, again, epochs)[0]


def _fit(
    kind: NetworkKind, train: Sequence[Example], held: Sequence[Example], scaling: Arrays, config: Config,
    training: Training, epochs: int,
) -> tuple[Any, int]:  # fmt: skip
    """The network, and after how many epochs it was best on `held`; without these films, after all of them."""
    keras = _keras()
    keras.utils.set_random_seed(training.seed)
    scenes = make_scenes(train, scaling, config)
    network = _network(kind, scenes.x.shape[1], config.dropout)
    optimizer = keras.optimizers.Adam(config.learning_rate)
    epoch = over_batches(network, optimizer, _cross_entropy, lambda number: _batches(scenes, training.seed, number))
    judged = make_scenes(held, scaling, config) if held else None

    def validate() -> Scores:
        if judged is None:
            return {"loss": -float(optimizer.iterations)}
        x, y, weight = _arrays(judged, _labelled(judged))
        return {"loss": float(_cross_entropy(y, network(x, training=False), weight))}

    done = fit(network, optimizer, epoch, validate, training, epochs=epochs, patience=10)
    return network, done.best_epoch + 1


def margins(network: Any, example: Example, scaling: Arrays, config: Config) -> Array:
    """(T,) log-odds of a film's steps, scene by scene as it was learned."""
    alone = make_scenes([example], scaling, config)
    logits = np.asarray(network(alone.x[alone.rows], training=False))[..., 0]
    values = np.zeros(len(alone.x), np.float32)
    values[alone.rows] = logits
    return values[:-1]


def _network(kind: NetworkKind, size: int, dropout: float) -> Any:
    layers = _keras().layers
    given = _keras().Input((None, size))
    x = layers.Dropout(dropout)(given)
    if kind == "LSTM":
        x = layers.Bidirectional(layers.LSTM(32, return_sequences=True))(x)
        x = layers.Dropout(dropout)(x)
    else:
        for units in (64, 32):
            x = layers.Dropout(dropout)(layers.Dense(units, activation="relu")(x))
    return _keras().Model(given, layers.Dense(1)(x))


def _keras() -> Any:
    import_tensorflow()
    import keras

    return keras


def _cross_entropy(y: Any, logits: Any, weight: Any) -> Any:
    import tensorflow as tf

    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(y, tf.float32), logits=logits)[..., 0]
    return tf.reduce_sum(each * weight) / tf.maximum(tf.reduce_sum(weight), 1e-6)


def _labelled(scenes: Scenes) -> Array:
    return np.flatnonzero((scenes.worth[scenes.rows] > 0).any(axis=1))


def _arrays(scenes: Scenes, chosen: Array) -> tuple[Array, Array, Array]:
    rows = scenes.rows[chosen]
    return scenes.x[rows], scenes.label[rows][..., None], (scenes.worth[rows] > 0).astype(np.float32)


def _batches(scenes: Scenes, seed: int, number: int) -> Any:
    rng, labelled = np.random.default_rng((seed, number)), _labelled(scenes)
    rounds = -(-MIN_UPDATES * BATCH // len(labelled))
    order = np.concatenate([rng.permutation(labelled) for _ in range(rounds)])
    for start in range(0, len(order), BATCH):
        yield _arrays(scenes, order[start : start + BATCH])
