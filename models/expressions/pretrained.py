"""A network that begins from dlib's face recogniser: what makes out people makes out expressions after a few epochs."""

from __future__ import annotations

from typing import Any

import numpy as np

from cinelake.spec.arrays import Array
from models.expressions.networks import TRUNK_CONVOLUTIONS
from models.recogniser.weights import PACKAGE, RESNET, read_weights

BEGINNING = f"dlib's face recogniser: {PACKAGE.component('', RESNET.digest).terms}"
"""What a card says of the weights that learning begins from."""
INSTEAD = "`network: light` needs no weights"
MEASURED = 256
"""Faces that show how large the trunk's numbers are."""


def start(network: Any, patches: Array) -> None:
    """Put the recogniser's weights into the trunk of `build("recogniser", …)`. patches: (n, 48, 48) some faces.

    The file has no normalisation, only what became of it: gains and shifts. It comes back at what these faces give, so
    that the network computes as before, and learning may move it (Ioffe and Szegedy, 2015). Raises `WeightsMissing`.
    """
    import keras

    convolutions = read_weights(RESNET.path(INSTEAD).read_bytes())[0][:TRUNK_CONVOLUTIONS]
    layers = [network.get_layer(f"trunk_{number}") for number in range(TRUNK_CONVOLUTIONS)]
    norms = [network.get_layer(f"{layer.name}_norm") for layer in layers]
    for layer, norm, weights in zip(layers, norms, convolutions, strict=True):
        grey = weights.kernel.sum(axis=1, keepdims=True) if layer is layers[0] else weights.kernel
        layer.kernel.assign(grey.transpose(2, 3, 1, 0))
        _set(norm, weights.bias, np.zeros_like(weights.bias), np.full_like(weights.bias, 1 - norm.epsilon))
    probe = keras.Model(network.inputs[0], [layer.output for layer in layers])
    found = probe(patches[:MEASURED, ..., None].astype(np.float32), training=False)
    for norm, weights, output in zip(norms, convolutions, found, strict=True):
        mean, variance = (getattr(output.numpy(), name)(axis=(0, 1, 2)) for name in ("mean", "var"))
        _set(norm, weights.bias, mean, variance)


def _set(norm: Any, bias: Array, mean: Array, variance: Array) -> None:
    """A normalisation of these moments that adds `bias` to what comes in, and does no more."""
    norm.moving_mean.assign(mean)
    norm.moving_variance.assign(variance)
    norm.gamma.assign(np.sqrt(variance + norm.epsilon))
    norm.beta.assign(bias + mean)
