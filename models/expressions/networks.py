"""Networks that classify the expression of a face by its patch: a reference, and one that costs a quarter of it.

Both take patches (B, 48, 48, 1) of 0 … 255 as they lie in table `faces` and return (B, 7 + 512): the logits of the
expressions, and behind them the embedding that they are computed from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.spec.arrays import Array, Arrays

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The seven expressions, in the order of FER2013."""
SIDE, EMBEDDING = 48, 512
ExpressionNetworkName = Literal["light", "seed", "recogniser"]

SEED_FILTERS = ((64, 64), (128, 128), (256,))
STEM, PLAIN, SEPARABLE = 32, ((64, 2), (128, 2)), (256, 3)
"""Of `light`: filters of the stem; of the residual blocks and of the separable ones, and how many these are."""
TRUNK = ((32, 3), (64, 4), (128, 3), (256, 3))
"""Of `recogniser`: filters and residual pairs of each stage; all but the first halve the picture."""
TRUNK_CONVOLUTIONS = 1 + 2 * sum(pairs for _, pairs in TRUNK)
ENLARGED = 112
"""Side of a patch as the recogniser's network takes it, which learned from pictures of 150. At 96 it learns less."""
USUAL_DEVIATION = 0.23
"""Of the pictures that the recogniser learned from, as it takes them (about 60 of 256 grey levels)."""
MIN_DEVIATION = 8.0
"""Grey levels: below this a patch counts as flat and is not stretched further."""
FORGETTING = 0.1
"""Share of a batch in the running mean and variance."""


def build(name: ExpressionNetworkName, dropout: float, *, learns: bool = False) -> Any:
    """A network, (B, 48, 48, 1) → (B, 519). learns: with normalisation in one fused operation, for training only.

    TensorFlow's fused operation saves a quarter of a training step on a processor; the weights are the same and in
    the same order, so what was learned so is kept in a network of plain layers.
    """
    import_tensorflow()
    from keras import Input, Model, layers

    normalise = _fused() if learns else layers.BatchNormalization
    patch = Input((SIDE, SIDE, 1))
    embedding = {"seed": _seed, "light": _light, "recogniser": _recogniser}[name](patch, normalise)
    logits = layers.Dense(len(EMOTIONS))(layers.Dropout(dropout)(embedding))
    return Model(patch, layers.Concatenate()([logits, embedding]))


def parted(output: Array) -> Arrays:
    """The output of a network, (T, 519), as probabilities (T, 7) and embedding (T, 512)."""
    logits = output[:, : len(EMOTIONS)].astype(np.float64)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True)) if len(logits) else logits
    shares = shares / shares.sum(axis=1, keepdims=True)
    return {"probabilities": shares.astype(np.float32), "embedding": output[:, len(EMOTIONS) :].astype(np.float32)}


def _seed(patch: Any, normalise: Callable[..., Any]) -> Any:
    """64-64, 128-128, 256, each pooled and normalised, and a dense layer of 512: the reference network."""
    from keras import layers

    x = layers.Rescaling(1 / 255)(patch)
    for filters in SEED_FILTERS:
        for count in filters:
            x = layers.Conv2D(count, 3, activation="relu")(x)
        x = normalise()(layers.MaxPooling2D()(x))
    return layers.Dense(EMBEDDING, activation="relu")(layers.Flatten()(x))


def _light(patch: Any, normalise: Callable[..., Any]) -> Any:
    """A stem at 24 × 24, residual blocks at 12 × 12 and 6 × 6 (He et al. 2016), separable ones (as MobileNet has them).

    Each patch comes to mean 0 and deviation 1 first, so that light and contrast of the film do not matter.
    """
    from keras import layers

    x = layers.ReLU()(_convolved(_standardised(patch), STEM, 5, 2, normalise))
    for filters, blocks in PLAIN:
        for block in range(blocks):
            x = _residual(x, filters, normalise, halves=block == 0)
    filters, blocks = SEPARABLE
    x = _separable(x, filters, 2, normalise)
    for _ in range(blocks - 1):
        x = layers.Add()([x, _separable(x, filters, 1, normalise)])
    return layers.GlobalAveragePooling2D()(layers.ReLU()(_convolved(x, EMBEDDING, 1, 1, normalise)))


def _recogniser(patch: Any, normalise: Callable[..., Any]) -> Any:
    """dlib's face recogniser but for its last pair, on enlarged patches: see `models.recogniser.weights`.

    Its weights are put in by `models.expressions.pretrained.start`; `trunk_0` … are its convolutions, in order.
    """
    from keras import layers

    large = layers.Resizing(ENLARGED, ENLARGED, interpolation="bilinear")(_standardised(patch) * USUAL_DEVIATION)
    x = layers.ReLU()(_of_trunk(large, TRUNK[0][0], 0, normalise, side=7, strides=2, padding="valid"))
    x, number = layers.MaxPooling2D(3, 2)(x), 1
    for filters, pairs in TRUNK:
        for pair in range(pairs):
            x = _trunk_pair(x, filters, number, normalise, halves=pair == 0 and filters > TRUNK[0][0])
            number += 2
    return layers.GlobalAveragePooling2D()(layers.ReLU()(_convolved(x, EMBEDDING, 1, 1, normalise)))


def _trunk_pair(x: Any, filters: int, number: int, normalise: Callable[..., Any], *, halves: bool) -> Any:
    """Two convolutions beside what they came from: where the first halves the picture, its means over 2 × 2, with
    channels of zeros."""
    from keras import layers, ops

    padding = "same" if not halves or x.shape[1] % 2 == 0 else "valid"
    y = layers.ReLU()(_of_trunk(x, filters, number, normalise, strides=2 if halves else 1, padding=padding))
    y = _of_trunk(y, filters, number + 1, normalise)
    if halves:
        x = ops.pad(layers.AveragePooling2D(2)(x), ((0, 0), (0, 0), (0, 0), (0, filters - x.shape[-1])))
    return layers.ReLU()(layers.Add()([x, y]))


def _of_trunk(
    x: Any,
    filters: int,
    number: int,
    normalise: Callable[..., Any],
    *,
    side: int = 3,
    strides: int = 1,
    padding: str = "same",
) -> Any:
    from keras import layers

    convolution = layers.Conv2D(filters, side, strides, padding, use_bias=False, name=f"trunk_{number}")
    return normalise(name=f"trunk_{number}_norm")(convolution(x))


def _standardised(patch: Any) -> Any:
    """Each patch at mean 0 and deviation 1; a flat one is not stretched further."""
    from keras import ops

    middle = patch - ops.mean(patch, axis=(1, 2, 3), keepdims=True)
    return middle / (ops.sqrt(ops.mean(ops.square(middle), axis=(1, 2, 3), keepdims=True)) + MIN_DEVIATION)


def _convolved(x: Any, filters: int, side: int, stride: int, normalise: Callable[..., Any]) -> Any:
    from keras import layers

    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    return normalise()(layers.Conv2D(filters, side, strides=stride, **options)(x))


def _residual(x: Any, filters: int, normalise: Callable[..., Any], *, halves: bool) -> Any:
    """Two convolutions beside what they came from; where the first halves the picture, beside its mean over 2 × 2."""
    from keras import layers

    y = layers.ReLU()(_convolved(x, filters, 3, 2 if halves else 1, normalise))
    y = _convolved(y, filters, 3, 1, normalise)
    beside = _convolved(layers.AveragePooling2D(2)(x), filters, 1, 1, normalise) if halves else x
    return layers.ReLU()(layers.Add()([beside, y]))


def _separable(x: Any, filters: int, stride: int, normalise: Callable[..., Any]) -> Any:
    from keras import layers

    alone = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(_convolved(normalise()(alone), filters, 1, 1, normalise))


def _fused() -> Any:
    """A kind of `BatchNormalization` whose training step is TensorFlow's fused one; the same weights."""
    tf = import_tensorflow()
    from keras import layers

    def call(self: Any, x: Any, training: bool | None = None) -> Any:
        if not training:
            return layers.BatchNormalization.call(self, x, training=False)
        scales = {"scale": self.gamma, "offset": self.beta, "epsilon": self.epsilon}
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, is_training=True, **scales)
        for running, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            running.assign(running * (1 - FORGETTING) + batch * FORGETTING)
        return y

    return type("FusedNormalisation", (layers.BatchNormalization,), {"call": call})
