"""Making a published version: which files it needs, which of them exist, and how one is written.

A file is identified by a digest that is known before it is written: of the keys of its films' cells, its schema, and
for a summary its SQL and the digests of the files that it reads. An existing file is not written again, so the work of
a version is that of the buckets whose cells changed. Films are distributed by the hash of their id; within a file rows
are sorted by film and then by the table's key, so that a query about one film reads one row group of one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cinelake.errors import InputChanged
from cinelake.lake.cells import CellReader, Lake, checked_parquet
from cinelake.lake.published import (
    COMPRESSION,
    PublishedFile,
    PublishedTable,
    PublishedVersion,
    damaged_file,
    file_parts,
    published_schema,
)
from cinelake.spec.arrow_values import TableDigest
from cinelake.spec.contract import Contract
from cinelake.storage.content import digest, file_digest
from cinelake.storage.store import StorageLocation, storage_errors

FORMAT = 1
"""Raised when the same cells are to be published in another way."""
FILMS_PER_BUCKET = 100
ROWS_PER_GROUP = 1 << 17
BLOBS_AT_ONCE = 256
BYTES_PER_GROUP = 16 << 20


@dataclass(frozen=True)
class Summary:
    """A table over the whole catalogue, or with a row or more for each film (`by_film`), made of others by SQL.

    needs: names of tasks; each is a view over all tables that the task makes, with the column `entry` for the table's
    name. A summary is left out where nothing is published of what it needs, `or_nothing` aside.
    """

    contract: Contract
    sql: str
    needs: tuple[str, ...]
    by_film: bool = False
    or_nothing: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableToPublish:
    """A table to publish: its contract, the task that makes it, and movie_id → key of its cells."""

    contract: Contract
    task: str
    keys: Mapping[str, str]


@dataclass(frozen=True)
class PublishJob:
    """A file to make, as a worker receives it: rows of cells (`films` with their keys), or the answer of `sql`.

    inputs: view → the files below it, each with the name of its table.
    """

    place: str | StorageLocation
    table: str
    bucket: int
    digest: str
    schema: pa.Schema
    key: tuple[str, ...]
    films: tuple[tuple[str, str], ...] = ()
    sql: str = ""
    inputs: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[str, ...]:
        """Where its file goes."""
        return file_parts(self.table, self.bucket, self.digest)


@dataclass
class Publication:
    """What a version is to be made of: the files that exist already, and the jobs for those that do not."""

    buckets: int
    films: int
    contracts: dict[str, Contract] = field(default_factory=dict)
    there: dict[str, list[PublishedFile]] = field(default_factory=dict)
    jobs: list[PublishJob] = field(default_factory=list)
    summaries: list[PublishJob] = field(default_factory=list)
    totals: list[PublishJob] = field(default_factory=list)

    @property
    def work(self) -> list[PublishJob]:
        """All jobs, those that others need first."""
        return [*self.jobs, *self.summaries, *self.totals]

    def version(
        self, made: Iterable[tuple[PublishJob, PublishedFile]], number: int, at: str, stale: int
    ) -> PublishedVersion:
        """The version, once its jobs are done."""
        files = {name: list(files_of_table) for name, files_of_table in self.there.items()}
        for job, file in made:
            files.setdefault(job.table, []).append(file)
        tables = {
            name: PublishedTable(contract.doc, tuple(contract.key), tuple(sorted(files[name], key=_bucket)))
            for name, contract in self.contracts.items()
            if files.get(name)
        }
        return PublishedVersion(number, at, self.films, self.buckets, tables, stale)


def _bucket(file: PublishedFile) -> int:
    return file.bucket


def bucket_of(movie_id: str, buckets: int) -> int:
    """Which bucket a film is in: always the same, on every machine."""
    return int.from_bytes(blake2b(movie_id.encode(), digest_size=8).digest(), "big") % buckets


def bucket_count(films: int, before: int | None) -> int:
    """A power of two with about a hundred films each; as it was, while that is within a factor of three."""
    wanted = 1 << max(0, round(films / FILMS_PER_BUCKET) - 1).bit_length()
    return before if before and before / 3 < wanted < before * 3 else wanted


def prepare(
    lake: Lake,
    sources: Mapping[str, TableToPublish],
    summaries: Sequence[Summary],
    *,
    films: int,
    buckets: int,
    blobs: bool,
    known: Iterable[PublishedVersion],
) -> Publication:
    """Which files the next version has, and which of them are to be made. known: versions whose files exist."""
    publication = Publication(buckets, films)
    present = {(name, file.digest): file for version in known for name, table in version.tables.items()
             for file in table.files}  # fmt: skip
    digests: dict[str, dict[int, str]] = {}
    for name, source in sources.items():
        for job in _jobs_of(lake, name, source, buckets, blobs):
            digests.setdefault(name, {})[job.bucket] = job.digest
            _place(publication, job, source.contract, present, publication.jobs)
    tasks = {name: source.task for name, source in sources.items()}
    for summary in summaries:
        kind = publication.summaries if summary.by_film else publication.totals
        for job in _summaries_of(lake, summary, tasks, digests):
            digests.setdefault(job.table, {})[job.bucket] = job.digest
            tasks[job.table] = job.table
            _place(publication, job, summary.contract, present, kind)
    return publication


def _place(
    publication: Publication,
    job: PublishJob,
    contract: Contract,
    present: Mapping[Any, PublishedFile],
    jobs: list[PublishJob],
) -> None:
    publication.contracts[job.table] = contract
    file = present.get((job.table, job.digest))
    if file:
        publication.there.setdefault(job.table, []).append(file)
    else:
        jobs.append(job)


def _jobs_of(lake: Lake, name: str, source: TableToPublish, buckets: int, blobs: bool) -> list[PublishJob]:
    schema = published_schema(source.contract, blobs=blobs)
    films: dict[int, list[tuple[str, str]]] = {}
    for movie_id, key in sorted(source.keys.items()):
        films.setdefault(bucket_of(movie_id, buckets), []).append((movie_id, key))
    about = [FORMAT, buckets, [str(column) for column in schema]]
    return [
        PublishJob(
            lake.storage.place, name, bucket, digest([*about, cells]), schema, tuple(source.contract.key), tuple(cells)
        )
        for bucket, cells in sorted(films.items())
    ]


def _summaries_of(
    lake: Lake, summary: Summary, tasks: Mapping[str, str], digests: Mapping[str, Mapping[int, str]]
) -> list[PublishJob]:
    """One job for each bucket that has all that is needed, or one for the whole catalogue."""
    made_by = {need: [name for name, task in tasks.items() if task == need] for need in summary.needs}
    all_buckets = sorted({bucket for names in made_by.values() for name in names for bucket in digests.get(name, {})})
    groups = [[bucket] for bucket in all_buckets] if summary.by_film else [all_buckets]
    jobs = []
    for group in groups:
        inputs = {need: tuple(_files_of(names, group, digests)) for need, names in made_by.items()}
        if all(inputs[need] for need in summary.needs if need not in summary.or_nothing):
            schema = published_schema(summary.contract, blobs=True)
            about = digest([FORMAT, summary.sql, [str(column) for column in schema], inputs])
            job = PublishJob(
                lake.storage.place, summary.contract.table, group[0] if summary.by_film else 0, about, schema, ()
            )
            jobs.append(replace(job, key=tuple(summary.contract.key), sql=summary.sql, inputs=inputs))
    return jobs


def _files_of(
    names: Iterable[str], buckets: Iterable[int], digests: Mapping[str, Mapping[int, str]]
) -> list[tuple[str, tuple[str, ...]]]:
    files = ((name, bucket, digests.get(name, {}).get(bucket)) for name in names for bucket in buckets)
    return [(name, file_parts(name, bucket, about)) for name, bucket, about in files if about]


def make_file(job: PublishJob) -> PublishedFile:
    """Make one file and put it in place; returns its entry in the version.

    Raises `InputChanged` when a cell is no longer the one that was planned with, `StorageError`.
    """
    lake = Lake(job.place)
    with lake.scratch() as scratch:
        path = scratch / "published.parquet"
        with storage_errors(f"publishing {job.table}"), _writer(path, job) as writer:
            rows = _write_answer(lake, job, writer) if job.sql else _write_cells(lake, job, writer)
        size, content = path.stat().st_size, file_digest(path)
        lake.storage.publish(path, *job.parts)
    pa.default_memory_pool().release_unused()
    return PublishedFile(job.bucket, job.digest, rows, size, content)


def _writer(path: Any, job: PublishJob) -> pq.ParquetWriter:
    """Pages have an index, and the order is recorded: readers skip what a question cannot need."""
    names = [name for name in ("movie_id", *job.key) if name in job.schema.names]
    order = [pq.SortingColumn(job.schema.get_field_index(name)) for name in names]
    texts = [column.name for column in job.schema if pa.types.is_string(column.type)]
    how = {"compression": COMPRESSION, "use_dictionary": texts, "write_page_index": True, "sorting_columns": order}
    return pq.ParquetWriter(path, job.schema, write_page_checksum=True, **how)


def _write_cells(lake: Lake, job: PublishJob, writer: pq.ParquetWriter) -> int:
    waiting: list[pa.RecordBatch] = []
    rows = held = size = 0
    for movie_id, key in job.films:
        for batch in _published_batches(lake.reader(job.table, movie_id), key, job):
            waiting.append(batch)
            held, size, rows = held + batch.num_rows, size + batch.nbytes, rows + batch.num_rows
            if held >= ROWS_PER_GROUP or size >= BYTES_PER_GROUP:
                writer.write_table(pa.Table.from_batches(waiting, job.schema), row_group_size=held)
                waiting, held, size = [], 0, 0
    if held:
        writer.write_table(pa.Table.from_batches(waiting, job.schema), row_group_size=held)
    return rows


def _published_batches(reader: CellReader, key: str, job: PublishJob) -> Iterator[pa.RecordBatch]:
    """A cell's rows as they are published. Raises `InputChanged` where it is another cell, or not as it was committed.

    A column that has no name of the contract's is one that an older release wrote, or one whose name is damaged: which
    it is, the digest of all columns says. Only blobs are left out without being read.
    """
    with reader.open() as file:
        footer, stored = reader.footer_of(file), file.schema_arrow
        if footer.key != key:
            raise InputChanged(f"{reader} changed while it was published: publish again")
        unknown = [column for column in stored if column.name not in job.schema.names]
        whole = not unknown or not all(pa.types.is_binary(column.type) for column in unknown)
        columns = [name for name in stored.names if whole or name in job.schema.names]
        found = TableDigest()
        found.add(pa.RecordBatch.from_pylist([], schema=stored))
        has_blobs = any(pa.types.is_binary(stored.field(name).type) for name in columns)
        rows_at_once = BLOBS_AT_ONCE if has_blobs else ROWS_PER_GROUP  # batches span a cell's own groups of rows
        for batch in file.iter_batches(rows_at_once, columns=columns):
            if whole and footer.content_digest:
                found.add(batch)
            yield _fitted(batch, job.schema)
        if whole and footer.content_digest not in ("", found.hexdigest()):
            raise reader.damaged("its rows are not those that were committed")


def _fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with the published columns and types; a column that an older cell lacks is null."""
    names = batch.schema.names
    columns = [
        batch[column.name].cast(column.type) if column.name in names else pa.nulls(batch.num_rows, column.type)
        for column in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _write_answer(lake: Lake, job: PublishJob, writer: pq.ParquetWriter) -> int:
    """The rows of a summary, in the order of its key."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        for view, files in job.inputs.items():
            connection.register(view, _united(lake, files))
        answer = connection.sql(job.sql).to_arrow_table()
    order = [(name, "ascending") for name in ("movie_id", *job.key) if name in answer.column_names]
    table = pa.table([answer[column.name].cast(column.type) for column in job.schema], schema=job.schema)
    writer.write_table(table.sort_by(order) if order else table)
    return int(table.num_rows)


def _united(lake: Lake, files: Sequence[tuple[str, tuple[str, ...]]]) -> pa.Table:
    """The rows of published files, without their vectors, with the column `entry` for the table that each is of."""
    import pyarrow.dataset as ds

    paths: dict[str, list[str]] = {}
    for name, parts in files:
        paths.setdefault(name, []).append(lake.storage.path(*parts))
    tables = []
    for name, own in paths.items():
        try:
            dataset = ds.dataset(own, filesystem=lake.storage.filesystem, format=checked_parquet())
            table = dataset.to_table([column.name for column in dataset.schema if not pa.types.is_nested(column.type)])
        except (OSError, pa.ArrowException) as error:
            if lake.storage.local is None or getattr(error, "errno", None):
                raise  # the disk's or the network's, not the file's
            raise damaged_file(lake, name, error) from error
        if "entry" not in table.column_names:
            table = table.append_column("entry", pa.repeat(name, table.num_rows))
        tables.append(table)
    return pa.concat_tables(tables)
