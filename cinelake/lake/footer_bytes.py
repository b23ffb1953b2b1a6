"""Another footer for a Parquet file, whose data stay as they are, to the byte.

A Parquet file ends with its metadata (a Thrift structure in the compact protocol), their length in four bytes, and
`PAR1` (https://parquet.apache.org/docs/file-format). Nothing in the metadata refers to a place within themselves, and a
text in them is its length as a varint before its bytes: so one text can be put in another's place.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cinelake.storage.parquet_footer import MAGIC

TEXT_FIELD = b"\x18"
"""Thrift's header of a text in the field after the one before."""


def replace_value(file: Path, key: bytes, value: bytes) -> None:
    """Give a Parquet file another value of a key of its metadata. Raises `ValueError` for what it does not understand.

    The file is changed in place: work on a copy. Columns, row groups and all other metadata are checked to be the same.
    """
    with file.open("r+b") as opened:
        opened.seek(-8, 2)
        length, magic = int.from_bytes(opened.read(4), "little"), opened.read(4)
        start = opened.seek(-8 - length, 2)
        before = opened.read(length)
        if magic != MAGIC or len(before) != length:
            raise ValueError(f"{file} does not end as a Parquet file does")
        after = _with_value(before, key, value)
        _check_same(before, after, key, value)
        opened.seek(start)
        opened.write(after + len(after).to_bytes(4, "little") + MAGIC)
        opened.truncate()


def _with_value(metadata: bytes, key: bytes, value: bytes) -> bytes:
    known = _metadata(metadata).metadata or {}
    if key not in known:
        raise ValueError(f"the metadata have no {key!r}")
    head = TEXT_FIELD + _varint(len(key)) + key + TEXT_FIELD
    old = head + _varint(len(known[key])) + known[key]
    if metadata.count(old) != 1:
        raise ValueError(f"the metadata have {key!r} {metadata.count(old)} times")
    return metadata.replace(old, head + _varint(len(value)) + value)


def _check_same(before: bytes, after: bytes, key: bytes, value: bytes) -> None:
    """Raise `ValueError` unless the two differ in the one value alone.

    What row groups say of their columns stands before the value, and is the same to the byte. It is not asked for:
    where it is damaged, PyArrow ends the process (`column()` lets a C++ exception pass).
    """
    was, now = _metadata(before), _metadata(after)
    if now.metadata != {**(was.metadata or {}), key: value} or not now.schema.equals(was.schema):
        raise ValueError("the metadata would have changed otherwise too")
    if was.num_rows != now.num_rows or _groups(was) != _groups(now):
        raise ValueError("the row groups would have changed")


def _groups(known: pq.FileMetaData) -> list[tuple[int, ...]]:
    groups = (known.row_group(number) for number in range(known.num_row_groups))
    return [(group.num_rows, group.num_columns, group.total_byte_size) for group in groups]


def _metadata(metadata: bytes) -> pq.FileMetaData:
    whole = MAGIC + metadata + len(metadata).to_bytes(4, "little") + MAGIC
    try:
        return pq.read_metadata(BytesIO(whole))
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"the metadata cannot be read: {error}") from error


def _varint(number: int) -> bytes:
    """A number in groups of seven bits, lowest first; all but the last have the eighth bit set (LEB128)."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
