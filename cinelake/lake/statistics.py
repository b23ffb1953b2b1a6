"""What the footers of published files say of each column, gathered for the version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pyarrow.parquet as pq

from cinelake.lake.cells import Lake
from cinelake.lake.published import PublishedTable, PublishedVersion, file_paths
from cinelake.spec.contract import Contract
from cinelake.storage.store import storage_errors

READ_TOGETHER = 8


@dataclass
class _Gathered:
    """One column's facts so far."""

    nulls: int | None = 0
    bytes: int = 0
    least: Any = None
    greatest: Any = None

    def add(self, chunk: Any, *, is_field: bool) -> None:
        """Take one column chunk's metadata in; is_field: of one field of a nested column, of which only bytes count."""
        self.bytes += chunk.total_compressed_size
        if is_field:
            self.nulls = None
            return
        statistics = chunk.statistics
        if statistics is None or not statistics.has_null_count or self.nulls is None:
            self.nulls = None
        else:
            self.nulls += statistics.null_count
        if statistics is not None and statistics.has_min_max and isinstance(statistics.min, (int, float, str)):
            self.least = statistics.min if self.least is None else min(self.least, statistics.min)
            self.greatest = statistics.max if self.greatest is None else max(self.greatest, statistics.max)


def with_statistics(lake: Lake, version: PublishedVersion, contracts: Mapping[str, Contract]) -> PublishedVersion:
    """The version with each column's doc, type, nulls, bytes and, where it is no vector, least and greatest value."""
    tables = {name: _described(lake, name, table, contracts[name]) for name, table in version.tables.items()}
    return replace(version, tables=tables)


def _described(lake: Lake, name: str, table: PublishedTable, contract: Contract) -> PublishedTable:
    def metadata(path: str) -> Any:
        with storage_errors(f"reading the published {name}"), lake.storage.filesystem.open_input_file(path) as source:
            return pq.read_metadata(source)

    with ThreadPoolExecutor(READ_TOGETHER) as pool:
        gathered = _gather(pool.map(metadata, file_paths(lake, name, table)))
    known = {column.name: column for column in contract.all_columns if column.name in gathered}
    columns = [
        {"name": column.name, "type": str(column.type), "doc": column.doc, **vars(gathered[column.name])}
        for column in known.values()
    ]
    return replace(table, columns=tuple(columns))


def _gather(footers: Iterable[Any]) -> dict[str, _Gathered]:
    by_column: dict[str, _Gathered] = {}
    for footer in footers:
        for group in range(footer.num_row_groups):
            for column in range(footer.num_columns):
                chunk = footer.row_group(group).column(column)
                name, _, within = chunk.path_in_schema.partition(".")
                by_column.setdefault(name, _Gathered()).add(chunk, is_field=within not in ("", "list.element"))
    return by_column
