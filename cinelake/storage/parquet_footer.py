"""What footers of Parquet files say of their columns, read so that a damaged one is an error.

DuckDB reads them: of a damaged or a made-up footer PyArrow's `column()` ends the process (a C++ exception passes).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

MAGIC = b"PAR1"
"""What a Parquet file begins and ends with."""
_CHUNKS = """
SELECT column_id, path_in_schema, num_values, total_compressed_size, total_uncompressed_size, stats_null_count,
    coalesce(stats_min_value, stats_min), coalesce(stats_max_value, stats_max),
    if(dictionary_page_offset > 0, least(dictionary_page_offset, data_page_offset), data_page_offset)
FROM parquet_metadata(?)
"""


@dataclass(frozen=True)
class ColumnChunk:
    """One column of one row group.

    leaf: its number in the schema. path: the column's name, and of a nested one those of its parts. values, nulls:
    counts; packed, unpacked: bytes; least, greatest: as texts, None where they are not known, or infinite. start: where
    in the file its pages begin.
    """

    leaf: int
    path: tuple[str, ...]
    values: int
    packed: int
    unpacked: int
    nulls: int | None
    least: str | None
    greatest: str | None
    start: int


def column_chunks(files: Sequence[Path]) -> list[ColumnChunk]:
    """The chunks of all columns of some files, of which the last bytes, with the footer, are enough (behind `MAGIC`).

    Raises `pyarrow.ArrowInvalid` for a damaged footer.
    """
    import duckdb

    patterns = [re.sub(r"([*?\[])", r"[\1]", str(file.absolute())) for file in files]
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(_CHUNKS, [patterns]).fetchall()
    except (duckdb.Error, UnicodeDecodeError) as error:
        raise pa.ArrowInvalid(str(error)) from error
    chunks = [ColumnChunk(row[0], tuple(row[1].split(", ")), *row[2:]) for row in rows]
    if any(min(chunk.values, chunk.packed, chunk.unpacked, chunk.nulls or 0, chunk.start) < 0 for chunk in chunks):
        raise pa.ArrowInvalid("what its footer says of its columns contradicts itself")
    return chunks
