"""What the footers of published files say of each column, gathered for the version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.lake.cells import Lake
from cinelake.lake.published import PublishedTable, PublishedVersion, damaged_file, file_paths
from cinelake.spec.contract import Contract
from cinelake.storage.parquet_depth import parquet_tail
from cinelake.storage.parquet_footer import MAGIC, ColumnChunk, column_chunks
from cinelake.storage.store import storage_errors

READ_TOGETHER = 8
FOOTERS_AT_ONCE = 256
"""How many lie in the lake's scratch folder at a time."""
VECTOR = ("list", "element")
"""What follows a vector's name in the path of its numbers."""


@dataclass
class _Gathered:
    """One column's facts so far."""

    nulls: int | None = 0
    bytes: int = 0
    least: Any = None
    greatest: Any = None

    def add(self, chunk: ColumnChunk, kind: pa.DataType) -> None:
        """Take one column chunk's facts in; of one field of a nested column only bytes count. kind: of its values."""
        self.bytes += chunk.packed
        if chunk.path[1:] not in ((), VECTOR):
            self.nulls = None
            return
        self.nulls = None if chunk.nulls is None or self.nulls is None else self.nulls + chunk.nulls
        least, greatest = _value(chunk.least, kind), _value(chunk.greatest, kind)
        if least is not None and greatest is not None:
            self.least = least if self.least is None else min(self.least, least)
            self.greatest = greatest if self.greatest is None else max(self.greatest, greatest)


def _value(text: str | None, kind: pa.DataType) -> Any:
    """A footer's text as a value; None for a kind that is no number, truth or text."""
    tests = (pa.types.is_integer, pa.types.is_float32, pa.types.is_float64, pa.types.is_boolean, pa.types.is_string)
    return pa.scalar(text).cast(kind).as_py() if text is not None and any(test(kind) for test in tests) else None


def with_statistics(lake: Lake, version: PublishedVersion, contracts: Mapping[str, Contract]) -> PublishedVersion:
    """The version with each column's doc, type, nulls, bytes and, where it is no vector, least and greatest value.

    Raises `StorageError`, for a damaged file with what to do.
    """
    tables = {name: _described(lake, name, table, contracts[name]) for name, table in version.tables.items()}
    return replace(version, tables=tables)


def _described(lake: Lake, name: str, table: PublishedTable, contract: Contract) -> PublishedTable:
    types = {column.name: column.type for column in contract.all_columns}
    try:
        gathered = _gather(_chunks(lake, name, file_paths(lake, name, table)), types)
    except pa.ArrowInvalid as error:
        raise damaged_file(lake, name, error) from error
    known = {column.name: column for column in contract.all_columns if column.name in gathered}
    columns = [
        {"name": column.name, "type": str(column.type), "doc": column.doc, **vars(gathered[column.name])}
        for column in known.values()
    ]
    return replace(table, columns=tuple(columns))


def _chunks(lake: Lake, name: str, paths: Sequence[str]) -> Iterator[ColumnChunk]:
    """What the footers say, which alone are fetched. Raises `StorageError`, `pyarrow.ArrowInvalid`."""
    for start in range(0, len(paths), FOOTERS_AT_ONCE):
        with lake.scratch() as scratch, ThreadPoolExecutor(READ_TOGETHER) as pool:

            def footer(path: str, scratch: Path = scratch) -> Path:
                file = scratch / Path(path).name
                with storage_errors(f"reading the published {name}"), lake.storage.open_input_file(path) as source:
                    file.write_bytes(MAGIC + parquet_tail(source))
                return file

            files = list(pool.map(footer, paths[start : start + FOOTERS_AT_ONCE]))
            yield from column_chunks(files)


def _gather(chunks: Iterable[ColumnChunk], types: Mapping[str, pa.DataType]) -> dict[str, _Gathered]:
    by_column: dict[str, _Gathered] = {}
    for chunk in chunks:
        kind = types.get(chunk.path[0], pa.null())
        is_vector = chunk.path[1:] == VECTOR
        if chunk.path[0] not in types or (is_vector and not isinstance(kind, (pa.ListType, pa.FixedSizeListType))):
            raise pa.ArrowInvalid(f"it has a column {'.'.join(chunk.path)}, which the table has not")
        kind = kind.value_type if pa.types.is_dictionary(kind) or is_vector else kind
        by_column.setdefault(chunk.path[0], _Gathered()).add(chunk, kind)
    return by_column
