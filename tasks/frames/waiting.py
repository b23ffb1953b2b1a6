"""Rows that wait for their shot, and their JPEGs: in memory, or on disk when many wait."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import IO

from cinelake.spec.arrays import PixelArray

WAITING_BYTES = 32 << 20
"""JPEGs of rows that wait for their shot go to disk beyond this."""

Place = bytes | tuple[int, int]
"""A JPEG, or where it lies on disk: offset and length."""


def jpeg_of(bgr: PixelArray, quality: int) -> bytes:
    """A BGR picture as JPEG."""
    import cv2

    encoded, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert encoded
    return bytes(jpeg.data)


@dataclass
class WaitingRow:
    """A row that waits for its shot; `place` is where its JPEG lies in the store."""

    frame: int
    time_s: float
    measures: dict[str, float]
    size: tuple[int, int]
    place: Place


class JpegStore:
    """JPEGs that wait: in memory, and those beyond a bound in a temporary file until none of them waits."""

    def __init__(self) -> None:
        self.in_memory = self.on_disk = 0
        self.file: IO[bytes] | None = None

    def put(self, jpeg: bytes) -> Place:
        """Store; returns the JPEG itself, or where it lies on disk."""
        if self.in_memory + len(jpeg) <= WAITING_BYTES:
            self.in_memory += len(jpeg)
            return jpeg
        self.file = self.file or tempfile.TemporaryFile()  # noqa: SIM115
        at = self.file.seek(0, os.SEEK_END)
        self.file.write(jpeg)
        self.on_disk += 1
        return at, len(jpeg)

    def take(self, place: Place) -> bytes:
        """Return what `put` stored, once."""
        if isinstance(place, bytes):
            self.in_memory -= len(place)
            return place
        assert self.file is not None
        self.file.seek(place[0])
        jpeg = self.file.read(place[1])
        self.on_disk -= 1
        if not self.on_disk:
            self.file.truncate(0)
        return jpeg
