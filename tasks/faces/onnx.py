r"""Face detectors in one ONNX file, run by ONNX Runtime: YuNet and UltraFace, distinguished by their outputs.

YuNet (Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector") returns for each stride a class score, an
objectness and a box per anchor; UltraFace (Linzaer's Ultra-Light-Fast-Generic-Face-Detector-1MB) returns scores and
corner boxes of all anchors at once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.onnx import onnx_session
from cinelake.spec.arrays import Array, Device, Floats, PixelArray
from tasks.faces.detectors import EMBEDDING_SIZE, Face, FaceDetector, clipped, kept
from tasks.shared.pictures import resize

Decoded = tuple[Floats, Floats]
"""Scores (n,) and boxes (n, 4) as left, top, right, bottom in pixels of the picture."""

STRIDES = (8, 16, 32)
"""Pixels between the cells of YuNet's three maps."""
_OVERLAP = 0.4


class OnnxFaces(FaceDetector):
    """YuNet or UltraFace in a file. Raises `ModelUnusable` when its outputs are neither's."""

    embedding_size = EMBEDDING_SIZE

    def __init__(self, file: Path, min_score: float = 0.6, device: Device = "cpu"):
        self._session = onnx_session(file, device)
        self._min_score = min_score
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._detect = self._recognised(file)
        self.provider = self._session.get_providers()[0]

    def faces(self, pixels: PixelArray) -> list[Face]:
        """Faces with a score of at least `min_score`, overlapping ones merged to the best."""
        height, width = pixels.shape[:2]
        scores, boxes = self._detect(pixels)
        sure = scores >= self._min_score
        scores, boxes = scores[sure], boxes[sure]
        return kept((clipped(boxes[i], width, height), scores[i], None) for i in best_boxes(scores, boxes))

    def _recognised(self, file: Path) -> Callable[[PixelArray], Decoded]:
        names, last = set(self._outputs), [(o.shape or [None])[-1] for o in self._session.get_outputs()]
        if {f"{kind}_{stride}" for kind in ("cls", "obj", "bbox") for stride in STRIDES} <= names:
            return self._yunet
        if sorted(last, key=str) == [2, 4]:
            return self._ultraface
        shown = ", ".join(f"{o.name} {o.shape}" for o in self._session.get_outputs())
        raise ModelUnusable(
            f"{file} gives {shown}, which is no face detector known here. Understood are YuNet (outputs cls_8, obj_8, "
            "bbox_8, … for strides 8, 16, 32) and UltraFace (scores (1, n, 2) and boxes (1, n, 4)); a pack of "
            "insightface goes with `detector: insightface`"
        )

    def _run(self, rows: Floats) -> dict[str, Any]:
        outputs = self._session.run(self._outputs, {self._session.get_inputs()[0].name: rows})
        return dict(zip(self._outputs, outputs, strict=True))

    def _ultraface(self, pixels: PixelArray) -> Decoded:
        """RGB squeezed to the network's size, (x - 127) / 128; boxes are fractions of the picture."""
        height, width = self._session.get_inputs()[0].shape[2:]
        small = resize(pixels, width if isinstance(width, int) else 320, height if isinstance(height, int) else 240)
        rows = ((small.astype(np.float32) - np.float32(127)) / np.float32(128)).transpose(2, 0, 1)[None]
        by_size = {values.shape[-1]: values[0] for values in self._run(rows).values()}
        size = np.array([pixels.shape[1], pixels.shape[0]] * 2, np.float32)
        return by_size[2][:, 1], by_size[4] * size

    def _yunet(self, pixels: PixelArray) -> Decoded:
        """BGR bytes as they are, in the upper left of a black canvas whose sides are multiples of 32."""
        canvas, scale = on_canvas(pixels[..., ::-1], self._session.get_inputs()[0].shape[2:])
        outputs = self._run(canvas.astype(np.float32).transpose(2, 0, 1)[None])
        parts = [_yunet_stride(outputs, stride, canvas.shape[1] // stride) for stride in STRIDES]
        scores, boxes = (np.concatenate(values) for values in zip(*parts, strict=True))
        return scores, (boxes / scale).astype(np.float32)


def _yunet_stride(outputs: dict[str, Any], stride: int, columns: int) -> Decoded:
    """An anchor per cell, row by row: score √(class × objectness), centre and size relative to the cell."""
    classes, objects = (np.clip(outputs[f"{kind}_{stride}"][0, :, 0], 0, 1) for kind in ("cls", "obj"))
    return np.sqrt(classes * objects), boxes_of_cells(outputs[f"bbox_{stride}"][0], stride, columns)


def boxes_of_cells(box: Floats, stride: int, columns: int, cells: Array | None = None) -> Floats:
    """(n, 4) left, top, right, bottom in pixels, of YuNet's centres and sizes (n, 4) relative to cells.

    cells: their numbers, row by row; None: all of them.
    """
    cells = np.arange(len(box)) if cells is None else cells
    centre = (box[:, :2] + np.stack([cells % columns, cells // columns], axis=1)) * stride
    half = np.exp(box[:, 2:4]) * stride / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def on_canvas(pixels: PixelArray, size: list[Any]) -> tuple[PixelArray, float]:
    """The picture on a canvas that the network takes, and by how much it was scaled to fit there."""
    height, width = pixels.shape[:2]
    rows, columns = (
        fixed if isinstance(fixed, int) else -(-side // 32) * 32
        for fixed, side in zip(size, (height, width), strict=True)
    )
    scale = min(1.0, rows / height, columns / width)
    if scale < 1:
        pixels = resize(pixels, max(1, int(width * scale)), max(1, int(height * scale)))
    canvas = np.zeros((rows, columns, 3), np.uint8)
    canvas[: pixels.shape[0], : pixels.shape[1]] = pixels
    return canvas, scale


def best_boxes(scores: Floats, boxes: Floats, overlap: float = _OVERLAP) -> list[int]:
    """Indices that greedy non-maximum suppression keeps, best score first.

    overlap: of two boxes whose intersection over union is more, the better one stays.
    """
    left = list(np.argsort(-scores, kind="stable"))
    kept_indices = []
    while left:
        best = left.pop(0)
        kept_indices.append(int(best))
        left = [i for i in left if _overlap(boxes[best], boxes[i]) <= overlap]
    return kept_indices


def _overlap(a: Floats, b: Floats) -> float:
    """Intersection over union."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    areas = float(np.prod(a[2:] - a[:2])) + float(np.prod(b[2:] - b[:2]))
    return shared / max(areas - shared, 1e-9)
