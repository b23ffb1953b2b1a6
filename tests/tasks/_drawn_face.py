"""A face drawn with shades, good enough for dlib's detector, and tables around it."""

from collections.abc import Iterator

import cv2
import numpy as np
import pyarrow as pa


def draw_face(picture: np.ndarray, x: int, y: int, size: int) -> np.ndarray:
    """A frontal face whose box is about (x, y, size, size), drawn into an RGB picture."""
    centre = np.array([x + size / 2, y + size / 2])

    def oval(dx: float, dy: float, rx: float, ry: float, grey: int) -> None:
        place = (centre + np.array([dx, dy]) * size).astype(int).tolist()
        cv2.ellipse(picture, place, (int(rx * size), int(ry * size)), 0, 0, 360, (grey, grey * 0.85, grey * 0.75), -1)

    oval(0, -0.1, 0.56, 0.72, 60)  # hair
    oval(0, 0.02, 0.45, 0.60, 205)  # face
    for side in (-1, 1):
        oval(side * 0.19, -0.13, 0.12, 0.075, 140)  # eye socket
        oval(side * 0.19, -0.12, 0.075, 0.038, 245)
        oval(side * 0.19, -0.12, 0.034, 0.036, 40)
        oval(side * 0.19, -0.225, 0.12, 0.022, 70)  # brow
        oval(side * 0.055, 0.145, 0.022, 0.014, 90)  # nostril
    oval(0, 0.02, 0.035, 0.12, 225)  # nose
    oval(0, 0.13, 0.085, 0.03, 175)
    oval(0, 0.30, 0.16, 0.035, 110)  # mouth
    blur = max(1, size // 40) * 2 + 1
    picture[:] = cv2.GaussianBlur(picture, (blur, blur), 0)
    return picture


class Rows:
    """A table held in memory, as tasks read it."""

    def __init__(self, *batches: pa.RecordBatch):
        self._batches = batches

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        yield from (batch.select(columns) if columns else batch for batch in self._batches)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        return pa.Table.from_batches(list(self.batches(columns)))


def frames_table(*pictures: np.ndarray) -> Rows:
    """The pictures as rows of `frames`, one a second, 24 frames apart, RGB."""
    jpegs = [cv2.imencode(".jpg", p[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes() for p in pictures]
    count = len(pictures)
    columns = {
        "frame": pa.array(range(0, 24 * count, 24), pa.int64()),
        "time_s": pa.array([float(i) for i in range(count)]),
        "shot": pa.array([0] * count, pa.int32()),
        "jpeg": pa.array(jpegs, pa.binary()),
    }
    return Rows(pa.RecordBatch.from_pydict(columns))
