"""The Q-network of `funny`: the affective vector (64, 32), joined to the embedding (64, 32), two values."""

from __future__ import annotations

from typing import Any

from cinelake.lake.onnx import import_tensorflow
from models.funny.environment import ACTIONS


def build_network(size: int, dropout: float = 0.0) -> Any:
    """A Keras network (batch, size + 2) → (batch, 2): embedding and affective vector side by side → Q-values.

    dropout: share of the embedding's numbers, and of the joined hidden units, that are dropped while it learns; the
    publication drops none.
    """
    import_tensorflow()
    import keras

    dense = keras.layers.Dense
    state = keras.Input((size + len(ACTIONS),), name="state")
    embedding, affect = state[:, :size], state[:, size:]
    if dropout:
        embedding = keras.layers.Dropout(dropout)(embedding)
    told = dense(32, activation="relu")(dense(64, activation="relu")(affect))
    joined = keras.layers.Concatenate()([told, embedding])
    hidden = joined
    for units in (64, 32):
        hidden = dense(units, activation="relu")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden) if dropout else hidden
    return keras.Model(state, dense(len(ACTIONS), name="q")(hidden), name="q_network")
