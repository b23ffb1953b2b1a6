"""Says of a drawn film that it is Dolby Vision: none can be encoded here, but the record is a box of bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

TO_PICTURES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
DESCRIPTION_BYTES = 8
"""Before the entries of `stsd`: version, flags, how many."""


def with_dolby_vision(path: Path, profile: int, base: int) -> None:
    """Put a record (Dolby Vision Streams within ISO BMFF, 2.0) into an MP4 whose index comes last; one goes before."""
    data = bytearray(path.read_bytes())
    while (at := data.find(b"dvcC")) >= 0:
        data[at : at + 4] = b"free"
    record = bytes([1, 0]) + (profile << 9 | 6 << 3 | 0b101).to_bytes(2) + bytes([base << 4]) + bytes(19)
    box = struct.pack(">I", 8 + len(record)) + b"dvcC" + record
    holders, start, end = [], 0, len(data)
    for name in TO_PICTURES:
        start, end = next((at, at + size) for own, at, size in _boxes(data, start, end) if own == name)
        holders.append(start)
        start += 8
    entry = start + DESCRIPTION_BYTES
    place = entry + int.from_bytes(data[entry : entry + 4])
    data[place:place] = box
    for holder in (*holders, entry):
        data[holder : holder + 4] = (int.from_bytes(data[holder : holder + 4]) + len(box)).to_bytes(4)
    path.write_bytes(data)


def _boxes(data: bytearray, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while at < end:
        size = int.from_bytes(data[at : at + 4])
        yield bytes(data[at + 4 : at + 8]), at, size
        at += size
