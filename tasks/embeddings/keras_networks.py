"""The ImageNet networks of keras.applications, as data: names, sizes, scaling, and what their weight files are called.

Planning reads this without importing Keras. Weights are only ever sought on this machine, never downloaded.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import ModelUnusable, UnknownName, WeightsMissing, did_you_mean
from cinelake.lake.onnx import import_tensorflow


@dataclass(frozen=True)
class ImageNetwork:
    """A network: the function of keras.applications that builds it, the side of its pictures, how pixels are scaled,
    and its weight files with and without the classifier."""

    name: str
    function: str
    size: int
    preprocess: str
    with_top: str
    without_top: str


def _of_kind(names: Iterable[tuple[str, str, int]], preprocess: str, top: str, no_top: str) -> list[ImageNetwork]:
    """Networks whose files follow one pattern; names: (name, function, size), `{}` in a pattern: the function."""
    return [
        ImageNetwork(name, function, size, preprocess, top.format(function.lower()), no_top.format(function.lower()))
        for name, function, size in names
    ]


def _tf_kernels(stem: str, function: str, size: int, preprocess: str) -> ImageNetwork:
    file = f"{stem}_weights_tf_dim_ordering_tf_kernels"
    return ImageNetwork(stem, function, size, preprocess, f"{file}.h5", f"{file}_notop.h5")


_EFFICIENT = [
    (f"efficientnet_b{i}", f"EfficientNetB{i}", size) for i, size in enumerate([224, 240, 260, 300, 380, 456, 528, 600])
]
_CONVNEXT = [(f"convnext_{kind}", f"ConvNeXt{kind}", 224) for kind in ("Tiny", "Small", "Base", "Large", "XLarge")]
_EFFICIENT_V2 = [("B0", 224), ("B1", 240), ("B2", 260), ("B3", 300), ("S", 384), ("M", 480), ("L", 480)]
_V3 = "weights_mobilenet_v3_{}_224_1.0_float"
_V2 = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224"

_ALL = [
    *(_tf_kernels(f"vgg{n}", f"VGG{n}", 224, "caffe") for n in (16, 19)),
    *(_tf_kernels(f"resnet{n}", f"ResNet{n}", 224, "caffe") for n in (50, 101, 152)),
    *(_tf_kernels(f"resnet{n}v2", f"ResNet{n}V2", 224, "tf") for n in (50, 101, 152)),
    *(_tf_kernels(f"densenet{n}", f"DenseNet{n}", 224, "torch") for n in (121, 169, 201)),
    _tf_kernels("inception_v3", "InceptionV3", 299, "tf"),
    _tf_kernels("inception_resnet_v2", "InceptionResNetV2", 299, "tf"),
    _tf_kernels("xception", "Xception", 299, "tf"),
    ImageNetwork("mobilenet", "MobileNet", 224, "tf", "mobilenet_1_0_224_tf.h5", "mobilenet_1_0_224_tf_no_top.h5"),
    ImageNetwork("mobilenet_v2", "MobileNetV2", 224, "tf", f"{_V2}.h5", f"{_V2}_no_top.h5"),
    *(
        ImageNetwork(
            f"mobilenet_v3_{kind}",
            f"MobileNetV3{kind.title()}",
            224,
            "raw",
            f"{_V3.format(kind)}.h5",
            f"{_V3.format(kind)}_no_top_v2.h5",
        )
        for kind in ("small", "large")
    ),
    ImageNetwork("nasnet_mobile", "NASNetMobile", 224, "tf", "nasnet_mobile.h5", "nasnet_mobile_no_top.h5"),
    ImageNetwork("nasnet_large", "NASNetLarge", 331, "tf", "nasnet_large.h5", "nasnet_large_no_top.h5"),
    *_of_kind(_EFFICIENT, "raw", "{}.h5", "{}_notop.h5"),
    *(
        ImageNetwork(
            f"efficientnet_v2_{kind.lower()}",
            f"EfficientNetV2{kind}",
            size,
            "raw",
            f"efficientnetv2-{kind.lower()}.h5",
            f"efficientnetv2-{kind.lower()}_notop.h5",
        )
        for kind, size in _EFFICIENT_V2
    ),
    *(
        ImageNetwork(name.lower(), function, size, "raw", f"{name.lower()}.h5", f"{name.lower()}_notop.h5")
        for name, function, size in _CONVNEXT
    ),
]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


NETWORKS = {_plain(network.name): network for network in _ALL}


def find_network(name: str) -> ImageNetwork:
    """The network of that name, whatever its case, dashes and underscores; raises `UnknownName` with close matches."""
    network = NETWORKS.get(_plain(name))
    if network is None:
        raise UnknownName("backbone", name, ["efficientnet_lite0", "descriptor", *(n.name for n in NETWORKS.values())])
    return network


def weights_folder() -> Path:
    """Where Keras keeps weights: `models` under `KERAS_HOME`, else under ~/.keras."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def find_weights(network: ImageNetwork, given: Path | None, layer: str | None) -> Path:
    """The weights file: `given`, else the one that Keras would have downloaded.

    A file with the classifier has every layer, so it is preferred when a layer is named. Raises `WeightsMissing`.
    """
    names = [network.without_top, network.with_top]
    folder = weights_folder()
    sought = [given] if given else [folder / name for name in (reversed(names) if layer else names)]
    for path in sought:
        if path.is_file():
            return path
    raise WeightsMissing(
        f"weights of {network.name} are not there. Sought: {', '.join(map(str, sought))}. "
        f"Keras publishes them as {names[0]} (or {names[1]}): put that file there, or name it with `weights:` "
        "(nothing is downloaded)"
    )


def build(network: ImageNetwork, weights: Path, layer: str | None, size: int | None) -> Any:
    """The Keras network up to `layer` (or to the last map before the classifier), with its weights.

    Weights with or without the classifier will do. Raises `ModelUnusable` when they belong to another network, or
    when there is no such layer.
    """
    import_tensorflow()
    import keras

    make = getattr(keras.applications, network.function)
    side = size or network.size
    body = make(weights=None, include_top=False, input_shape=(side, side, 3))
    whole = None if _loads(body, weights) else make(weights=None, include_top=True)
    if whole is not None:
        if not _loads(whole, weights):
            raise ModelUnusable(f"{weights} does not hold the weights of {network.name}, with or without classifier")
        body.set_weights(whole.get_weights()[: len(body.weights)])
    if layer is None:
        return body
    return cut(body if whole is None or _has(body, layer) else whole, layer, str(weights))


def _loads(model: Any, weights: Path) -> bool:
    """Whether the file fills every weight: Keras itself only warns of some that it leaves as they were."""
    model.set_weights([np.full(weight.shape, np.nan, np.float32) for weight in model.weights])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.load_weights(str(weights))
    except (ValueError, OSError, KeyError, TypeError):
        return False
    return not any(np.isnan(weight).any() for weight in model.get_weights())


def _has(model: Any, layer: str) -> bool:
    return any(each.name == layer for each in model.layers)


def cut(model: Any, layer: str, where: str) -> Any:
    """The network that ends at `layer`; raises `ModelUnusable` with close matches when there is none."""
    import keras

    if not _has(model, layer):
        names = [each.name for each in model.layers]
        raise ModelUnusable(f"{where} has no layer {layer!r}{did_you_mean(layer, names)}")
    return keras.Model(model.inputs, model.get_layer(layer).output)
