"""Frozen networks in files: ONNX, Keras (exported to ONNX once) and TensorFlow Lite, all run the same way."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from cinelake.errors import ModelUnusable, did_you_mean
from cinelake.lake.onnx import exported_keras, import_tensorflow, onnx_session
from cinelake.spec.arrays import Array, Device
from tasks.embeddings.keras_networks import ImageNetwork, build, cut
from tasks.embeddings.samples import Wants

_ANY_SIZE = 224
_ANY_CLIP = 16
_SOUND = (96, 64)
_MOST_INPUT = 1 << 28
"""Numbers of an input, of all rows together: a gigabyte. A clip of 32 pictures of 1,024² in a batch of two has less."""


@dataclass(frozen=True)
class InputForm:
    """What a network takes. batch: a fixed number of rows, else None; height, width: 0 where any will do."""

    batch: int | None
    height: int
    width: int
    channels: int
    channels_first: bool
    takes_bytes: bool
    rank: int = 4
    clip: int = 0
    """Pictures of a clip that go in together; 0: single ones do."""
    is_text: bool = False

    @property
    def is_sound(self) -> bool:
        """Log-mel windows of 96 × 64."""
        return (self.height, self.width) == _SOUND and self.channels == 1

    @property
    def wants(self) -> Wants:
        """What the samples must be."""
        if self.is_text:
            return "text"
        if self.clip:
            return "clip"
        if self.is_sound:
            return "sound"
        return "grey picture" if self.channels == 1 else "picture"

    def sized(self, side: int | None) -> InputForm:
        """The same with a size, where the network takes any."""
        side = side or _ANY_SIZE
        return replace(self, height=self.height or side, width=self.width or side)

    def arrange(self, values: Array) -> Array:
        """([pictures,] height, width, channels) in the order of the network's axes; a text as (1,) or ()."""
        if self.is_text:
            return values.reshape((1,) * (self.rank - 1))
        if self.rank == 3:
            return values[..., 0]
        return np.moveaxis(values, -1, 0) if self.channels_first else values


def input_form(shape: Sequence[Any], takes_bytes: bool, where: str) -> InputForm:
    """How an input of this shape (numbers, or names and None for any) is fed; raises `ModelUnusable`."""
    sizes = [size if isinstance(size, int) and size > 0 else 0 for size in shape]
    if prod(size or 1 for size in sizes) > _MOST_INPUT:
        raise ModelUnusable(f"{where} takes an input of shape {list(shape)}: at most {_MOST_INPUT} numbers are given")
    batch = (sizes[0] or None) if sizes else None
    if len(sizes) == 4 and sizes[3] in (1, 3):
        return InputForm(batch, sizes[1], sizes[2], sizes[3], False, takes_bytes)
    if len(sizes) == 4 and sizes[1] in (1, 3):
        return InputForm(batch, sizes[2], sizes[3], sizes[1], True, takes_bytes)
    if len(sizes) == 5 and 3 in (sizes[1], sizes[4]):
        first = sizes[4] != 3
        clip, height, width = sizes[2:] if first else sizes[1:4]
        return InputForm(batch, height, width, 3, first, takes_bytes, rank=5, clip=clip or _ANY_CLIP)
    if tuple(sizes[1:]) == _SOUND:
        return InputForm(batch, *_SOUND, 1, False, takes_bytes, rank=3)
    raise ModelUnusable(
        f"{where} takes an input of shape {list(shape)}. Understood are pictures (rows, height, width, 3 or 1) or "
        "(rows, 3 or 1, height, width), clips of them (rows, pictures, height, width, 3) or (rows, 3, pictures, "
        "height, width), texts (rows,) of an ONNX file, and log-mel sound (rows, 96, 64), with or without a channel; "
        "waveforms are not in the table `sound`"
    )


def _text_form(shape: Sequence[Any]) -> InputForm:
    """Of a network that takes texts, one a row: (rows,) or (rows, 1); it cuts them into words itself."""
    batch = shape[0] if shape and isinstance(shape[0], int) else None
    return InputForm(batch, 1, 1, 1, False, False, rank=max(1, len(shape)), is_text=True)


class LoadedNetwork(Protocol):
    """A loaded network. form: its input. provider: what runs it.

    features: how many numbers of what it saw, before it named classes, follow the classes in each row; 0: none do.
    """

    form: InputForm
    provider: str
    features: int

    def run(self, rows: Array) -> Array:
        """The output for rows in the network's own layout."""


def open_network(
    network: ImageNetwork | None, file: Path, layer: str | None, size: int | None, device: Device
) -> LoadedNetwork:
    """The network in a file (`network`: the file holds the weights of this one), cut at `layer`."""
    if network is not None:
        name = f"{network.name}-{layer}-{size}"
        return OnnxNetwork(exported_keras(lambda: build(network, file, layer, size), file, name), None, device)
    kind = file.suffix.lower()
    if kind == ".onnx":
        return OnnxNetwork(file, layer, device)
    if kind == ".tflite":
        return TfliteNetwork(file, layer)
    return OnnxNetwork(exported_keras(lambda: load_keras(file, layer), file, str(layer)), None, device)


def load_keras(file: Path, layer: str | None) -> Any:
    """A Keras file in safe mode: a file that carries code (Lambda layers) is refused with `ModelUnusable`."""
    import_tensorflow()
    import keras

    try:
        model = keras.models.load_model(str(file), compile=False, safe_mode=True)
    except Exception as error:
        raise ModelUnusable(f"{file} cannot be loaded safely as a Keras network: {error}") from error
    return cut(model, layer, str(file)) if layer else model


_TYPES: dict[str, Any] = {
    "tensor(uint8)": np.uint8,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(string)": object,
}


class OnnxNetwork:
    """An ONNX file under ONNX Runtime; its first input and first output count."""

    features = 0

    def __init__(self, file: Path, layer: str | None, device: Device):
        self._session = onnx_session(file, device, layer)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelUnusable(f"{file} takes {len(inputs)} inputs ({', '.join(i.name for i in inputs)}), not one")
        self._input, self._output = inputs[0].name, self._session.get_outputs()[0].name
        self._type = _TYPES.get(inputs[0].type, np.float32)
        self.form = (
            _text_form(inputs[0].shape) if self._type is object
            else input_form(inputs[0].shape, self._type is np.uint8, str(file))
        )  # fmt: skip
        self.provider = self._session.get_providers()[0]

    def run(self, rows: Array) -> Array:
        return np.asarray(self._session.run([self._output], {self._input: rows.astype(self._type)})[0])


class TfliteNetwork:
    """A TensorFlow Lite file; quantised inputs and outputs are converted from and to real numbers.

    A network that names classes returns the input of its last layer beside them: a softmax in eight bits keeps little.
    """

    provider = "tflite"

    def __init__(self, file: Path, layer: str | None):
        self._one_at_a_time, self._file = threading.Lock(), file
        self._interpreter = _interpreter(file, keep_all=layer is not None)
        ends = len(self._interpreter.get_input_details()), len(self._interpreter.get_output_details())
        if ends[0] != 1 or not ends[1]:
            raise ModelUnusable(f"{file} takes {ends[0]} inputs, not one, and gives {ends[1]} outputs")
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._tensor(layer, str(file)) if layer else self._interpreter.get_output_details()[0]
        self._seen = None if layer else before_classes(self._interpreter.get_tensor_details(), self._output)
        self.features = int(self._seen["shape"][-1]) if self._seen else 0
        if self._seen:
            self._interpreter = _interpreter(file, keep_all=True)
        self.form = input_form(self._input["shape"].tolist(), self._input["dtype"] is np.uint8, str(file))

    def _tensor(self, layer: str, where: str) -> dict[str, Any]:
        tensors = {tensor["name"]: tensor for tensor in self._interpreter.get_tensor_details()}
        if layer not in tensors:
            raise ModelUnusable(f"{where} has no tensor {layer!r}{did_you_mean(layer, list(tensors))}")
        tensor: dict[str, Any] = tensors[layer]
        return tensor

    def run(self, rows: Array) -> Array:
        with self._one_at_a_time:
            try:
                self._interpreter.set_tensor(self._input["index"], _quantised(rows, self._input))
                self._interpreter.invoke()
            except (ValueError, RuntimeError) as error:
                raise ModelUnusable(f"{self._file} cannot be computed: {error}") from error
            output = self._values(self._output)
            if not self._seen:
                return output
            return np.concatenate([output, self._values(self._seen).reshape(len(output), -1)], axis=1)

    def _values(self, tensor: dict[str, Any]) -> Array:
        return _dequantised(self._interpreter.get_tensor(tensor["index"]), tensor)


def _interpreter(file: Path, keep_all: bool) -> Any:
    """keep_all: whether tensors between input and output can be read afterwards."""
    warnings.filterwarnings("ignore", module=r"tensorflow\.lite")
    tf = import_tensorflow()
    try:
        interpreter = tf.lite.Interpreter(str(file), experimental_preserve_all_tensors=keep_all)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelUnusable(f"{file} cannot be loaded as a TensorFlow Lite network: {error}") from error
    return interpreter


def before_classes(tensors: Sequence[dict[str, Any]], output: dict[str, Any]) -> dict[str, Any] | None:
    """The vector that the layer of classes takes; None where the output is no vector of classes.

    That layer has the weights (classes, d) or (classes, 1, 1, d): the last vector of d numbers is what it sees.
    """
    rows, *rest = output["shape"].tolist()
    if len(rest) != 1:
        return None
    shapes = [(tensor, tensor["shape"].tolist()) for tensor in tensors]
    widths = [shape[-1] for _, shape in shapes if shape[:-1] in (rest, [*rest, 1, 1]) and shape[-1] > 1]
    vectors = [t for t, shape in shapes if widths and shape in ([rows, widths[-1]], [rows, 1, 1, widths[-1]])]
    vectors = [tensor for tensor in vectors if tensor["index"] != output["index"]]
    return max(vectors, key=lambda tensor: tensor["index"]) if vectors else None


def _quantised(rows: Array, tensor: dict[str, Any]) -> Array:
    scale, zero = tensor["quantization"]
    if rows.dtype == tensor["dtype"] or not scale:
        return rows.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    quantised: Array = np.clip(np.round(rows / scale + zero), limits.min, limits.max).astype(tensor["dtype"])
    return quantised


def _dequantised(values: Array, tensor: dict[str, Any]) -> Array:
    scale, zero = tensor["quantization"]
    return (values.astype(np.float32) - zero) * scale if scale else values.astype(np.float32)
