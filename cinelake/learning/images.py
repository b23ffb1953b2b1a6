"""Features of imported images: the lake's own tasks, run over images as if they were a film of one shot each.

So that pictures in folders can be learned from, tables `frames` and `shots` are made of an image film (see
`cinelake.labels.images`), and the table tasks that a model needs (`embeddings`, `faces`) run on them in memory. What
they give is cached by what went into it, so a second training does not embed again. Of a film of patches (see
`cinelake.labels.patches`) table `faces` is made, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cinelake.errors import CannotTrain, FilmError, StorageError
from cinelake.labels.patches import PATCH, holds_patches
from cinelake.lake.cells import CellWriter, Footer
from cinelake.manifest.tasks import TaskEntry
from cinelake.media.luma import measure
from cinelake.plan.keys import Recipe, key_params
from cinelake.spec.contract import Column, Contract
from cinelake.spec.task import Film, TableReader, find_task
from cinelake.storage.atomic import written_whole
from cinelake.storage.content import file_digest
from cinelake.storage.store import storage_errors

ROWS_TOGETHER = 64


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


def image_tables(path: Path) -> dict[str, pa.Table]:
    """Tables `frames` and `shots` of an image film: each image is frame n, shot n, from second n to n + 1.

    Raises `StorageError` when the file is damaged.
    """
    with storage_errors(f"reading {path}"):
        try:
            images = pq.read_table(path, partitioning=None)
        except pa.ArrowException as error:
            raise StorageError(f"{path} is damaged ({error}): bring it back from a copy, or import again") from error
    return {"frames": _frames(path.stem, images), "shots": _shots(path.stem, len(images))}


def patch_bytes() -> int:
    """How many bytes a patch of table `faces` has."""
    return int(next(c.type.list_size for c in find_task("faces").contract.columns if c.name == PATCH))


def patch_table(path: Path) -> pa.Table:
    """Table `faces` of a patch film (`cinelake.labels.patches`): patch n is the only face of picture n, at second n.

    Raises `StorageError` when the file is damaged.
    """
    with storage_errors(f"reading {path}"):
        try:
            kept = pq.read_table(path, columns=[PATCH], partitioning=None)[PATCH].combine_chunks()
        except pa.ArrowException as error:
            raise StorageError(f"{path} is damaged ({error}): bring it back from a copy, or import again") from error
    contract, numbers = find_task("faces").contract, np.arange(len(kept))
    flat = np.frombuffer(b"".join(kept.to_pylist()), np.uint8)
    columns = {
        "frame": numbers,
        "time_s": numbers.astype(np.float64),
        "face": np.zeros(len(kept), np.int32),
        **{name: np.ones(len(kept), np.float32) for name in ("width", "height", "score")},
        "is_main": np.ones(len(kept), bool),
        PATCH: flat.reshape(len(kept), -1),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.nulls(len(kept), pa.float32()), 1),
        "shot": numbers.astype(np.int32),
    }
    return _table(contract, path.stem, columns)


def _frames(movie_id: str, images: pa.Table) -> pa.Table:
    numbers = np.arange(len(images))
    measures = [_measure(movie_id, jpeg.as_py()) for jpeg in images["jpeg"]]
    columns = {
        "frame": numbers,
        "time_s": numbers.astype(np.float64),
        "shot": numbers.astype(np.int32),
        "is_middle": np.ones(len(images), bool),
        **{name: images[name] for name in ("width", "height", "jpeg")},
        **{name: [measure[name] for measure in measures] for name in ("entropy", "brightness", "sharpness")},
    }
    return _table(find_task("frames").contract, movie_id, columns)


def _measure(movie_id: str, jpeg: bytes) -> dict[str, float]:
    """Entropy (bits), brightness (0…1) and sharpness of a picture's luma, as the table `frames` defines them."""
    import cv2

    luma = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    if luma is None:
        raise StorageError(f"the images of {movie_id} are damaged: one is no JPEG. Bring the file back from a copy")
    return measure(luma)


def _shots(movie_id: str, count: int) -> pa.Table:
    contract = find_task("shots").contract
    numbers = np.arange(count)
    columns: dict[str, Any] = {
        "shot": numbers.astype(np.int32),
        "start_frame": numbers,
        "end_frame": numbers + 1,
        "start_s": numbers.astype(np.float64),
        "end_s": numbers + 1.0,
        "transition": ["start" if number == 0 else "cut" for number in numbers],
        "score": np.ones(count, np.float32),
        "motion": _standing_still(contract, count),
    }
    return _table(contract, movie_id, columns)


def _standing_still(contract: Contract, count: int) -> npt.NDArray[np.float32]:
    """Motion of a still: all of the picture stands, which is the last number but one; its speed is 0."""
    size = next(column.type.list_size for column in contract.columns if column.name == "motion")
    motion = np.zeros((count, size), np.float32)
    motion[:, -2] = 1.0
    return motion


def _table(contract: Contract, movie_id: str, columns: Mapping[str, Any]) -> pa.Table:
    """A checked table of the contract; columns that it has beyond these are null or zero."""
    count = len(columns["shot"])
    given = {c.name: columns[c.name] if c.name in columns else _nothing(c, count) for c in contract.columns}
    batch = contract.batch(movie_id, **given)
    contract.check(batch, movie_id)
    return pa.Table.from_batches([batch])


def _nothing(column: Column, count: int) -> pa.Array:
    if column.nullable:
        return pa.nulls(count, column.type)
    return pa.array(np.zeros(count)).cast(column.type)


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


class _Maker:
    """Makes the tables of one image film, each once, those it needs first."""

    def __init__(self, path: Path, entries: Mapping[str, TaskEntry], cache: Path):
        self.path, self.entries, self.cache = path, entries, cache
        self.fingerprint = file_digest(path)
        self.film = Film(movie_id=path.stem)
        self._given = ("faces",) if holds_patches(path) else ("frames", "shots")
        self._own: dict[str, pa.Table] = {}
        self._meanings: dict[str, str] = {}

    def reader(self, name: str) -> TableReader:
        """The table that an entry makes."""
        entry = self._entry(name)
        if entry.task in self._given:
            return _Late(lambda: self._image_table(entry.task))
        made = self.cache / name / f"{self.meaning(name)}.parquet"
        if not made.exists():
            self._make(entry, made)
        return FileTable(made)

    def meaning(self, name: str) -> str:
        """The digest of what a table is made from: images, task, version, parameters, inputs."""
        if name not in self._meanings:
            self._meanings[name] = self._meaning_of(self._entry(name))
        return self._meanings[name]

    def _meaning_of(self, entry: TaskEntry) -> str:
        if entry.task in self._given:
            return f"{entry.task} {find_task(entry.task).version}"
        spec = entry.spec
        try:
            params = key_params(entry.params, spec.preflight(entry.params))
        except FilmError as error:
            raise CannotTrain(f"table {entry.name!r}: {error}") from error
        inputs = {table: self.meaning(entry.inputs[table]) for table in spec.inputs(entry.params)}
        return Recipe(spec.name, spec.version, spec.revision, params).meaning(self.fingerprint, inputs)

    def _entry(self, name: str) -> TaskEntry:
        """An entry that can be made of images."""
        if name not in self.entries:
            raise CannotTrain(f"labels of images need the table {name!r}, which no entry of `tasks` makes: add it")
        entry = self.entries[name]
        advice = f"leave {name!r} out of the model's inputs, or train on labels of films"
        if entry.task in self._given:
            return entry
        if entry.spec.stream(entry.params) is not None:
            raise CannotTrain(
                f"table {name!r} is made from a film's moving pictures or sound, and images have none: {advice}"
            )
        if entry.spec.applies:
            raise CannotTrain(f"table {name!r} is made by the model {entry.model!r}, not made of images: {advice}")
        return entry

    def _image_table(self, table: str) -> pa.Table:
        if not self._own:
            is_patches = self._given == ("faces",)
            self._own = {"faces": patch_table(self.path)} if is_patches else image_tables(self.path)
        return self._own[table]

    def _make(self, entry: TaskEntry, target: Path) -> None:
        tables = {table: self.reader(entry.inputs[table]) for table in entry.spec.inputs(entry.params)}
        with _appearing(target) as part:
            writer = CellWriter(entry.spec.contract, self.film.movie_id, part)
            try:
                for batch in entry.spec.make(entry.params, self.film).run(tables):
                    writer.write(batch)
            except FilmError as error:
                raise CannotTrain(f"{entry.name!r} of the images {self.path.name}: {error}") from error
            writer.close(Footer(self.meaning(entry.name), "", {"task": entry.task}, {}))


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
    """A file to write that takes its place when all of it is there."""
    with storage_errors(f"writing {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(target) as unfinished:
        unfinished.touch(0o600)  # people's pictures: for their owner alone
        yield unfinished
