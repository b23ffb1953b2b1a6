"""Pictures on their way to a detector or network: from the table `frames`, or spooled while the film is decoded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from cinelake.media.batches import FrameBatch
from cinelake.spec.arrays import PixelArray
from cinelake.spec.task import TableReader

PATCH_SIDE = 48
"""Height and width of the grey picture of a face, in pixels."""

RelativeBox = tuple[float, float, float, float]
"""Left, top, width and height, as fractions of the picture."""
Item = TypeVar("Item")

_IN_MEMORY = 16 << 20
"""Bytes of JPEGs that a spool keeps in memory before it becomes a temporary file."""


@dataclass(frozen=True)
class Jpeg:
    """One picture as it is kept: its number, time and shot (None where it is not known)."""

    frame: int
    time_s: float
    shot: int | None
    jpeg: bytes


def pictures_in(frames: TableReader) -> Iterator[Jpeg]:
    """The pictures of the table `frames`, in order, a batch in memory at a time."""
    for batch in frames.batches(["frame", "time_s", "shot", "jpeg"]):
        columns = (batch[name] for name in ("frame", "time_s", "shot", "jpeg"))
        for frame, time_s, shot, jpeg in zip(*columns, strict=True):
            yield Jpeg(frame.as_py(), time_s.as_py(), shot.as_py(), jpeg.as_py())


class PictureSpool:
    """Keeps sampled pictures as JPEG (quality 95) while the film is decoded, so that decoding never waits.

    Memory stays flat: what exceeds 16 MiB goes to a temporary file, which is gone when the spool is closed.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - lives as long as the task
        self._entries: list[tuple[int, float, int]] = []

    def add(self, batch: FrameBatch) -> None:
        """Keep the pictures of a batch (rgb24)."""
        assert batch.pixels is not None
        for frame, time_s, pixels in zip(batch.frames, batch.times_s, batch.pixels, strict=True):
            self._entries.append((int(frame), float(time_s), self._file.write(encode(pixels))))

    def pictures(self) -> Iterator[Jpeg]:
        """All kept pictures in order; closes the spool at the end."""
        with self._file as file:
            file.seek(0)
            for frame, time_s, size in self._entries:
                yield Jpeg(frame, time_s, None, file.read(size))


def encode(pixels: PixelArray) -> bytes:
    """An RGB picture as JPEG, quality 95."""
    import cv2

    done, jpeg = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert done
    return bytes(jpeg)


def decode(jpeg: bytes, max_width: int | None = None, *, half: bool = False, in_grey: bool = False) -> PixelArray:
    """(height, width, 3) RGB of a JPEG, grey ones too, or (height, width) luma; shrunk to `max_width` if wider.

    half: decoded at half its size, which takes half the time.
    """
    import cv2

    mode = {
        (False, False): cv2.IMREAD_COLOR_RGB,
        (True, False): cv2.IMREAD_REDUCED_COLOR_2,
        (False, True): cv2.IMREAD_GRAYSCALE,
        (True, True): cv2.IMREAD_REDUCED_GRAYSCALE_2,
    }[half, in_grey]
    pixels: Any = cv2.imdecode(np.frombuffer(jpeg, np.uint8), mode)
    if half and not in_grey:  # no mode reduces and has red first
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    if max_width and pixels.shape[1] > max_width:
        height = max(1, round(pixels.shape[0] * max_width / pixels.shape[1]))
        pixels = cv2.resize(pixels, (max_width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(pixels, np.uint8)


def resize(pixels: PixelArray, width: int, height: int) -> PixelArray:
    """The picture squeezed to a size: averaged where it shrinks, bilinear where it grows."""
    import cv2

    shrinks = pixels.shape[1] >= width and pixels.shape[0] >= height
    resized: Any = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def grey(pixels: PixelArray) -> PixelArray:
    """(height, width) luma of an RGB picture."""
    import cv2

    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def square_crop(pixels: PixelArray, box: RelativeBox) -> PixelArray:
    """The square around a box (left, top, width, height as fractions), its side the box's longer one.

    What lies outside the picture repeats the picture's edge, so that a face at the border keeps its proportions.
    """
    height, width = pixels.shape[:2]
    x, y, w, h = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    side = max(2, round(max(w, h)))
    left, top = round(x + w / 2 - side / 2), round(y + h / 2 - side / 2)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    return np.asarray(pixels[rows[:, None], columns[None, :]], np.uint8)


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of `size`; the last may be shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
