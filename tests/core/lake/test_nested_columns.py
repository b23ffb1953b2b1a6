"""A column of structs, or of lists of structs: checked, written, queried and counted like any other."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from storage._parquet_bombs import deep_schema

from cinelake.errors import ContractViolation, InputChanged
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.lake.statistics import _gather
from cinelake.query.views import duckdb_type
from cinelake.spec.contract import Column, Contract
from cinelake.storage.parquet_footer import column_chunks

PART = pa.struct([pa.field("index", pa.int32()), pa.field("name", pa.string())])
PARTS = Contract("parts", "Parts of each film.", [Column("parts", pa.list_(PART), "The parts.", nullable=True)], key=())
ROWS = [{"index": 0, "name": "a"}, {"index": 7, "name": None}]


def written(path: Path) -> Path:
    writer = CellWriter(PARTS, "film", path)
    writer.write(PARTS.batch("film", parts=[ROWS]))
    writer.close(Footer("key", "hash", {}, {}))
    return path


def test_a_nested_column_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert pq.read_table(written(tmp_path / "cell.parquet"))["parts"].to_pylist() == [ROWS]


def test_its_fields_are_not_compared_with_each_other(tmp_path: Path) -> None:
    types = {column.name: column.type for column in PARTS.all_columns}
    gathered = _gather(column_chunks([written(tmp_path / "cell.parquet")]), types)
    assert (gathered["parts"].least, gathered["parts"].nulls) == (None, None)
    assert gathered["parts"].bytes > 0


def test_a_row_of_another_shape_is_refused() -> None:
    with pytest.raises(ContractViolation, match="parts"):
        PARTS.batch("film", parts=[[{"index": "no number"}]])


def test_duckdb_knows_its_type() -> None:
    assert duckdb_type(pa.list_(PART)) == 'STRUCT("index" INTEGER, "name" VARCHAR)[]'


def test_a_cell_of_columns_within_columns_without_end_is_damaged_and_ends_no_process(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    cell = Path(lake.cell_path("parts", "film"))
    cell.parent.mkdir(parents=True)
    cell.write_bytes(deep_schema(random.randrange(20_000, 40_000)))
    with pytest.raises(InputChanged, match="within each other"):
        lake.reader("parts", "film").read()
