"""Edits of MP4 and QuickTime that libav does not play as they are meant (ISO/IEC 14496-12, section 8.6.6).

It plays parts in any order, trims them, and begins late where the list begins with nothing. In a pause behind a part
it shows the film's beginning, and every part it plays at its own speed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import dropwhile

MAX_BOXES = 10_000
NOTHING = -1
"""The media time of an edit in which nothing is shown."""
NORMAL = 1.0
KINDS = (b"vide", b"soun")

Boxes = Iterator[tuple[bytes, bytes]]


def edits_not_played(index: bytes) -> str:
    """What of the edits in a `moov` box (its content) is not played as it is meant, in words; '' where all is."""
    for name, track in _boxes(index):
        if name != b"trak" or not any(kind in _within(track, b"mdia", b"hdlr")[8:12] for kind in KINDS):
            continue
        edits = list(_edits(_within(track, b"edts", b"elst")))
        shown = [rate for _, media, rate in edits if media != NOTHING]
        if any(rate != NORMAL for rate in shown) and shown != [0.0]:  # some writers leave the speed of the only one out
            return "plays parts of it at another speed, or stands still"
        after_a_part = dropwhile(lambda edit: edit[1] == NOTHING, edits)
        if any(media == NOTHING and duration for duration, media, _ in after_a_part):
            return "pauses between parts of it, or behind the last one"
    return ""


def _boxes(data: bytes) -> Boxes:
    """Name and content of each box."""
    place = 0
    for _ in range(MAX_BOXES):
        size, head = int.from_bytes(data[place : place + 4]), 8
        if size == 1:
            size, head = int.from_bytes(data[place + 8 : place + 16]), 16
        if size < head:
            return
        yield data[place + 4 : place + 8], data[place + head : place + size]
        place += size


def _within(data: bytes, *names: bytes) -> bytes:
    """The content of the first box of these names, one within the other; nothing where there is none."""
    for name in names:
        data = next((content for found, content in _boxes(data) if found == name), b"")
    return data


def _edits(box: bytes) -> Iterator[tuple[int, int, float]]:
    """Duration, media time and rate of each edit."""
    form = ">Qqi" if box[:1] == b"\1" else ">Iii"
    count, size = int.from_bytes(box[4:8]), struct.calcsize(form)
    for number in range(min(count, (len(box) - 8) // size)):
        duration, media, rate = struct.unpack_from(form, box, 8 + number * size)
        yield duration, media, rate / 65536
