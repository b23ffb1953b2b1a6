"""How deep the columns of a Parquet file lie within each other, read without recursion.

PyArrow follows them as deep as they go, until the stack is full and the process ends. In Thrift's compact protocol, as
https://parquet.apache.org/docs/file-format has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cinelake.storage.parquet_footer import MAGIC

MOST_DEPTH = 256
"""Columns within each other; lists of structures of lists take six."""
SHALLOW_BYTES = 16 * 1024
"""A footer no longer than this can nest no deeper than any thread's stack bears, and is not looked at."""
TAIL_BYTES = 64 << 10
"""How much of a file's end is read at once for its footer."""
_SCHEMA, _CHILDREN = 2, 5
"""Numbers of the fields: in the footer its schema, in one of its elements how many columns lie in it."""
_NUMBERS, _FLAGS, _BYTE, _DOUBLE, _TEXT, _LISTS, _STRUCT = (4, 5, 6), (1, 2), 3, 7, 8, (9, 10), 12
_WITHIN = 64
"""How deep the values of one field may nest; those of the format take four."""
_MOST_BITS = 70
"""A number of 64 bits takes ten bytes; one without end would be read for hours."""


def parquet_tail(source: pa.NativeFile) -> bytes:
    """The last bytes of a Parquet file, with all of its footer."""
    size = source.size()
    tail: bytes = source.read_at(min(size, TAIL_BYTES), max(0, size - TAIL_BYTES))
    needed = int.from_bytes(tail[-8:-4], "little") + 8
    return source.read_at(needed, size - needed) if len(tail) < needed <= size else tail


def metadata_in(tail: bytes) -> pq.FileMetaData:
    """What the footer in a file's last bytes says. Raises what PyArrow does, and as `check_depth`."""
    check_depth(tail)
    return pq.read_metadata(pa.BufferReader(tail))


def open_parquet(source: pa.NativeFile, **options: Any) -> pq.ParquetFile:
    """A Parquet file whose columns do not lie too deep within each other; whoever opened the source closes it.

    options: as `pyarrow.parquet.ParquetFile` has them. Raises as `metadata_in`.
    """
    return pq.ParquetFile(source, metadata=metadata_in(parquet_tail(source)), **options)


def check_depth(tail: bytes) -> None:
    """Raise `pyarrow.ArrowInvalid` where more than `MOST_DEPTH` columns lie within each other, or a damaged footer.

    tail: the last bytes of a file, with all of its footer.
    """
    footer = tail[: -len(MAGIC) - 4][-int.from_bytes(tail[-8:-4], "little") :]
    if len(footer) <= SHALLOW_BYTES:
        return
    try:
        is_too_deep = any(_is_too_deep(children) for children in _schemas(_Fields(footer)))
    except IndexError as error:
        raise pa.ArrowInvalid("its footer ends too early") from error
    if is_too_deep:
        raise pa.ArrowInvalid(f"more than {MOST_DEPTH} of its columns lie within each other")


def _is_too_deep(children: Iterable[int]) -> bool:
    """Whether a tree is deeper than `MOST_DEPTH`; told in depth-first order, each node by how many lie in it."""
    left: list[int] = []
    for count in children:
        while left and left[-1] <= 0:
            left.pop()
        if left:
            left[-1] -= 1
        if count > 0:
            left.append(count)
        if len(left) > MOST_DEPTH:
            return True
    return False


def _schemas(fields: _Fields) -> Iterator[Iterator[int]]:
    """How many columns lie in each element of a footer's schema; of a footer with several, PyArrow takes the last."""
    for number, kind in fields.each():
        if number == _SCHEMA and kind in _LISTS:
            count, _ = fields.list_head()
            yield (_children(fields) for _ in range(count))
        else:
            fields.skip(kind)


def _children(fields: _Fields) -> int:
    """How many columns lie in the element that begins here."""
    inside = 0
    for number, kind in fields.each():
        if number == _CHILDREN and kind in _NUMBERS:
            inside = fields.number()
        else:
            fields.skip(kind)
    return inside


class _Fields:
    """Reads structures from bytes, from front to back. Raises `IndexError` behind their end."""

    def __init__(self, data: bytes):
        self._data, self._at = data, 0

    def each(self) -> Iterator[tuple[int, int]]:
        """Number and kind of each field of the structure that begins here; whoever asks reads or skips its value."""
        number = 0
        while head := self._byte():
            number = (number + (head >> 4) if head >> 4 else self.number()) & 0xFFFF  # PyArrow takes the lowest bits
            yield number, head & 0xF

    def number(self) -> int:
        """A number as zigzag has it."""
        value = self._varint()
        return value >> 1 ^ -(value & 1)

    def list_head(self) -> tuple[int, int]:
        """How many values follow, and of which kind."""
        head = self._byte()
        return (self._varint() if head >> 4 == 0xF else head >> 4), head & 0xF

    def skip(self, kind: int, within: int = 0) -> None:
        """Leave a value aside."""
        if within > _WITHIN:
            raise pa.ArrowInvalid("values of its footer lie too deep within each other")
        if kind in _NUMBERS:
            self._varint()
        elif kind == _TEXT:
            length = self._varint()
            self._at += length
        elif kind == _STRUCT:
            for _, inner in self.each():
                self.skip(inner, within + 1)
        elif kind in _LISTS:
            count, inner = self.list_head()
            for _ in range(count):
                self.skip(_BYTE if inner in _FLAGS else inner, within + 1)
        elif kind in (_BYTE, _DOUBLE):
            self._data[self._at]
            self._at += 1 if kind == _BYTE else 8
        elif kind not in _FLAGS:
            raise pa.ArrowInvalid(f"its footer has a value of the unknown kind {kind}")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift >= _MOST_BITS:
                raise pa.ArrowInvalid("a number of its footer has no end")
        return value | byte << shift
