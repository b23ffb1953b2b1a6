"""How deep columns lie within each other: told of any footer without recursion, and refused beyond a bound."""

from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _parquet_bombs import LIST, STRUCT, deep_schema, several, varint

from cinelake.storage.parquet_depth import MOST_DEPTH, SHALLOW_BYTES, check_depth

LIST_OF_FIELD_2 = b"\x19"
"""A list, of the field after the first: where a footer's schema begins."""


def as_footer(file: bytes) -> bytes:
    """The footer of a file."""
    return file[-8 - int.from_bytes(file[-8:-4], "little") : -8]


def as_file(footer: bytes) -> bytes:
    """A file of a footer alone."""
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def whole(table: pa.Table) -> bytes:
    """A file of the table, in as many row groups as rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=1)
    return sink.getvalue().to_pybytes()


def test_columns_within_columns_without_end_are_refused():
    with pytest.raises(pa.ArrowInvalid, match="within each other"):
        check_depth(deep_schema(random.randrange(SHALLOW_BYTES, 2 * SHALLOW_BYTES)))


def test_a_long_footer_of_ordinary_and_nested_columns_passes():
    nested = [{"a": [[{"b": 1.5}]], "c": {"d": True}}] * 20
    wide = {f"column_{number}": list(range(20)) for number in range(random.randrange(100, 200))}
    file = whole(pa.table({"nested": nested, **wide, "when": pa.array([0] * 20, pa.timestamp("us", "UTC"))}))
    assert int.from_bytes(file[-8:-4], "little") > SHALLOW_BYTES
    check_depth(file)


def test_of_columns_beside_each_other_the_deepest_counts():
    kind = pa.int8()
    for _ in range(MOST_DEPTH + 1):
        kind = pa.struct({"x": kind})
    file = whole(pa.table({"a": [0] * 100, "deep": pa.nulls(100, kind), "b": [0] * 100}))
    with pytest.raises(pa.ArrowInvalid, match="within each other"):
        check_depth(file)


@pytest.mark.parametrize("number", [2, 2 + 2**16])
def test_a_schema_that_comes_again_counts_too_as_pyarrow_takes_the_last(number: int):
    deep = as_footer(deep_schema(random.randrange(SHALLOW_BYTES, 2 * SHALLOW_BYTES)))
    flat, schema = as_footer(deep_schema(0)), deep[deep.index(LIST_OF_FIELD_2) + 1 :]
    again = bytes([LIST]) + varint(number << 1) + schema  # the field's number is written out
    with pytest.raises(pa.ArrowInvalid, match="within each other"):
        check_depth(as_file(flat[: flat.index(LIST_OF_FIELD_2)] + LIST_OF_FIELD_2 + several(STRUCT, []) + again))


def test_a_number_without_end_is_refused_without_reading_on():
    with pytest.raises(pa.ArrowInvalid, match="has no end"):
        check_depth(as_file(b"\x15" + b"\xff" * random.randrange(SHALLOW_BYTES, 2 * SHALLOW_BYTES)))


def test_a_footer_that_is_cut_or_changed_is_an_error_of_arrow_or_passes():
    footer = bytearray(whole(pa.table({f"column_{number}": list(range(20)) for number in range(100)})))
    for _ in range(200):
        changed = bytearray(footer)
        for _ in range(random.randrange(1, 5)):
            changed[-random.randrange(9, len(changed) // 2)] = random.randrange(256)
        try:
            check_depth(bytes(changed[random.randrange(len(changed) // 2) :]))
        except pa.ArrowInvalid as error:
            assert str(error)
