"""The lake: one Parquet file per table and film, committed whole or not at all, with its provenance inside.

lake/<table>/<movie_id>.parquet              a cell
lake/failures/<task>/<movie_id>.parquet      why a cell could not be made (see `cinelake.lake.records`)
lake/quality/<time>.parquet                  what was measured of new cells (see `cinelake.query.quality`)
lake/published/…                             compacted copies (see `cinelake.lake.published`)
lake/_tmp/…                                  unfinished files; nothing reads them
lake/_format.json                            the format of all this (see `cinelake.lake.format`)
lake/_index.sqlite                           a cache of footers (see `cinelake.lake.index`)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cinelake.errors import ContractViolation, FilmError, InputChanged, NewerFormat, UsageError
from cinelake.lake.footer_bytes import replace_value
from cinelake.lake.records import FAILURES, failure_log, failure_row
from cinelake.spec.arrow_values import TableDigest
from cinelake.spec.contract import Contract
from cinelake.spec.installed import LAKE_FORMAT, check_format
from cinelake.spec.names import MOVIE_ID, RESERVED, TABLE_NAME
from cinelake.storage.content import parsed_object
from cinelake.storage.parquet_depth import metadata_in, open_parquet, parquet_tail
from cinelake.storage.store import Storage, StorageLocation, storage_errors

FOOTER_KEY = b"cinelake"
STORED_HASH = "meaning"
"""The name that footers on disk have for `content_hash`."""
DIGESTS = ("content_digest", "input_digests")
INGREDIENTS_OF_PARTS = ("inputs", "model", "params")
"""Ingredients that are mappings, where a cell has them."""
ROWS_PER_GROUP = 65_536
BYTES_PER_GROUP = 8 << 20
COPIED_BYTES = 8 << 20


@dataclass(frozen=True)
class Footer:
    """The provenance in a cell's footer.

    key: the cell's key. content_hash: what descendants' keys are made from. ingredients: what went into the key.
    run: facts of the run (versions, device, costs, time), which never enter a comparison of data.
    content_digest: of the table's rows; input_digests: input name → that of the table the cell was made from. Cells of
    older releases have neither. They are stored among the facts of the run, where these older releases let them be.
    """

    key: str
    content_hash: str
    ingredients: dict[str, Any]
    run: dict[str, Any]
    content_digest: str = ""
    input_digests: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The footer as stored, with sorted keys."""
        digests = {name: value for name in DIGESTS if (value := getattr(self, name))}
        stored = {"key": self.key, STORED_HASH: self.content_hash, "ingredients": self.ingredients}
        return as_stored({**stored, "run": {**self.run, **digests}})

    @classmethod
    def from_json(cls, text: str | bytes) -> Footer:
        """Read a stored footer. Raises `NewerFormat` for one that a newer Cinelake wrote.

        Raises `ValueError`, `TypeError`, `KeyError` for a damaged one: a field's name with a wrong letter is a field
        that is missing, and a newer Cinelake that leaves one out says another format.
        """
        stored = parsed_object(text)
        known = {"key", STORED_HASH, "ingredients", "run"}
        unknown = stored.keys() - known - {"format"} if known <= stored.keys() else ()
        check_format("a cell's footer", stored.pop("format", LAKE_FORMAT), LAKE_FORMAT, unknown)
        run = {**stored.pop("run")}  # refuses what is no mapping
        digests = {name: run.pop(name) for name in DIGESTS if name in run}
        found = cls(content_hash=stored.pop(STORED_HASH), run=run, **stored, **digests)
        if not all(isinstance(each, dict) for each in (found.ingredients, found.input_digests)):
            raise TypeError("its ingredients or digests are no mappings")
        inner = (found.run.get("decode"), *(found.ingredients.get(name) for name in INGREDIENTS_OF_PARTS))
        if not all(isinstance(each or {}, dict) for each in inner):
            raise TypeError("its inputs, model, parameters or facts of the decode are no mappings")
        "".join((found.key, found.content_hash, found.content_digest)).encode()  # refuses what is no text, or no UTF-8
        return found


def as_stored(value: Mapping[str, Any]) -> str:
    """The JSON of a footer, or of a part of it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


class CellReader:
    """A committed table of one film; satisfies `cinelake.spec.task.TableReader`."""

    def __init__(self, lake: Lake, table: str, movie_id: str):
        self._lake, self._table, self._movie_id = lake, table, movie_id

    def __str__(self) -> str:
        return f"{self._table} of {self._movie_id}"

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, in batches of bounded size."""
        with self.open() as file:
            yield from file.iter_batches(batch_size=1024, columns=columns)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """The whole table."""
        with self.open() as file:
            return file.read(columns=columns)

    @contextmanager
    def open(self) -> Iterator[pq.ParquetFile]:
        """The cell's file. Raises `InputChanged` when it is gone (the plan that led here found it) or damaged."""
        with storage_errors(f"reading {self}"):
            try:
                source = self._lake.storage.open_input_file(self._lake.cell_path(self._table, self._movie_id))
            except FileNotFoundError as error:
                raise InputChanged(f"{self} is not in the lake (any more)") from error
            try:
                with source, open_parquet(source, page_checksum_verification=True) as file:
                    yield file
            except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
                if self._lake.storage.local is None or getattr(error, "errno", None):
                    raise  # the disk's or the network's, not the file's
                raise self.damaged(str(error)) from error

    def footer_of(self, file: pq.ParquetFile) -> Footer:
        """The provenance in the opened file. Raises `InputChanged` for a damaged one, `NewerFormat`."""
        try:
            return Footer.from_json((file.metadata.metadata or {})[FOOTER_KEY])
        except NewerFormat:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise self.damaged(f"its footer cannot be read, {type(error).__name__}: {error}") from error

    def damaged(self, why: str) -> InputChanged:
        """The error of a file that was whole when it was committed, in words."""
        path = self._lake.cell_path(self._table, self._movie_id)
        return InputChanged(f"{path} is damaged ({why}): delete it, the next run makes it again")


class CellWriter:
    """Streams record batches of one cell into a scratch file, checking each as it passes."""

    def __init__(self, contract: Contract, movie_id: str, scratch: Path):
        self.contract, self.movie_id, self.path = contract, movie_id, scratch
        self.rows = 0
        self._schema: pa.Schema | None = None
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = self._waiting_bytes = 0
        self._last: tuple[Any, ...] | None = None
        self._digest = TableDigest()

    def write(self, batch: pa.RecordBatch) -> None:
        """Check a batch against the contract and append it. Raises `ContractViolation`."""
        if not batch.num_rows:
            return
        self.contract.check(batch, self.movie_id)
        self._check_order(batch)
        self._schema = self._schema or batch.schema
        if not batch.schema.equals(self._schema):
            check = f"batches differ: {batch.schema.types} after {self._schema.types}"
            raise ContractViolation(self.contract.table, check, "*", batch.num_rows, [])
        self.rows += batch.num_rows
        self._digest.add(batch)
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        self._waiting_bytes += batch.nbytes
        if self._waiting_rows >= ROWS_PER_GROUP or self._waiting_bytes >= BYTES_PER_GROUP:
            self._flush()

    def close(self, footer: Footer) -> None:
        """Write the rest and the footer, with the digest of all rows. The file is not yet part of the lake."""
        if not self._writer and not self._waiting:
            self._waiting.append(self.contract.empty())
            self._digest.add(self._waiting[0])
        footer = replace(footer, content_digest=self._digest.hexdigest())
        self._flush()
        assert self._writer is not None
        with storage_errors(f"finishing {self.contract.table} of {self.movie_id}"):
            self._writer.add_key_value_metadata({FOOTER_KEY.decode(): footer.to_json()})
            self._writer.close()

    def abandon(self) -> None:
        """Close the unfinished file; the scratch folder is removed by its owner."""
        if self._writer and self._writer.is_open:
            with suppress(OSError):  # a full disk: what is not written is not wanted
                self._writer.close()

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting)
        with storage_errors(f"writing {self.contract.table} of {self.movie_id}"):
            if self._writer is None:
                self._writer = pq.ParquetWriter(self.path, table.schema, **_encoding(table.schema))
            self._writer.write_table(table, row_group_size=len(table) or 1)
        self._waiting.clear()
        self._waiting_rows = self._waiting_bytes = 0
        del table
        pa.default_memory_pool().release_unused()

    def _check_order(self, batch: pa.RecordBatch) -> None:
        """Rows come sorted by the key, each key once; without a key there is one row at most."""
        columns = [batch[name].to_pylist() for name in self.contract.key]
        for row in zip(*columns, strict=True) if columns else [()] * batch.num_rows:
            now = tuple((value is not None, value) for value in row)
            if self._last is not None and now <= self._last:
                check = "rows must be sorted by the key, each key once"
                raise ContractViolation(self.contract.table, check, ",".join(self.contract.key), 1, [str(row)])
            self._last = now


def _encoding(schema: pa.Schema) -> dict[str, Any]:
    """How columns are written: zstd, but vectors of floats by LZ4; vectors of any floats without a dictionary.

    These hardly repeat: so they are a little smaller, and are read in six tenths of the time, or half floats, whose
    dictionary is made of strings of two bytes, in an eighth. Each page has a checksum: a disk's wrong byte in numbers
    that compression leaves as they are would be another number, and no error.
    """
    codecs: dict[str, str] = {}
    without_dictionary: set[str] = set()
    for column in schema:
        is_list = pa.types.is_list(column.type)
        if pa.types.is_struct(column.type) or (is_list and pa.types.is_struct(column.type.value_type)):
            codecs |= dict.fromkeys(_leaves(column.name, column.type), "zstd")
            continue
        is_vector = pa.types.is_fixed_size_list(column.type)
        path = f"{column.name}.list.element" if is_vector or is_list else str(column.name)
        of_floats = is_vector and column.type.value_type in (pa.float32(), pa.float64())
        codecs[path] = "lz4" if of_floats else "zstd"
        if is_vector and pa.types.is_floating(column.type.value_type):
            without_dictionary.add(path)
    dictionaries = [path for path in codecs if path not in without_dictionary]
    return {"compression": codecs, "use_dictionary": dictionaries, "write_page_checksum": True}


def _leaves(path: str, kind: pa.DataType) -> list[str]:
    """Parquet's paths of what is in a nested column."""
    if pa.types.is_list(kind):
        return _leaves(f"{path}.list.element", kind.value_type)
    if pa.types.is_struct(kind):
        return [leaf for field in kind for leaf in _leaves(f"{path}.{field.name}", field.type)]
    return [path]


class Lake:
    """A lake at a path or URI. Cheap to make; touches nothing until it is used."""

    def __init__(self, place: str | StorageLocation):
        self.storage = Storage(place)

    def cell_path(self, table: str, movie_id: str) -> str:
        """The path of a cell. Raises `UsageError` for names that could leave the lake's folder."""
        return self.storage.path(*cell_parts(table, movie_id))

    def reader(self, table: str, movie_id: str) -> CellReader:
        """A reader of one committed cell."""
        return CellReader(self, table, movie_id)

    def footer(self, table: str, movie_id: str) -> Footer | None:
        """The provenance of a cell; None when there is no such cell or it is not one of ours."""
        return read_footer(self.storage, *cell_parts(table, movie_id))

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private folder for unfinished cells."""
        with self.storage.scratch() as folder:
            yield folder

    def commit(self, writer: CellWriter, table: str) -> None:
        """Put a closed cell in its place and delete the record of its failure. Raises `StorageError`."""
        self.storage.publish(writer.path, *cell_parts(table, writer.movie_id))
        self.forget_failure(table, writer.movie_id)

    def rekey(self, table: str, movie_id: str, footer: Footer, *, before: Footer) -> None:
        """Give a cell another footer; its data stay as they are, to the byte.

        before: the footer that the cell was found to have. Raises `ValueError` where it has another by now, or none:
        its rows may be other ones; and `StorageError`.
        """
        parts = cell_parts(table, movie_id)
        with self.storage.scratch() as folder:
            copy = folder / f"{table}.parquet"
            with (
                storage_errors(f"reading {table} of {movie_id}"),
                suppress(FileNotFoundError),
                self.storage.open_input_stream(self.storage.path(*parts)) as source,
                copy.open("wb") as target,
            ):
                while block := source.read(COPIED_BYTES):
                    target.write(block)
            if read_footer(Storage(str(folder)), copy.name) != before:
                raise ValueError(f"{table} of {movie_id} was made again, deleted or damaged meanwhile")
            replace_value(copy, FOOTER_KEY, footer.to_json().encode())
            self.storage.publish(copy, *parts)
        self.forget_failure(table, movie_id)

    def delete_cell(self, table: str, movie_id: str) -> None:
        """Remove one cell; nothing happens when it is missing."""
        self.storage.delete(*cell_parts(table, movie_id))

    def tables(self) -> list[str]:
        """Names of the films' tables that have a folder."""
        return [name for name in self.storage.folders() if TABLE_NAME.fullmatch(name) and name not in RESERVED]

    def record_failure(self, table: str, movie_id: str, key: str, error: FilmError) -> dict[str, Any]:
        """Write and return the row of `failures` for a cell. The attempt counts up while the key stays."""
        before = read_footer(self.storage, *_failure_parts(table, movie_id))
        attempt = before.ingredients["attempt"] + 1 if before and before.key == key else 1
        row = failure_row(table, key, error, attempt)
        with self.storage.scratch() as folder:
            writer = CellWriter(FAILURES, movie_id, folder / "failure.parquet")
            writer.write(FAILURES.batch(movie_id, **{name: [value] for name, value in row.items()}))
            facts = {k: v for k, v in row.items() if k not in ("at", "log_tail")}
            writer.close(Footer(key=key, content_hash="", ingredients=facts, run={"at": row["at"].isoformat()}))
            self.storage.publish(writer.path, *_failure_parts(table, movie_id))
        return row

    def failure(self, table: str, movie_id: str) -> dict[str, Any] | None:
        """The recorded failure of a cell: key, reason, transient, message, attempt; None without one."""
        footer = read_footer(self.storage, *_failure_parts(table, movie_id))
        return footer.ingredients if footer else None

    def failure_log(self, table: str, movie_id: str) -> str:
        """The last words of ffmpeg or of the traceback of a recorded failure; empty without one.

        Of a damaged record: that it is damaged.
        """
        return failure_log(self.storage, self.storage.path(*_failure_parts(table, movie_id)))

    def forget_failure(self, table: str, movie_id: str) -> None:
        """Delete the row of `failures` for a cell that was made."""
        self.storage.delete(*_failure_parts(table, movie_id))


def checked_parquet() -> Any:
    """The format of cells and published files for pyarrow's data sets: page checksums are compared while reading."""
    import pyarrow.dataset as ds

    scan = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    return ds.ParquetFileFormat(default_fragment_scan_options=scan)


def cell_parts(table: str, movie_id: str) -> tuple[str, str]:
    """The parts of a cell's path, refused when they could leave the lake's folder."""
    if not TABLE_NAME.fullmatch(table) or table in RESERVED:
        raise UsageError(f"a table's name is lower-case letters, digits and _, received {table!r}")
    return table, _file_name(movie_id)


def _failure_parts(table: str, movie_id: str) -> tuple[str, str, str]:
    if not TABLE_NAME.fullmatch(table):
        raise UsageError(f"a table's name is lower-case letters, digits and _, received {table!r}")
    return "failures", table, _file_name(movie_id)


def _file_name(movie_id: str) -> str:
    if not MOVIE_ID.fullmatch(movie_id):
        raise UsageError(f"a movie_id is at most 96 of a-z, 0-9 and _, received {movie_id!r}")
    return f"{movie_id}.parquet"


def read_footer(storage: Storage, *parts: str) -> Footer | None:
    """The provenance in a file's footer; None when the file is absent, torn, damaged or not one of ours.

    Raises `NewerFormat`, so that a newer Cinelake's cell is never taken for a missing one and made again.
    """
    with storage_errors(f"reading {'/'.join(parts)} in {storage.uri}"):
        try:
            with storage.open_input_file(storage.path(*parts)) as source:
                tail = parquet_tail(source)
        except FileNotFoundError:
            return None
    try:
        return Footer.from_json((metadata_in(tail).metadata or {})[FOOTER_KEY])
    except NewerFormat as error:
        raise NewerFormat(f"{storage.path(*parts)}: {error}") from error
    except (KeyError, TypeError, ValueError, OSError, pa.ArrowException):  # what Arrow raises for bytes it cannot read
        return None


def write_all(writer: CellWriter, batches: Iterable[pa.RecordBatch]) -> None:
    """Append every batch."""
    for batch in batches:
        writer.write(batch)
