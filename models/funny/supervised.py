"""The simple learners of `funny`: a logistic regression and an MLP that learn the known labels, step by step.

They see what the agent sees of a step, and nothing of what was decided before: the network has the agent's form,
(n, d + 2) → (n, 2), and pays no regard to the affective vector. Their Q-values are ∓ half the log-odds, so that the
margin is the log-odds itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import fit, over_rows
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import Scores
from cinelake.spec.training import Training
from models.funny.config import Config
from models.funny.environment import ACTIONS
from models.funny.features import embeddings

Supervised = Literal["logistic", "mlp"]
LOGISTIC_C = 0.01
"""Inverse strength of the L2 penalty."""
EPOCHS, PATIENCE, HIDDEN = 100, 10, (64, 32)
"""Of the MLP: its layers are the agent's."""


def learn_supervised(
    kind: Supervised,
    train: Sequence[Example],
    validation: Sequence[Example],
    scaling: Arrays,
    config: Config,
    training: Training,
    epochs: int | None = None,
) -> tuple[Any, int]:
    """The network, and after how many epochs it was best by the validation films. epochs: exactly so many instead."""
    x, y = known_steps(train, scaling, config)
    if kind == "logistic":
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression(C=LOGISTIC_C, max_iter=500).fit(x, y)
        return _linear(fitted.coef_[0], float(fitted.intercept_[0])), 1
    return _mlp(x, y, known_steps(validation, scaling, config) if validation else None, config, training, epochs)


def known_steps(examples: Sequence[Example], scaling: Arrays, config: Config) -> tuple[Array, Array]:
    """(n, d) embeddings of the known steps, and (n,) whether each is funny."""
    known = [example.targets["known"] for example in examples]
    x = [embeddings(example.features, scaling, config)[k] for example, k in zip(examples, known, strict=True)]
    return np.concatenate(x), np.concatenate([e.targets["funny"][k] for e, k in zip(examples, known, strict=True)])


def _linear(coefficients: Array, bias: float) -> Any:
    keras = _keras()
    layer = keras.layers.Dense(len(ACTIONS))
    given = keras.Input((len(coefficients) + len(ACTIONS),))
    network = keras.Model(given, layer(given))
    half = np.append(coefficients, np.zeros(len(ACTIONS)))[:, None] / 2
    layer.set_weights([np.hstack([-half, half]).astype(np.float32), np.array([-bias / 2, bias / 2], np.float32)])
    return network


def _mlp(
    x: Array, y: Array, held: tuple[Array, Array] | None, config: Config, training: Training, epochs: int | None
) -> tuple[Any, int]:
    keras, tf = _keras(), import_tensorflow()
    keras.utils.set_random_seed(training.seed)
    given = keras.Input((x.shape[1] + len(ACTIONS),))
    hidden = keras.layers.Dropout(config.dropout)(given[:, : x.shape[1]])
    for units in HIDDEN:
        hidden = keras.layers.Dropout(config.dropout)(keras.layers.Dense(units, activation="relu")(hidden))
    network = keras.Model(given, keras.layers.Dense(len(ACTIONS))(hidden))
    optimizer = keras.optimizers.Adam(config.learning_rate)

    def loss(target: Any, q: Any, weight: Any) -> Any:
        each = tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=q[:, 1] - q[:, 0])
        return tf.reduce_sum(each * weight) / tf.maximum(tf.reduce_sum(weight), 1.0)

    def validate() -> Scores:
        if held is None or epochs:
            return {"loss": -float(optimizer.iterations)}
        truth = held[1].astype(np.float32)
        return {"loss": float(loss(truth, network(_undecided(held[0]), training=False), np.ones_like(truth)))}

    rows = over_rows(network, optimizer, loss, _undecided(x), y.astype(np.float32), np.ones(len(x)), seed=training.seed)
    stops = PATIENCE if held is not None and not epochs else None
    done = fit(network, optimizer, rows, validate, training, epochs=epochs or EPOCHS, patience=stops)
    return network, done.best_epoch + 1


def _undecided(x: Array) -> Array:
    return np.concatenate([x, np.zeros((len(x), len(ACTIONS)), np.float32)], axis=1).astype(np.float32)


def _keras() -> Any:
    import_tensorflow()
    import keras

    return keras
