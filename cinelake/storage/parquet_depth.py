"""How deep the columns of a Parquet file lie within each other, read without recursion.

PyArrow follows them as deep as they go, until the stack is full and the process ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cinelake.storage.parquet_footer import MAGIC
from cinelake.storage.thrift_compact import INTEGERS, LISTS, CompactReader

MOST_DEPTH = 256
"""Columns within each other; lists of structures of lists take six."""
SHALLOW_BYTES = 16 * 1024
"""A footer no longer than this can nest no deeper than any thread's stack bears, and is not looked at."""
TAIL_BYTES = 64 << 10
"""How much of a file's end is read at once for its footer."""
_SCHEMA, _CHILDREN = 2, 5
"""Numbers of the fields: in the footer its schema, in one of its elements how many columns lie in it."""


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
        is_too_deep = any(_is_too_deep(children) for children in _schemas(CompactReader(footer, "its footer")))
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


def _schemas(footer: CompactReader) -> Iterator[Iterator[int]]:
    """How many columns lie in each element of a footer's schema; of a footer with several, PyArrow takes the last."""
    for number, kind in footer.fields():
        if number == _SCHEMA and kind in LISTS:
            count, _ = footer.list_head()
            yield (_children(footer) for _ in range(count))
        else:
            footer.skip(kind)


def _children(footer: CompactReader) -> int:
    """How many columns lie in the element that begins here."""
    inside = 0
    for number, kind in footer.fields():
        if number == _CHILDREN and kind in INTEGERS:
            inside = footer.integer()
        else:
            footer.skip(kind)
    return inside
