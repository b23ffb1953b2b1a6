"""What the pages of a Parquet file say of themselves: the footer may say less, and readers believe the pages.

Before each page stands a header, a Thrift structure in the compact protocol, with the number of its values and how many
bytes it unpacks to (https://parquet.apache.org/docs/file-format/data-pages).
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import pyarrow as pa

from cinelake.storage.thrift_compact import INTEGERS, STRUCT, CompactReader

HEAD_BYTES = 4096
MOST_HEAD_BYTES = 16 << 20
"""PyArrow reads no longer header."""
MOST_PAGES = 1_000_000
"""Of a column's chunk; a file of such pages would be all headers."""
UNPACKED, PACKED = 2, 3
"""Numbers of fields of a page's header."""
OF_VALUES, OF_DICTIONARY, OF_VALUES_2 = 5, 7, 8
"""Fields of it, of which a page has one, with the count of its values as field 1."""
ENCODINGS = {OF_VALUES: 2, OF_VALUES_2: 4}
"""Numbers of the fields in these that say how values are written."""
BY_DELTAS = 6, 7
"""Encodings of texts (DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY) that PyArrow makes no dictionary of.

In the second a text begins as the one before: a few bytes say as much as the longest.
"""
ENTRY_BYTES = 16
"""What a reader keeps of each text of a dictionary: where it is, and how long."""


class PageTotals(NamedTuple):
    """Of all pages of a chunk. values: without the dictionary's; unpacked: bytes, with what finds its texts.

    largest: bytes of one page.

    by_deltas: whether one of them has an encoding of `BY_DELTAS`.
    """

    values: int
    unpacked: int
    largest: int
    by_deltas: bool


def page_totals(file: int, start: int, packed: int, values: int) -> PageTotals:
    """What pages say that begin at a place of a file (a descriptor), until a chunk of so many bytes or values is over.

    Raises `pyarrow.ArrowInvalid` for what is no page.
    """
    place, seen, unpacked, largest, by_deltas = start, 0, 0, 0, False
    for _ in range(MOST_PAGES):
        if seen >= values or place >= start + packed:
            return PageTotals(seen, unpacked, largest, by_deltas)
        header, length = _header(file, place)
        kind = next((kind for kind in (OF_VALUES, OF_VALUES_2, OF_DICTIONARY) if kind in header), 0)
        about = header[kind] if isinstance(header.get(kind), dict) else {}
        sizes = [header.get(UNPACKED), header.get(PACKED), about.get(1, 0)]
        if not all(isinstance(size, int) and size >= 0 for size in sizes):
            raise pa.ArrowInvalid("what a page says of itself contradicts itself")
        seen += sizes[2] if kind in ENCODINGS else 0
        unpacked += sizes[0] + (sizes[2] * ENTRY_BYTES if kind == OF_DICTIONARY else 0)
        place += length + sizes[1]
        largest = max(largest, sizes[0])
        by_deltas = by_deltas or (kind in ENCODINGS and about.get(ENCODINGS[kind]) in BY_DELTAS)
    raise pa.ArrowInvalid(f"a column has more than {MOST_PAGES} pages")


def _header(file: int, place: int) -> tuple[dict[int, Any], int]:
    """A page's header by the numbers of its fields, and how long it is."""
    size = HEAD_BYTES
    while True:
        data = os.pread(file, size, place)
        try:
            reader = CompactReader(data, "a page's header")
            return _structure(reader), reader.place
        except IndexError as error:
            if len(data) < size or size >= MOST_HEAD_BYTES:
                raise pa.ArrowInvalid("a page's header has no end") from error
            size *= 16


def _structure(reader: CompactReader, levels: int = 1) -> dict[int, Any]:
    """Number of a field → its value where that is a number, or a structure within so many levels."""
    found: dict[int, Any] = {}
    for number, kind in reader.fields():
        if kind in INTEGERS:
            found[number] = reader.integer()
        elif kind == STRUCT and levels:
            found[number] = _structure(reader, levels - 1)
        else:
            reader.skip(kind)
    return found
