"""Features of imported images: the lake's own tasks, run over images as if they were a film of one shot each.

A task whose table needs a decoded film can declare how it is made of labelled stills instead
(`cinelake.spec.roles.FromStills`): of the pictures of `cinelake.labels.images`, or of the patches of
`cinelake.labels.patches`. The table tasks that a model needs then run on these tables in memory. What they return is
cached by what went into it, so a second training does not embed again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cinelake.errors import CannotTrain, FilmError, StorageError
from cinelake.labels.patches import PATCH, holds_patches
from cinelake.lake.cells import CellWriter, Footer
from cinelake.manifest.entries import TaskEntry
from cinelake.plan.keys import Recipe, key_params
from cinelake.spec.contract import Column
from cinelake.spec.roles import FromStills, Stills
from cinelake.spec.task import Film, TableReader, find_task, tasks_with
from cinelake.storage.content import file_digest
from cinelake.storage.files import written_whole
from cinelake.storage.processes import cache_folder
from cinelake.storage.store import storage_errors


class MemoryTable:
    """A table in memory; satisfies `cinelake.spec.task.TableReader`."""

    def __init__(self, table: pa.Table):
        self.table = table

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, in batches of bounded size."""
        table = self.table.select(columns) if columns is not None else self.table
        yield from table.to_batches(max_chunksize=1024)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """The whole table."""
        return self.table.select(columns) if columns is not None else self.table


class FileTable:
    """A table in a Parquet file of one's own; satisfies `cinelake.spec.task.TableReader`."""

    def __init__(self, path: Path):
        self.path = path

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, in batches of bounded size."""
        with pq.ParquetFile(self.path) as file:
            yield from file.iter_batches(batch_size=1024, columns=columns)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """The whole table."""
        return pq.read_table(self.path, columns=columns, partitioning=None)


def stills_in(path: Path) -> Stills:
    """Which kind of stills a file holds."""
    return "patches" if holds_patches(path) else "pictures"


def image_table(path: Path, task: str) -> pa.Table:
    """The table of a task that declares how it is made of an image film (`cinelake.spec.roles.FromStills`), checked.

    Still n is shot n, from second n to n + 1.

    Columns that the declaration leaves out are null or zero. Raises `StorageError` when the file is damaged.
    """
    spec = find_task(task)
    role = spec.role(FromStills)
    assert role is not None
    with storage_errors(f"reading {path}"):
        try:
            stills = pq.read_table(path, columns=list(role.reads), partitioning=None)
        except pa.ArrowException as error:
            raise StorageError(f"{path} is damaged ({error}): bring it back from a copy, or import again") from error
    columns = role.columns(path.stem, stills)
    filled = {c.name: columns[c.name] if c.name in columns else _nothing(c, len(stills)) for c in spec.contract.columns}
    batch = spec.contract.batch(path.stem, **filled)
    spec.contract.check(batch, path.stem)
    return pa.Table.from_batches([batch])


def _nothing(column: Column, count: int) -> pa.Array:
    if column.nullable:
        return pa.nulls(count, column.type)
    return pa.array(np.zeros(count)).cast(column.type)


def patch_bytes() -> int:
    """How many bytes a patch has, as the contract of the table that is made of patches says."""
    task = next(task for task, role in tasks_with(FromStills).items() if role.stills == "patches")
    return int(next(c.type.list_size for c in find_task(task).contract.columns if c.name == PATCH))


# --- features


def image_features(
    path: Path, wanted: Mapping[str, str], entries: Mapping[str, TaskEntry], cache: Path
) -> dict[str, TableReader]:
    """The tables that a model reads, made of an image film.

    wanted: table that the model reads → entry of the manifest that provides it (`ModelEntry.inputs`). entries: the
    manifest's, `Manifest.tasks`. cache: a folder for what was made; deleting it loses nothing but time.
    Raises `CannotTrain` when a table is made from moving pictures or sound, which images have none of, or by another
    learned model, or cannot be made of these images.
    """
    maker = _Maker(path, entries, cache)
    return {table: maker.reader(entry) for table, entry in wanted.items()}


def image_features_cache() -> Path:
    """Where trainings on this machine keep what they made of image films."""
    return cache_folder() / "images"


def forget_image_features(films: Collection[str]) -> None:
    """Delete what trainings on this machine keep of image films, as they are and as they were.

    Raises `StorageError`.
    """
    for path in image_features_cache().glob("*/*.parquet"):
        with storage_errors(f"deleting {path}"):
            try:
                with pq.ParquetFile(path) as file:
                    whose = set(file.read(["movie_id"])["movie_id"].to_pylist())
            except pa.ArrowException:
                whose = set(films)  # damaged: it may be of any film, and is made again
            if not whose.isdisjoint(films):
                path.unlink(missing_ok=True)


class _Maker:
    """Makes the tables of one image film, each once, those it needs first."""

    def __init__(self, path: Path, entries: Mapping[str, TaskEntry], cache: Path):
        self.path, self.entries, self.cache = path, entries, cache
        self.fingerprint = file_digest(path)
        self.film = Film(movie_id=path.stem)
        self._stills = stills_in(path)
        self._table_of_stills = functools.cache(functools.partial(image_table, path))
        self._meanings: dict[str, str] = {}

    def reader(self, name: str) -> TableReader:
        """The table that an entry makes."""
        entry = self._entry(name)
        if self._is_of_stills(entry):
            return _Late(lambda: self._table_of_stills(entry.task))
        made = self.cache / name / f"{self.content_hash(name)}.parquet"
        if not made.exists():
            self._make(entry, made)
        return FileTable(made)

    def content_hash(self, name: str) -> str:
        """The digest of what a table is made from: images, task, version, parameters, inputs."""
        if name not in self._meanings:
            self._meanings[name] = self._meaning_of(self._entry(name))
        return self._meanings[name]

    def _meaning_of(self, entry: TaskEntry) -> str:
        if self._is_of_stills(entry):
            return f"{entry.task} {entry.spec.version}"
        spec = entry.spec
        try:
            params = key_params(entry.params, spec.preflight(entry.params))
        except FilmError as error:
            raise CannotTrain(f"table {entry.name!r}: {error}") from error
        inputs = {table: self.content_hash(entry.inputs[table]) for table in spec.inputs(entry.params)}
        return Recipe(spec.name, spec.version, spec.revision, params).content_hash(self.fingerprint, inputs)

    def _entry(self, name: str) -> TaskEntry:
        """An entry that can be made of images."""
        if name not in self.entries:
            raise CannotTrain(f"labels of images need the table {name!r}, which no entry of `tasks` makes: add it")
        entry = self.entries[name]
        advice = f"leave {name!r} out of the model's inputs, or train on labels of films"
        if self._is_of_stills(entry):
            return entry
        if entry.spec.stream(entry.params) is not None:
            raise CannotTrain(
                f"table {name!r} is made from a film's moving pictures or sound, and images have none: {advice}"
            )
        if entry.spec.applies:
            raise CannotTrain(f"table {name!r} is made by the model {entry.model!r}, not made of images: {advice}")
        return entry

    def _is_of_stills(self, entry: TaskEntry) -> bool:
        """Whether the task declares how its table is made of stills of this kind."""
        role = entry.spec.role(FromStills)
        return role is not None and role.stills == self._stills

    def _make(self, entry: TaskEntry, target: Path) -> None:
        tables = {table: self.reader(entry.inputs[table]) for table in entry.spec.inputs(entry.params)}
        with _appearing(target) as part:
            writer = CellWriter(entry.spec.contract, self.film.movie_id, part)
            try:
                for batch in entry.spec.make(entry.params, self.film).run(tables):
                    writer.write(batch)
            except FilmError as error:
                raise CannotTrain(f"{entry.name!r} of the images {self.path.name}: {error}") from error
            writer.close(Footer(self.content_hash(entry.name), "", {"task": entry.task}, {}))


class _Late:
    """A table in memory that is made when it is first read: nothing is decoded where all is cached."""

    def __init__(self, make: Callable[[], pa.Table]):
        self._make = make

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, in batches of bounded size."""
        return MemoryTable(self._make()).batches(columns)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """The whole table."""
        return MemoryTable(self._make()).read(columns)


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A file to write that takes its place when it is complete."""
    with storage_errors(f"writing {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(target) as unfinished:
        unfinished.touch(0o600)  # people's pictures: for their owner alone
        yield unfinished
