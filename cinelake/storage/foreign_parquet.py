"""Files that people hand in, read within bounds: small on the disk is not small in memory.

Ten kilobytes can hold one text that a billion rows share. So what a file says of itself is checked first, and texts
stay dictionaries as they are read: how long they are is known before they are copied.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.errors import FileTooLarge
from cinelake.storage.parquet_footer import column_chunks
from cinelake.storage.parquet_pages import page_totals

ROWS_AT_ONCE = 1024
NUMBER_BYTES = 8
"""What a number is counted as, whatever its type: the next reader may well make it a Python object."""

LEVELS_BYTES = 4
"""What says of a value in a list which list it is in, while it is read."""

MOST_TEXT_BYTES = 1 << 30
"""How much text a file may hold that somebody hands in; a list of ten million films has less."""


def check_text_file(path: Path) -> None:
    """Raise `FileTooLarge` for a file with more text than such files hold, `OSError` for a pipe or a device.

    These have no size, and never end.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "expected a file, received a pipe or a device")
    if found.st_size > MOST_TEXT_BYTES:
        raise FileTooLarge(f"expected at most {MOST_TEXT_BYTES >> 20} MB of text, received {found.st_size >> 20} MB")


@dataclass(frozen=True)
class Bounds:
    """What a file may hold.

    rows: how many at most. field_bytes: the longest text. all_bytes: all columns that are read, unpacked. lists:
    whether a column may have lists of numbers. binary: whether it may have bytes that are no text.
    """

    rows: int = 20_000_000
    field_bytes: int = 64 * 1024
    all_bytes: int = 1 << 30
    lists: bool = False
    binary: bool = False


def foreign_schema(path: Path) -> pa.Schema:
    """The columns of a file. Raises what PyArrow raises for a damaged one, also where it would end the process.

    It follows columns within columns without end, until the stack is full; DuckDB refuses such a footer.
    """
    import pyarrow.parquet as pq

    column_chunks([path])
    return pq.read_schema(path)


def bounded_batches(path: Path, bounds: Bounds, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """These columns of a file, or all, some rows at a time; texts and bytes are dictionaries.

    Raises `FileTooLarge`, also for a column whose type could hold anything, and what PyArrow raises for a damaged file.
    """
    import pyarrow.parquet as pq

    schema = foreign_schema(path)
    with pq.ParquetFile(path) as file:
        chosen = schema.names if columns is None else [name for name in schema.names if name in columns]
        for name in chosen:
            _check_type(name, schema.field(name).type, bounds)
        longest = _check_sizes(path, file.metadata, {name: _width(schema.field(name).type) for name in chosen}, bounds)
    texts = [name for name in chosen if _is_text(schema.field(name).type) and name not in longest]
    rows_at_once = min(ROWS_AT_ONCE, max(1, bounds.all_bytes // (4 * max([1, *longest.values()]))))
    total = 0
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        for batch in file.iter_batches(rows_at_once, columns=chosen):
            total += sum(map(_unpacked_bytes, batch.schema.names, batch.columns, [bounds] * batch.num_columns))
            if total > bounds.all_bytes:
                raise FileTooLarge(f"its values are longer than {bounds.all_bytes} bytes together")
            yield batch


def bounded_table(path: Path, bounds: Bounds, columns: Sequence[str] | None = None) -> pa.Table:
    """These columns of a file, or all, as one table without dictionaries. Raises as `bounded_batches` does."""
    import pyarrow.parquet as pq

    plain = [_without_dictionaries(batch) for batch in bounded_batches(path, bounds, columns)]
    if plain:
        return pa.Table.from_batches(plain)
    names = [name for name in foreign_schema(path).names if columns is None or name in columns]
    return pq.ParquetFile(path).read(columns=names).replace_schema_metadata(None)


def _is_text(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary,
                     pa.types.is_large_binary, pa.types.is_binary_view)
    )  # fmt: skip


def _is_number(kind: pa.DataType) -> bool:
    """Whether values have one size, and a small one: numbers, truths, times, and nulls."""
    flat = pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    return flat and not isinstance(kind, pa.BaseExtensionType)


def _width(kind: pa.DataType) -> int:
    """How many bytes a value takes at least, once it is unpacked, or while it is, in a list."""
    levels = 0 if pa.types.is_primitive(kind) or _is_text(kind) else LEVELS_BYTES
    return int(kind.byte_width) if pa.types.is_fixed_size_binary(kind) else NUMBER_BYTES + levels


def _check_type(name: str, kind: pa.DataType, bounds: Bounds) -> None:
    given = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    is_bytes = "binary" in str(given) and (_is_text(given) or _width(given) <= bounds.field_bytes)
    if is_list and bounds.lists and _is_number(kind.value_type):
        return
    if is_bytes and bounds.binary:
        return
    if is_bytes or not (_is_text(given) or _is_number(given)):
        raise FileTooLarge(f"expected texts or numbers in column {name!r}, received {kind}")


def _check_sizes(path: Path, about: Any, widths: Mapping[str, int], bounds: Bounds) -> dict[str, int]:
    """Hold a file's rows, and what its columns unpack to, against the bounds, by what its footer and its pages say.

    Returns the columns of which PyArrow makes no dictionary, and how many bytes the longest text of each may have.
    """
    if about.num_rows > bounds.rows:
        raise FileTooLarge(f"it has {about.num_rows} rows, more than {bounds.rows}")
    leaves = [about.schema.column(number).path for number in range(len(about.schema))]
    owners = [next((name for name in widths if f"{leaf}.".startswith(f"{name}.")), None) for leaf in leaves]
    chunks = column_chunks([path])
    if any(chunk.leaf >= len(owners) for chunk in chunks):
        raise pa.ArrowInvalid("what its footer says of its columns contradicts itself")
    unpacked = values = 0
    largest, by_deltas = dict.fromkeys(widths, 0), set[str]()
    with path.open("rb") as file:
        for chunk in chunks:
            if (name := owners[chunk.leaf]) is not None:
                pages = page_totals(file.fileno(), chunk.start, chunk.packed, chunk.values)
                unpacked += max(chunk.unpacked, pages.unpacked)
                values += max(chunk.values, pages.values) * widths[name]
                largest[name] = max(largest[name], pages.largest)
                by_deltas |= {name} if pages.by_deltas else set()
    if max(unpacked, values) > bounds.all_bytes:
        raise FileTooLarge(f"its columns unpack to {max(unpacked, values)} bytes, more than {bounds.all_bytes}")
    return {name: largest[name] for name in by_deltas}


def _unpacked_bytes(name: str, column: Any, bounds: Bounds) -> int:
    """How many bytes a column's values take without a dictionary."""
    import pyarrow.compute as pc

    is_dictionary = pa.types.is_dictionary(column.type)
    if not _is_text(column.type.value_type if is_dictionary else column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary if is_dictionary else column)
    if (pc.max(lengths).as_py() or 0) > bounds.field_bytes:
        raise FileTooLarge(f"a text in column {name!r} is longer than {bounds.field_bytes} bytes")
    return pc.sum(lengths.take(column.indices) if is_dictionary else lengths).as_py() or 0


def _without_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    plain = [column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(plain, names=batch.schema.names)
