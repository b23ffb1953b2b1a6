"""The toy model, learning slowly enough to be killed at it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from core import _toy_model as toy

from cinelake.lake.onnx import import_tensorflow
from cinelake.lake.spill import joined
from cinelake.learning.fitting import fit, over_rows
from cinelake.spec.example import Example
from cinelake.spec.model import Trained
from cinelake.spec.training import Training


def train(learned: Sequence[Example], seen: Sequence[Example], config: toy.Config, training: Training) -> Trained:
    """A line through the levels, a tenth of a second an epoch."""
    tf = import_tensorflow()
    import keras

    keras.utils.set_random_seed(training.seed)
    level = keras.Input((1,))
    network = keras.Model(level, keras.layers.Dense(1)(level))
    x = joined(learned, "level")[:, None] / 30
    y = joined(learned, "loud", of="targets")[:, None]

    def loss(wanted: Any, found: Any, weight: Any) -> Any:
        return tf.reduce_mean(weight * (wanted - found)[:, 0] ** 2)

    optimizer = keras.optimizers.SGD(0.01)
    step = over_rows(network, optimizer, loss, x, y, np.ones(len(x)), seed=training.seed)

    def epoch(number: int) -> float:
        time.sleep(0.1)
        return step(number)

    fit(network, optimizer, epoch, lambda: {"loss": 1.0}, training, epochs=config.epochs)
    return Trained(network, {"threshold": np.array(joined(learned, "level").mean())})


MODEL = replace(toy.MODEL, train=train)
