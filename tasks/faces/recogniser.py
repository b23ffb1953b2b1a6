"""Who a face looks like: dlib's ResNet, whose weights come inside a package, as an ONNX network.

King, "High Quality Face Recognition with Deep Metric Learning" (dlib.net, 2017): 128 numbers; two faces are of one
person up to a Euclidean distance of 0.6. A face is turned upright by five points before it is looked at. The network is
that of dlib (He et al.'s ResNet-34 with a few layers and half of the filters left out); ONNX Runtime gives the same
numbers in a twelfth of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.lake.onnx import made_network, onnx_session
from cinelake.lake.onnx_graph import OnnxGraph
from cinelake.lake.packaged import PackagedFile
from cinelake.spec.arrays import Device, Floats, PixelArray
from cinelake.storage.content import digest
from models.recogniser.weights import LAYERS, PACKAGE, RESNET, SIZE, Convolution, read_weights
from tasks.faces.detectors import Face, FaceDetector
from tasks.shared.pictures import RelativeBox, chunks, grey

POINTS = PackagedFile(PACKAGE, "models/shape_predictor_5_face_landmarks.dat", "bf64a2edb72085f3d370f119e5dbfd9a")
INSTEAD = "say `identify: false`, and faces have no identity vectors"
BUILDER = "1"
"""Raised when the network that is built from the same weights is another one."""
SMALLEST = 30
"""Pixels of the shorter side of a face's box: a face enlarged from fewer is as far from itself as from a stranger."""
BLURRED = 5.0
"""A variance of the Laplacian of the upright picture below which faces look alike, whosever they are."""
CHIP, PADDING = 150, 0.25
"""Side of the upright picture in pixels, and how much of the face's size is around the face in it."""
MEAN = np.array([122.782, 117.001, 104.298], np.float32).reshape(1, 3, 1, 1)
"""Of red, green and blue in what the network learned from (dlib's `input_rgb_image_sized`)."""
TOGETHER = 8
"""Faces that go through the network together: each takes a quarter less time than alone (`inference_threads`)."""


def weights_digest() -> str:
    """Identifies both files. Raises `WeightsMissing`, `ModelUnusable`."""
    for file in (RESNET, POINTS):
        file.path(INSTEAD)
    return digest([RESNET.digest, POINTS.digest])


class RecognisedFaces(FaceDetector):
    """A detector whose faces get identity vectors; those that are too small or blurred for one get none."""

    embedding_size = SIZE

    def __init__(self, detector: FaceDetector, device: Device = "cpu"):
        self._detector, self._recogniser = detector, FaceRecogniser(device)
        self.provider = detector.provider

    def faces(self, pixels: PixelArray) -> list[Face]:
        """The detector's faces; their vectors are made by `identified`, of several pictures' faces together."""
        found = self._detector.faces(pixels)
        return [replace(face, chip=self._recogniser.chip(pixels, face.box)) for face in found]

    def identified(self, faces: Sequence[Face]) -> list[Face]:
        """The faces with their vectors."""
        vectors = iter(self._recogniser.describe([face.chip for face in faces if face.chip is not None]))
        return [replace(face, embedding=next(vectors), chip=None) if face.chip is not None else face for face in faces]


class FaceRecogniser:
    """From a picture and a box to 128 numbers."""

    def __init__(self, device: Device = "cpu"):
        import dlib

        self._five_points = dlib.shape_predictor(str(POINTS.path(INSTEAD)))
        self._session = onnx_session(network_file(), device)

    def vector(self, pixels: PixelArray, box: RelativeBox) -> Floats | None:
        """(128,) of the face in a box (fractions of the RGB picture); None where it is too small or too blurred."""
        chip = self.chip(pixels, box)
        return None if chip is None else self.describe(chip[None])[0]

    def chip(self, pixels: PixelArray, box: RelativeBox) -> PixelArray | None:
        """As `upright`; None where the face is too small or too blurred."""
        height, width = pixels.shape[:2]
        if min(box[2] * width, box[3] * height) < SMALLEST:
            return None
        chip = self.upright(pixels, box)
        return chip if sharpness(chip) >= BLURRED else None

    def upright(self, pixels: PixelArray, box: RelativeBox) -> PixelArray:
        """(150, 150, 3) the face turned upright, its eyes and nose at their places."""
        import dlib

        height, width = pixels.shape[:2]
        left, top, right, bottom = (
            round(place * side)
            for place, side in zip((box[0], box[1], box[0] + box[2], box[1] + box[3]), (width, height) * 2, strict=True)
        )
        points = self._five_points(pixels, dlib.rectangle(left, top, right - 1, bottom - 1))
        return np.asarray(dlib.get_face_chip(pixels, points, size=CHIP, padding=PADDING), np.uint8)

    def describe(self, chips: PixelArray | Sequence[PixelArray]) -> Floats:
        """(n, 128) of upright pictures (n, 150, 150, 3)."""
        vectors = [np.zeros((0, SIZE), np.float32)]
        for some in chunks(chips, TOGETHER):
            rows = np.ascontiguousarray(np.stack(some).transpose(0, 3, 1, 2))
            vectors.append(np.asarray(self._session.run(None, {"chip": rows})[0], np.float32))
        return np.concatenate(vectors)


def sharpness(chip: PixelArray) -> float:
    """Variance of the Laplacian of a picture's luma: small where it is blurred, or so dark that nothing is seen."""
    import cv2

    return float(cv2.Laplacian(grey(chip), cv2.CV_64F).var())


def network_file() -> Path:
    """The ONNX file, made the first time. Raises `WeightsMissing`, `ModelUnusable`."""
    return made_network(lambda: network(RESNET.path(INSTEAD).read_bytes()), ["dlib_resnet", BUILDER, RESNET.digest])


def network(data: bytes) -> Any:
    """The `onnx.ModelProto` of dlib's file: (n, 3, 150, 150) RGB bytes → (n, 128)."""
    convolutions, last = read_weights(data)
    graph = OnnxGraph("chip", np.uint8, ["n", 3, CHIP, CHIP])
    x = graph.add("Sub", "centred", graph.add("Cast", "real", "chip", to=1), MEAN)
    x = _convolution(graph, graph.add("Mul", "scaled", x, np.float32(1 / 256)), "stem", convolutions[0])
    x = graph.add("MaxPool", "pooled", graph.add("Relu", "stem.positive", x), kernel_shape=[3, 3], strides=[2, 2])
    side, channels = 35, 32
    for number in range(1, LAYERS, 2):
        name, first, second = f"residual_{number}", convolutions[number], convolutions[number + 1]
        y = graph.add("Relu", f"{name}.positive", _convolution(graph, x, f"{name}.first", first))
        y = _convolution(graph, y, f"{name}.second", second)
        if first.stride == 2:  # what comes in is halved, and the smaller of the two is padded with zeros
            x = graph.add("AveragePool", f"{name}.halved", x, kernel_shape=[2, 2], strides=[2, 2])
            pooled, filtered = side // 2, (side - 3) // 2 + 1
            side = max(pooled, filtered)
            x = _padded(graph, x, f"{name}.widened", len(first.kernel) - channels, side - pooled)
            y = _padded(graph, y, f"{name}.enlarged", 0, side - filtered)
            channels = len(first.kernel)
        x = graph.add("Relu", name, graph.add("Add", f"{name}.sum", x, y))
    x = graph.add("ReduceMean", "mean", x, axes=[2, 3], keepdims=0)
    source = {"source": f"{PACKAGE.name} {PACKAGE.version}", "licence": PACKAGE.licence, "digest": RESNET.digest}
    return graph.model(graph.add("MatMul", "vector", x, last), ["n", SIZE], source)


def _convolution(graph: OnnxGraph, x: str, name: str, weights: Convolution) -> str:
    strides, pads = [weights.stride] * 2, [weights.padding] * 4
    return graph.add("Conv", name, x, weights.kernel, weights.bias, strides=strides, pads=pads)


def _padded(graph: OnnxGraph, x: str, name: str, channels: int, places: int) -> str:
    """A map with so many channels and places of zeros more."""
    if not channels and not places:
        return x
    return graph.add("Pad", name, x, np.array([0, 0, 0, 0, 0, channels, places, places], np.int64))
