"""A table's digest: equal for equal rows, however they come; another for whatever differs."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from cinelake.spec.arrow_values import TableDigest

ROWS: dict[str, pa.Array] = {
    "number": pa.array([1, None, 3, 4] * 5),
    "text": pa.array(["x", None, "yé", ""] * 5),
    "kind": pa.array(["cut", "fade", None, "cut"] * 5).dictionary_encode(),
    "picture": pa.array([b"1", None, b"", b"22"] * 5),
    "sure": pa.array([True, False, None, True] * 5),
    "vector": pa.array([[1.0, 2.0], None, [3.0, None], [4.0, 5.0]] * 5, pa.list_(pa.float32(), 2)),
    "many": pa.array([[1], [], None, [2, 3]] * 5),
    "pair": pa.array([{"x": 1, "y": "a"}, None, {"x": None, "y": "b"}, {"x": 2, "y": None}] * 5),
    "pairs": pa.array([[{"x": 1}], None, [], [{"x": 2}, {"x": 3}]] * 5),
    "at": pa.array([1, 2, None, 4] * 5, pa.timestamp("us", "UTC")),
    "nothing": pa.nulls(20),
}


def digest_of(table: pa.Table, rows_together: int = 1000) -> str:
    digest = TableDigest()
    for batch in table.to_batches(max_chunksize=rows_together):
        digest.add(batch)
    return digest.hexdigest()


def test_how_rows_are_cut_into_batches_does_not_matter() -> None:
    table = pa.table(ROWS)
    assert len({digest_of(table, count) for count in (1, 2, 3, 7, 20)}) == 1
    assert digest_of(table.slice(4, 9), 2) == digest_of(table.take(list(range(4, 13))))


def test_an_enum_s_dictionary_does_not_matter() -> None:
    words = ["fade", "cut", "fade"]
    other = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1]), pa.array(["cut", "fade"]))
    assert digest_of(pa.table({"k": pa.array(words).dictionary_encode()})) == digest_of(pa.table({"k": other}))


@pytest.mark.parametrize("name", [name for name in ROWS if name != "nothing"])
def test_every_value_matters(name: str) -> None:
    order = [3, 0, *range(2, 20), 1]
    changed = ROWS | {name: ROWS[name].take(pa.array(order[:20]))}
    assert digest_of(pa.table(changed)) != digest_of(pa.table(ROWS))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["ab", "c"], ["a", "bc"]),
        ([[1, 2], [3]], [[1], [2, 3]]),
        ([None, 1], [1, None]),
        ([None, ""], ["", None]),
        ([0.0, 1.0], [-0.0, 1.0]),
        ([1, 2], [1, 2, 0]),
    ],
)
def test_bounds_between_values_matter_and_so_do_nulls(one: list[Any], other: list[Any]) -> None:
    assert digest_of(pa.table({"c": one})) != digest_of(pa.table({"c": other}))


def test_names_and_types_of_columns_matter_even_where_there_is_no_row() -> None:
    found = set()
    for name, kind in [("a", pa.int32()), ("b", pa.int32()), ("a", pa.int64())]:
        digest = TableDigest()
        digest.add(pa.RecordBatch.from_arrays([pa.array([], kind)], [name]))
        found.add(digest.hexdigest())
    assert len(found) == 3
