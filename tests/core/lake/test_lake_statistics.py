"""What footers say of columns, of every kind that tables have: the same values that were written."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cinelake.lake.statistics import _gather
from cinelake.storage.parquet_footer import column_chunks

COLUMNS = {
    "text": (pa.array(["b\0", None, "é"]), 1, "b\0", "é"),
    "small": (pa.array([0.1, 3, None], pa.float32()), 1, 0.10000000149011612, 3.0),
    "large": (pa.array([2**63, 1, 2], pa.uint64()), 0, 1, 2**63),
    "unknown": (pa.array([1.0, float("nan"), -2.0]), 0, -2.0, 1.0),
    "truth": (pa.array([True, False, None]), 1, False, True),
    "vector": (pa.array([[1.5, 2.5]] * 3, pa.list_(pa.float32(), 2)), 0, 1.5, 2.5),
    "blob": (pa.array([b"\x01", b"2", None]), 1, None, None),
    "time": (pa.array([1, 2, 3], pa.timestamp("us")), 0, None, None),
    "nothing": (pa.nulls(3, pa.int32()), 3, None, None),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_nulls_least_and_greatest_are_those_of_all_files(name: str, tmp_path: Path) -> None:
    values, nulls, least, greatest = COLUMNS[name]
    for part in range(3):
        pq.write_table(pa.table({name: values[part : part + 1]}), tmp_path / f"{part}[*].parquet")
    found = _gather(column_chunks(sorted(tmp_path.iterdir())), {name: values.type})[name]
    assert (found.nulls, found.least, found.greatest) == (nulls, least, greatest)


@pytest.mark.parametrize("there", [pa.array([[1.5]]), pa.array([1.5])], ids=["vectors", "another name"])
def test_a_footer_with_columns_that_the_table_has_not_is_damaged(there: pa.Array, tmp_path: Path) -> None:
    name = "b" if pa.types.is_list(there.type) else "z"
    pq.write_table(pa.table({name: there}), tmp_path / "a.parquet")
    with pytest.raises(pa.ArrowInvalid, match=f"it has a column {name}"):
        _gather(column_chunks([tmp_path / "a.parquet"]), {"b": pa.float64()})
