"""Tables of features from elsewhere, as cells of the lake that models read in place of a task's own table.

Rows are one film's each, by `movie_id`, a file's name or a title. A vector is a list (Parquet), a text such as
`[0.1, 0.2]`, columns `name_0`, `name_1` … in order, or all columns of numbers (`importers.features.streams`). The cells
of all films are made before the first is committed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import BadFeatures, ContractViolation, Problem, UsageError, did_you_mean
from cinelake.labels.checks import FILE, LINE
from cinelake.labels.film_names import FilmNames, with_movie_ids
from cinelake.labels.films import KnownFilms
from cinelake.labels.readers import read_files
from cinelake.labels.values import cast_column
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.lake.records import RECORDS
from cinelake.manifest.document import Manifest
from cinelake.spec.arrow_values import TableDigest
from cinelake.spec.contract import Column, Contract
from cinelake.spec.names import TABLE_NAME
from cinelake.spec.task import find_task
from cinelake.storage.content import digest
from importers.features.streams import as_vectors, with_films


@dataclass(frozen=True)
class ImportedFeatures:
    """What was imported. rows: of each film. notes: what a person should know."""

    table: str
    task: str
    rows: Mapping[str, int]
    notes: Sequence[str]


def import_features(
    manifest: Manifest, paths: Sequence[Path], task: str, table: str, *, movie: str = "", dry_run: bool = False
) -> ImportedFeatures:
    """Check rows against the contract of `task` and commit them, film by film, as `table`.

    movie: the film of rows that name none. Raises `UsageError`, `UnknownName`, and `BadFeatures` with all problems.
    """
    contract = _contract(manifest, task, table)
    own = [column.name for column in contract.columns]
    reading = read_files(paths, known=own)
    known = KnownFilms(manifest)
    names = FilmNames(known.catalogue, known)
    candidates = names.find(movie)[0] if movie else [""]
    if len(candidates) != 1:
        raise UsageError(f"--movie: {names.why_not(movie, candidates)}")
    notes = list[str]()
    rows, problems, told = with_movie_ids(with_films(reading.rows, contract, notes), names, candidates[0], own)
    rows, unread = as_vectors(rows, contract, notes)
    problems, notes = [*reading.problems, *problems, *unread], [*notes, *told]
    if "movie_id" not in rows.column_names and not problems:
        problems.append(Problem(reading.source, 1, "movie_id", "no column names the film: say --movie ID"))
    if problems:
        raise BadFeatures(problems)
    columns, problems = _columns(reading.source, contract, rows)
    batches = {} if problems else _batches(reading.source, contract, rows["movie_id"], columns, problems)
    lake = Lake(manifest.lake.place)
    _check_free(lake, table, task, batches)
    maker = {"task": "imported", "form": "table", "table": task}
    about = {**maker, "source": reading.source, "source_digest": reading.digest}
    with ExitStack() as open_until_here:
        scratch = open_until_here.enter_context(lake.scratch())
        writers = {}
        for movie_id, batch in batches.items():
            writers[movie_id] = writer = CellWriter(contract, movie_id, scratch / f"{movie_id}.parquet")
            open_until_here.callback(writer.abandon)
            try:
                _write(writer, batch, maker, about)
            except ContractViolation as error:
                problems.append(Problem(reading.source, 0, movie_id, str(error)))
        if problems:
            raise BadFeatures(problems)
        for writer in writers.values() if not dry_run else ():
            lake.commit(writer, table)
    notes = [
        *reading.notes,
        *notes,
        f"to learn from them: `models: {{MODEL: {{inputs: {{{task}: {table}}}}}}}` in the manifest",
    ]
    return ImportedFeatures(table, task, {movie_id: batch.num_rows for movie_id, batch in batches.items()}, notes)


def _contract(manifest: Manifest, task: str, table: str) -> Contract:
    """The task's contract under the table's name. Raises `UsageError`, `UnknownName`."""
    if not TABLE_NAME.fullmatch(table):
        raise UsageError(f"--table takes lower-case letters, digits and _, received {table!r}")
    if table in RECORDS:
        raise UsageError(f"--table {table} is what the lake keeps of itself: features go into one of their own")
    if table in manifest.tasks:
        raise UsageError(f"--table {table} is made by the manifest: features from elsewhere go into one of their own")
    return replace(find_task(task).contract, table=table)


def _check_free(lake: Lake, table: str, task: str, films: Iterable[str]) -> None:
    """Raise `UsageError` where the table holds what was not imported, or stands for another task."""
    held = {name.removesuffix(".parquet") for name in lake.storage.files(table)}
    for movie_id in [*sorted(held)[:1], *held.intersection(films)]:
        footer = lake.footer(table, movie_id)
        made = footer.ingredients if footer else {"task": "imported", "table": task}
        if (made.get("task"), made.get("table")) != ("imported", task):
            whose = made.get("table" if made.get("task") == "imported" else "task", "a task")
            raise UsageError(f"--table {table} is in the lake and holds rows of {whose}: name another")


def _columns(source: str, contract: Contract, rows: pa.Table) -> tuple[dict[str, Any], list[Problem]]:
    """The contract's columns of all films, null where a column may be left out; and what cannot be read."""
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    used = {"movie_id", LINE, FILE}
    for column in contract.columns:
        parts = _numbered(column.name, rows.column_names)
        given = column.name in rows.column_names
        used |= {column.name, *parts}
        is_vector = column.any_size or pa.types.is_fixed_size_list(column.type)
        if not given and not (is_vector and parts):
            if column.nullable:
                nothing = _missing([None] * rows.num_rows) if column.any_size else pa.nulls(rows.num_rows, column.type)
                found[column.name] = nothing
            else:
                close = did_you_mean(column.name, [name for name in rows.column_names if name not in used])
                hint = close if "did you mean" in close else ""
                problems.append(Problem(source, 1, column.name, f"the column is missing{hint or '.'} {column.doc}"))
            continue
        values = rows[column.name].combine_chunks() if given else _joined(rows, parts)
        array, wrong = _vectors(values) if is_vector else cast_column(column.name, values, _plain(column))
        lines = rows[LINE].to_pylist()
        problems += [Problem(source, lines[row], column.name, why) for row, why in wrong]
        found[column.name] = _missing(array) if is_vector and column.nullable else array
    for name in rows.column_names:
        if name not in used:
            hint = did_you_mean(name, [column.name for column in contract.columns])
            problems.append(Problem(source, 1, name, f"{contract.table} has no such column{hint}"))
    return found, problems


def _plain(column: Column) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(column.type) else column.type


def _numbered(name: str, columns: Sequence[str]) -> list[str]:
    """The columns `name_0`, `name_1` … in order."""
    pattern = re.compile(rf"{re.escape(name)}_(\d+)")
    numbers = {int(found[1]): column for column in columns if (found := pattern.fullmatch(column))}
    return [numbers[number] for number in sorted(numbers)] if sorted(numbers) == list(range(len(numbers))) else []


def _joined(rows: pa.Table, parts: Sequence[str]) -> pa.Array:
    columns = [rows[part].to_pylist() for part in parts]
    return pa.array([json.dumps([_number(value) for value in row]) for row in zip(*columns, strict=True)])


def _number(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _vectors(values: pa.Array) -> tuple[list[Any], list[tuple[int, str]]]:
    """Lists of numbers, of texts as JSON writes them; and which rows are none, or of another length than the first."""
    read: list[Any] = []
    wrong: list[tuple[int, str]] = []
    size: int | None = None
    for row, value in enumerate(values.to_pylist()):
        try:
            vector = json.loads(value) if isinstance(value, str) else value
            numbers = None if vector is None else [float(number) for number in vector]
        except (TypeError, ValueError, OverflowError, RecursionError):
            wrong.append((row, f"expected numbers as [0.1, 0.2], received {str(value)[:60]!r}"))
            numbers = None
        if numbers is not None:
            size = size or len(numbers)
            if not numbers:
                wrong.append((row, "expected numbers, received a vector without any"))
            elif len(numbers) != size:
                wrong.append((row, f"expected {size} numbers as in the first row, received {len(numbers)}"))
        read.append(numbers)
    return read, wrong


def _missing(vectors: list[Any]) -> list[Any]:
    """Vectors, those that are missing as nulls (see `Column`)."""
    size = next((len(vector) for vector in vectors if vector is not None), 1)
    return [[None] * size if vector is None else vector for vector in vectors]


def _batches(
    source: str, contract: Contract, films: pa.ChunkedArray, columns: Mapping[str, Any], problems: list[Problem]
) -> dict[str, pa.RecordBatch]:
    """The rows of each film, checked; what breaks the contract is a problem."""
    ids = films.combine_chunks()
    batches = {}
    for movie_id in sorted(pc.unique(ids).drop_null().to_pylist()):
        at = pc.indices_nonzero(pc.equal(ids, movie_id))
        chosen = {name: _taken(values, at) for name, values in columns.items()}
        try:
            batch = contract.batch(movie_id, **chosen)
            batch = batch.take(_in_order(contract, batch))
            contract.check(batch, movie_id)
            batches[movie_id] = batch
        except ContractViolation as error:
            problems.append(Problem(source, 0, movie_id, str(error)))
    if not batches and not problems:
        problems.append(Problem(source, 0, "", "there is not one row"))
    return batches


def _in_order(contract: Contract, batch: pa.RecordBatch) -> pa.Array:
    """The rows by the key, as every table has them."""
    keys = list(zip(*(batch[name].to_pylist() for name in contract.key), strict=True))
    order = sorted(range(len(keys)), key=lambda row: [(value is not None, value) for value in keys[row]])
    return pa.array(order if contract.key else range(batch.num_rows), pa.int64())


def _taken(values: Any, at: pa.Array) -> Any:
    return values.take(at) if isinstance(values, pa.Array) else [values[row] for row in at.to_pylist()]


def _write(writer: CellWriter, batch: pa.RecordBatch, maker: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Finish a film's cell. Its key is by its rows: how a file is read, and whose its rows are, may change."""
    rows = TableDigest()
    rows.add(batch)
    key = digest([maker, rows.hexdigest()])
    writer.write(batch)
    writer.close(Footer(key, key, dict(about), {"rows": writer.rows}))
