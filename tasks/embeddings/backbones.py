"""What makes vectors: the weight-free descriptor, or a frozen network from a file, all with the same method."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.network_files import network_digest
from cinelake.lake.onnx import run_in_batches
from cinelake.spec.arrays import Array, Device, Floats
from tasks.embeddings.descriptor import describe
from tasks.embeddings.efficientnet import CLASSES, network_file
from tasks.embeddings.keras_networks import ImageNetwork
from tasks.embeddings.networks import InputForm, LoadedNetwork, open_network
from tasks.embeddings.samples import Wants
from tasks.shared.pictures import resize

Pooling = Literal["avg", "max", "flatten", "none"]
Preprocess = Literal["auto", "tf", "torch", "caffe", "0-1", "-1-1", "raw"]


class Backbone(Protocol):
    """wants: what it takes. clip: pictures of a clip, where it takes clips. facts: what ran, for provenance.

    features: how many of a vector's last numbers are what the network saw before it named classes.
    """

    wants: Wants
    clip: int
    facts: Mapping[str, str]
    features: int

    def embed(self, values: list[Array]) -> Floats:
        """(n, d + features) float32, a vector for each picture, clip, window of sound or text."""


@dataclass(frozen=True)
class BackboneRequest:
    """What is requested of a backbone; see `EmbeddingsParams`. Without network and file: the descriptor.

    is_packaged: the file is the state of the network that comes with this project, see `tasks.embeddings.efficientnet`.
    """

    network: ImageNetwork | None
    file: Path | None
    is_packaged: bool
    layer: str | None
    pooling: Pooling
    preprocess: Preprocess
    input_size: int | None
    batch_size: int
    device: Device

    def digest(self) -> str:
        """Digest of the network's files; empty for the descriptor. Raises `WeightsMissing`, `ModelUnusable`."""
        return network_digest(self.file) if self.file else ""


def open_backbone(request: BackboneRequest) -> Backbone:
    """The backbone, loaded once per worker process. Raises `ModelUnusable` when its file does not fit."""
    return _open(request, request.digest(), os.getpid())


@lru_cache(maxsize=4)
def _open(request: BackboneRequest, digest: str, process: int) -> Backbone:
    if request.file is None:
        return Descriptor()
    file = network_file(with_classes=request.layer == CLASSES) if request.is_packaged else request.file
    network = open_network(request.network, file, request.layer, request.input_size, request.device)
    return FrozenNetwork(network, request)


class Descriptor:
    """The weight-free descriptor of `tasks/embeddings/descriptor.py`."""

    wants: Wants = "half-size picture"
    clip = 0
    facts: Mapping[str, str] = {"provider": "opencv"}
    features = 0

    def embed(self, values: list[Array]) -> Floats:
        return np.stack([describe(pixels) for pixels in values])


class FrozenNetwork:
    """A network with what stands before it (size, scaling) and after it (pooling)."""

    def __init__(self, network: LoadedNetwork, request: BackboneRequest):
        self._network, self._request = network, request
        self._form = network.form.sized(request.input_size)
        self._scaling = scaling_of(request, self._form)
        one_by_one = request.is_packaged and request.device == "cpu"  # a third faster there: maps stay in the cache
        self._batch_size = 1 if one_by_one else self._form.batch or request.batch_size
        self.wants: Wants = self._form.wants
        self.clip = self._form.clip
        self.features = network.features
        self.facts: Mapping[str, str] = {"provider": network.provider, "preprocess": self._scaling}

    def embed(self, values: list[Array]) -> Floats:
        """(n, d + features); raises `ModelUnusable` when the output is not a vector and `pooling` is none."""
        rows = np.stack([self._form.arrange(self._fitted(value)) for value in values])
        outputs = run_in_batches(self._network.run, rows, self._batch_size)
        if len(outputs) != len(values):
            raise ModelUnusable(f"the network gives shape {outputs.shape} for {len(values)} pictures")
        return pooled(outputs, self._request.pooling, self._form.channels_first)

    def _fitted(self, value: Array) -> Array:
        """([pictures,] height, width, channels) as the network was trained on it; a text as it is."""
        if self._form.is_text:
            return value
        if self._form.is_sound:
            return value[..., None].astype(np.float32)
        if value.ndim == 4:
            return np.stack([self._fitted(picture) for picture in value])
        pixels = resize(value, self._form.width, self._form.height)
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        return pixels if self._form.takes_bytes and self._scaling == "raw" else scaled(pixels, self._scaling)


def scaling_of(request: BackboneRequest, form: InputForm) -> str:
    """How pixels are scaled. auto: as the ImageNet network was trained; of a file: `raw` where it takes bytes,
    `torch` where channels come first (torchvision's custom), else `tf`."""
    if request.preprocess != "auto":
        return request.preprocess
    if form.is_sound or form.is_text:
        return "raw"
    if request.network is not None:
        return request.network.preprocess
    if form.takes_bytes:
        return "raw"
    return "torch" if form.channels_first else "tf"


_TORCH_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_TORCH_STD = np.array([0.229, 0.224, 0.225], np.float32)
_CAFFE_MEAN = np.array([103.939, 116.779, 123.68], np.float32)
"""Of blue, green, red."""


def scaled(pixels: Array, scaling: str) -> Floats:
    """(height, width, channels) float32 of RGB or grey bytes, as `keras.applications` and torchvision scale them."""
    values = pixels.astype(np.float32)
    grey = pixels.shape[-1] == 1
    if scaling in ("tf", "-1-1"):
        return values / np.float32(127.5) - 1
    if scaling == "0-1":
        return values / np.float32(255)
    if scaling == "torch":
        mean, std = (_TORCH_MEAN.mean(), _TORCH_STD.mean()) if grey else (_TORCH_MEAN, _TORCH_STD)
        return ((values / np.float32(255) - mean) / std).astype(np.float32)
    if scaling == "caffe":
        return values - _CAFFE_MEAN.mean() if grey else values[..., ::-1] - _CAFFE_MEAN
    return values


def pooled(outputs: Array, pooling: Pooling, channels_first: bool) -> Floats:
    """(n, d) float32 of a network's output; a map's mean or largest over its places, all its numbers, or refused."""
    outputs = outputs.astype(np.float32)
    if outputs.ndim == 2:
        return outputs
    if pooling == "none" or outputs.ndim < 2:
        raise ModelUnusable(
            f"the network gives shape {outputs.shape[1:]} for a picture, which is no vector: "
            "say `pooling: avg`, `max` or `flatten`, or name another `layer`"
        )
    if pooling == "flatten":
        return outputs.reshape(len(outputs), -1)
    places = range(2, outputs.ndim) if channels_first and outputs.ndim == 4 else range(1, outputs.ndim - 1)
    if pooling == "max":
        return np.asarray(outputs.max(axis=tuple(places)))
    return np.asarray(outputs.mean(axis=tuple(places), dtype=np.float32))
