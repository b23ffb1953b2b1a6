"""Thrift's compact protocol, in which Parquet writes its footer and its pages' headers.

See https://parquet.apache.org/docs/file-format. No library here reads it without recursion, or gives a page's header.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

INTEGERS, LISTS, STRUCT = (4, 5, 6), (9, 10), 12
_BOOLEANS, _BYTE, _DOUBLE, _TEXT = (1, 2), 3, 7, 8
_WITHIN = 64
"""How deep the values of one field may nest; those of Parquet take four."""
_MOST_BITS = 70
"""A number of 64 bits takes ten bytes; one without end would be read for hours."""


class CompactReader:
    """Reads structures from bytes, front to back.

    Raises `IndexError` behind their end, `pyarrow.ArrowInvalid` for what is none. what: how errors name the bytes.
    """

    def __init__(self, data: bytes, what: str):
        self.place = 0
        self._data, self._what = data, what

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and kind of each field of the structure that begins here; whoever asks reads or skips its value."""
        number = 0
        while head := self.byte():
            number = (number + (head >> 4) if head >> 4 else self.integer()) & 0xFFFF  # PyArrow takes the lowest bits
            yield number, head & 0xF

    def byte(self) -> int:
        """The next byte."""
        self.place += 1
        return self._data[self.place - 1]

    def integer(self) -> int:
        """A number as zigzag has it."""
        value = self._varint()
        return value >> 1 ^ -(value & 1)

    def list_head(self) -> tuple[int, int]:
        """How many values follow, and of which kind."""
        head = self.byte()
        return (self._varint() if head >> 4 == 0xF else head >> 4), head & 0xF

    def skip(self, kind: int, within: int = 0) -> None:
        """Leave a value aside."""
        if within > _WITHIN:
            raise pa.ArrowInvalid(f"values of {self._what} lie too deep within each other")
        if kind in INTEGERS:
            self._varint()
        elif kind in (_BYTE, _DOUBLE, _TEXT):
            length = {_BYTE: 1, _DOUBLE: 8}.get(kind) or self._varint()
            self.place += length
            if self.place > len(self._data):
                raise IndexError(self.place)
        elif kind == STRUCT:
            for _, inner in self.fields():
                self.skip(inner, within + 1)
        elif kind in LISTS:
            count, inner = self.list_head()
            for _ in range(count):
                self.skip(_BYTE if inner in _BOOLEANS else inner, within + 1)
        elif kind not in _BOOLEANS:
            raise pa.ArrowInvalid(f"{self._what} has a value of the unknown kind {kind}")

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self.byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift >= _MOST_BITS:
                raise pa.ArrowInvalid(f"a number of {self._what} has no end")
        return value | byte << shift
