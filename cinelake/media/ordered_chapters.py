"""Does a Matroska film take parts of itself from other files? Ordered chapters may (RFC 9559, section 20.3).

Players that know them show a chapter of another file, an opening that all episodes share, in its place. libav reads the
pictures of the one file in their order, as if there were no such chapters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cinelake.media.file_bytes import FileBytes

SEEK_HEAD, INFO, CHAPTERS, CLUSTER = b"\x11\x4d\x9b\x74", b"\x15\x49\xa9\x66", b"\x10\x43\xa7\x70", b"\x1f\x43\xb6\x75"
CHAPTERS_AT = b"\x53\xab\x84" + CHAPTERS + b"\x53\xac"
"""An entry of the seek head for the chapters (`SeekID`), up to where they are (`SeekPosition`)."""
ORDERED = b"\x45\xdd\x81\x01"
"""`EditionFlagOrdered`, set."""
OTHER_SEGMENT, OWN_SEGMENT, UUID_BYTES = b"\x6e\x67\x90", b"\x73\xa4\x90", 16
"""`ChapterSegmentUUID` and `SegmentUUID`, each with the size of the 16 bytes that follow."""
MAX_ELEMENTS, MAX_BYTES = 100, 4 << 20

Sized = Callable[[FileBytes, int], tuple[int | None, int]]
"""Reads a size of EBML at a place: the size, None where it is open, and how many bytes it takes."""


def has_parts_elsewhere(file: FileBytes, segment: int, sized: Sized) -> bool:
    """Whether ordered chapters of a film are in other files. segment: where the content of its segment begins."""
    parts = {}
    for name, place, size in _elements(file, segment, sized):
        if name in (SEEK_HEAD, INFO, CHAPTERS):
            parts[name] = file.at(place, min(size, MAX_BYTES))
    if CHAPTERS not in parts and (place := _chapters_at(parts.get(SEEK_HEAD, b""))):
        stated, length = sized(file, segment + place + 4)
        parts[CHAPTERS] = file.at(segment + place + 4 + length, min(stated or 0, MAX_BYTES))
    chapters = parts.get(CHAPTERS, b"")
    own = parts.get(INFO, b"").partition(OWN_SEGMENT)[2][:UUID_BYTES]
    linked = {part[:UUID_BYTES] for part in chapters.split(OTHER_SEGMENT)[1:]}
    return ORDERED in chapters and bool(linked - {own})


def _elements(file: FileBytes, place: int, sized: Sized) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and size of the content of what stands before the first cluster."""
    for _ in range(MAX_ELEMENTS):
        first = (file.at(place, 1) or b"\0")[0]
        name = file.at(place, 9 - first.bit_length())
        size, length = sized(file, place + len(name))
        if name == CLUSTER or size is None or not first:
            return
        yield name, place + len(name) + length, size
        place += len(name) + length + size


def _chapters_at(seek_head: bytes) -> int:
    """Where the chapters are, from the segment's content on; 0 where the seek head does not say it."""
    after = seek_head.partition(CHAPTERS_AT)[2]
    return int.from_bytes(after[1 : 1 + (after[0] & 0x7F)]) if after else 0
