"""The networks of scene segmentation: each returns for every shot the probability that a scene begins with it.

`bilstm` and `wavenet` read sequences of shots (films, shots, features) and pay no regard to padding: a step whose
features are all zero is outside the film, and nothing of it reaches the steps inside. `similarity` reads one row per
shot and averages several members, each with weights of its own. Beside each stands a logistic regression.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.spec.arrays import Array
from models.scenes.config import Config


def build_bilstm(config: Config, size: int) -> tuple[Any, Any]:
    """Bidirectional LSTM layers and a sigmoid; returns the network for whole films, and that for padded batches.

    They share their weights; the padded one skips padded steps in both directions.
    """
    keras = _keras()
    layers = [
        keras.layers.Bidirectional(keras.layers.LSTM(config.n_neurons, return_sequences=True))
        for _ in range(config.n_layers)
    ]
    head, seen = keras.layers.Dense(1), keras.layers.Dropout(config.input_dropout)
    given = keras.Input((None, size))

    def through(x: Any) -> Any:
        for layer in layers:
            x = layer(x)
        return keras.layers.Activation("sigmoid")(head(x))

    padded = keras.layers.Masking(0.0)(given)
    return keras.Model(given, through(given)), keras.Model(given, through(seen(padded)))


def build_wavenet(config: Config, size: int) -> tuple[Any, Any]:
    """Blocks of convolutions over time with dilations 1, 2, 4 … (kernel 2, ReLU), one of kernel 1, and a sigmoid.

    After van den Oord et al., "WaveNet: A Generative Model for Raw Audio" (2016), with padding on both sides.
    """
    keras = _keras()
    given = keras.Input((None, size))
    inside = _inside(keras, given)
    x = keras.layers.Dropout(config.input_dropout)(given)
    for rate in [2**layer for layer in range(config.num_layers)] * config.num_blocks:
        convolution = keras.layers.Conv1D(config.filters1, 2, padding="same", activation="relu", dilation_rate=rate)
        x = keras.layers.Multiply()([convolution(x), inside])
    x = keras.layers.Conv1D(config.filters2, 1)(x)
    network = keras.Model(given, keras.layers.Activation("sigmoid")(keras.layers.Dense(1)(x)))
    return network, network


def _inside(keras: Any, x: Any) -> Any:
    """(films, shots, 1): 1 for steps of the film, 0 for padding."""
    seen = keras.ops.max(keras.ops.absolute(x), axis=-1, keepdims=True)
    return keras.ops.minimum(seen * 1e6, 1.0)


def build_similarity(config: Config, size: int) -> tuple[Any, Any]:
    """Members of one hidden layer and a linear path; returns their mean, and the members side by side for training."""
    keras = _keras()
    given = keras.Input((size,))
    logits = keras.layers.Concatenate()([_member(keras, config, given) for _ in range(config.members)])
    members = keras.Model(given, keras.layers.Activation("sigmoid")(logits))
    mean = keras.ops.mean(logits, axis=-1, keepdims=True)
    return keras.Model(given, keras.layers.Activation("sigmoid")(mean)), members


def _member(keras: Any, config: Config, given: Any) -> Any:
    x = keras.layers.Dropout(config.input_dropout)(given)
    hidden = keras.layers.Dense(config.hidden, activation="relu", kernel_initializer="lecun_normal")(x)
    direct = keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01))
    indirect = keras.layers.Dense(1, kernel_initializer="lecun_normal")
    return keras.layers.Add()([indirect(keras.layers.Dropout(config.dropout)(hidden)), direct(x)])


def linear_network(coefficients: Array, bias: float) -> Any:
    """A logistic regression as a network: (T, n) → (T, 1)."""
    keras = _keras()
    given, path = keras.Input((len(coefficients),)), keras.layers.Dense(1, activation="sigmoid")
    network = keras.Model(given, path(given))
    path.set_weights([coefficients.reshape(-1, 1).astype("float32"), np.array([bias], np.float32)])
    return network


def beside_linear(network: Any, coefficients: Array, bias: float, share: float) -> Any:
    """The network with a linear path of its own: share of the logit from that, the rest from the network.

    coefficients: (n,) one for each input.
    """
    keras = _keras()
    given, logit = network.input, network.layers[-1].input
    path = keras.layers.Dense(1)
    linear = path(given)
    path.set_weights([coefficients.reshape(-1, 1).astype("float32"), np.array([bias], np.float32)])
    both = linear * share + logit * (1.0 - share)
    return keras.Model(given, keras.layers.Activation("sigmoid")(both))


BUILDERS = {"bilstm": build_bilstm, "wavenet": build_wavenet, "similarity": build_similarity}


def build_optimizer(config: Config, steps: int) -> Any:
    """The configured optimiser; for `similarity` the rate falls to zero over all steps, along half a cosine."""
    keras = _keras()
    rate: Any = config.rate
    if config.network == "similarity":
        rate = keras.optimizers.schedules.CosineDecay(rate, max(steps, 1))
    if config.optimizer_name == "rmsprop":
        return keras.optimizers.RMSprop(rate)
    if config.optimizer_name == "adam":
        return keras.optimizers.Adam(rate)
    return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)


def cross_entropy_over(weights: Literal["sum", "count"]) -> Any:
    """Binary cross-entropy of steps with weights; steps of weight 0 count for nothing.

    sum: divided by the sum of weights (films of any padding); count: by the number of rows, so that a batch that is
    filled up with few rows moves the network little. target (…, 1) or (…, members), output (…, members), weight (…).
    """
    tf = import_tensorflow()

    def loss(target: Any, output: Any, weight: Any) -> Any:
        sure = tf.clip_by_value(output, 1e-6, 1 - 1e-6)
        each = -target * tf.math.log(sure) - (1 - target) * tf.math.log(1 - sure)
        steps = tf.reduce_sum(weight) if weights == "sum" else tf.cast(tf.size(weight), tf.float32)
        return tf.reduce_sum(tf.reduce_mean(each, -1) * weight) / tf.maximum(steps, 1e-6)

    return loss


def _keras() -> Any:
    import_tensorflow()
    import keras

    return keras
