"""The bytes of an open file by their place, whatever a file of its kind ought to have there."""

from __future__ import annotations

import os
import struct


class FileBytes:
    """Reads bytes of a descriptor by their place. size: of the file."""

    def __init__(self, fd: int):
        self.fd, self.size = fd, os.fstat(fd).st_size

    def at(self, place: int, count: int) -> bytes:
        """Up to `count` bytes; none outside of the file."""
        return os.pread(self.fd, count, place) if 0 <= place < self.size else b""

    def number(self, place: int, form: str) -> int:
        """The number at a place, as `struct` describes it; 0 beyond the file's end."""
        data = self.at(place, struct.calcsize(form))
        return int(struct.unpack(form, data)[0]) if len(data) == struct.calcsize(form) else 0

    def tail(self, count: int) -> bytes:
        """The last `count` bytes, or all there are."""
        return self.at(max(0, self.size - count), count)
