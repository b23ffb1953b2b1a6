"""Parquet files written byte by byte: small ones that say little of themselves, and hold a lot.

In Thrift's compact protocol, as https://parquet.apache.org/docs/file-format has it.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence

I32, I64, TEXT, LIST, STRUCT = 5, 6, 8, 9, 12
INT32, BYTES = 1, 6
PLAIN, RLE, BY_PREFIXES, BY_DICTIONARY = 0, 3, 7, 8


def varint(number: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    return bytes([number & 0x7F | 0x80]) + varint(number >> 7) if number > 0x7F else bytes([number])


def field(kind: int, value: int | bytes) -> bytes:
    """A value as a structure has it: numbers zigzag, texts with their length."""
    if isinstance(value, int):
        return varint(value << 1)
    return varint(len(value)) + value if kind == TEXT else value


def structure(*fields: tuple[int, int, int | bytes]) -> bytes:
    """Number, kind and value of each field, in their order."""
    before = [0, *(number for number, *_ in fields)]
    heads = [bytes([number - last << 4 | kind]) for (number, kind, _), last in zip(fields, before, strict=False)]
    return b"".join(head + field(kind, value) for head, (_, kind, value) in zip(heads, fields, strict=True)) + b"\0"


def several(kind: int, values: Sequence[int | bytes]) -> bytes:
    """A list."""
    return bytes([0xF0 | kind]) + varint(len(values)) + b"".join(field(kind, value) for value in values)


def repeated(count: int, value: int) -> bytes:
    """So many times the same small number (RLE)."""
    return varint(count << 1) + bytes([value])


def levels(*runs: tuple[int, int]) -> bytes:
    """Counts and values of levels, with their length."""
    data = b"".join(repeated(*run) for run in runs)
    return len(data).to_bytes(4, "little") + data


def page(count: int, encoding: int, data: bytes, *, is_dictionary: bool = False) -> bytes:
    """A page, packed, with its header."""
    packed = gzip.compress(data)
    fields = ((2, encoding),) if is_dictionary else ((2, encoding), (3, RLE), (4, RLE))
    about = structure((1, I32, count), *((number, I32, value) for number, value in fields))
    sizes = ((1, I32, 2 if is_dictionary else 0), (2, I32, len(data)), (3, I32, len(packed)))
    return structure(*sizes, (7 if is_dictionary else 5, STRUCT, about)) + packed


def parquet(pages: Sequence[bytes], kind: int, path: Sequence[bytes], rows: int, says: int, depth: int = 0) -> bytes:
    """A file of one column. path: its name, or those of a list's parts. says: how many values the footer tells of.

    depth: so many columns lie around it.
    """
    data, first, utf8 = b"".join(pages), 4, ((6, I32, 0),) if kind == BYTES else ()
    groups = [structure((3, I32, 0), (4, TEXT, path[0]), (5, I32, 1), (6, I32, 3)),
              structure((3, I32, 2), (4, TEXT, path[1]), (5, I32, 1))] if len(path) > 1 else []  # fmt: skip
    around = [structure((3, I32, 0), (4, TEXT, b"x"), (5, I32, 1))] * depth
    schema = [structure((4, TEXT, b"schema"), (5, I32, 1)), *around, *groups,
              structure((1, I32, kind), (3, I32, 1), (4, TEXT, path[-1]), *utf8)]  # fmt: skip
    offsets = ((9, I64, first + len(pages[0])), (11, I64, first)) if len(pages) > 1 else ((9, I64, first),)
    column = structure((1, I32, kind), (2, LIST, several(I32, [PLAIN, RLE, BY_PREFIXES, BY_DICTIONARY])),
                       (3, LIST, several(TEXT, [b"x"] * depth + list(path))), (4, I32, 2), (5, I64, says), (6, I64, 10),
                       (7, I64, len(data)), *offsets)  # fmt: skip
    group = structure((1, LIST, several(STRUCT, [structure((2, I64, 4), (3, STRUCT, column))])), (2, I64, 10),
                      (3, I64, rows))  # fmt: skip
    footer = structure((1, I32, 1), (2, LIST, several(STRUCT, schema)), (3, I64, rows),
                       (4, LIST, several(STRUCT, [group])))  # fmt: skip
    return b"PAR1" + data + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def endless_list(values: int) -> bytes:
    """One row with so many numbers, of which the footer tells three."""
    data = levels((1, 0), (values - 1, 1)) + levels((values, 2)) + b"\1" + repeated(values, 0)
    pages = [page(1, PLAIN, bytes(4), is_dictionary=True), page(values, BY_DICTIONARY, data)]
    return parquet(pages, INT32, [b"scores", b"list", b"element"], 1, 3)


def wide_dictionary(texts: int) -> bytes:
    """Ten rows that use one of so many empty texts."""
    data = levels((10, 1)) + b"\1" + repeated(10, 0)
    pages = [page(texts, PLAIN, bytes(4 * texts), is_dictionary=True), page(10, BY_DICTIONARY, data)]
    return parquet(pages, BYTES, [b"movie_id"], 10, 10)


def deep_schema(depth: int) -> bytes:
    """A column within so many columns."""
    return parquet([page(10, PLAIN, levels((10, 1)) + bytes(40))], INT32, [b"x"], 10, 10, depth)
