"""Where a cell came from: the film's file, the stream, parameters, code, model and what that learned from; and what
its inputs came from, down to the film.

Everything is read from footers and from the lake's champion records: no table is opened unless a row is requested, and
MLflow is not started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import UnknownName, UsageError
from cinelake.lake.champions import read_champion_record
from cinelake.manifest.document import TaskEntry
from cinelake.plan.build import Planning
from cinelake.spec.code_stamp import ROOT, Stamped

SHARED = ("frame", "shot", "scene", "beat", "track")
"""Columns by which rows of one table are those of another."""


@dataclass(frozen=True)
class Lineage:
    """One cell's origin.

    stream: what its task reads of the film, in words; '' where it reads tables. code: the stamp of the task's code as
    it is here. model: name, version, digest, kind, origin (run in MLflow, labels). inputs: of the tables that it reads.
    content_digest: of its rows; '' where an older release made it.
    """

    table: str
    movie_id: str
    state: str
    reason: str
    key: str = ""
    task: str = ""
    version: int = 0
    revision: int = 0
    code: str = ""
    stream: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[Lineage, ...] = ()
    content_digest: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def trace(planning: Planning, table: str, movie_id: str) -> Lineage:
    """The origin of a cell. Raises `UnknownName` with close matches for a table that the manifest does not make."""
    if table not in planning.whole.by_table:
        raise UnknownName("table", table, planning.whole.by_table)
    cells = {cell.table: cell for cell in planning.whole.cells if cell.movie_id == movie_id}
    cell, entry = cells[table], planning.manifest.tasks[table]
    inputs = tuple(trace(planning, name, movie_id) for name in planning.whole.by_table[table].inputs.values())
    footer = planning.lake.footer(table, movie_id)
    if footer is None:
        return Lineage(table, movie_id, cell.state, cell.reason, task=entry.task, inputs=inputs)
    made = footer.ingredients
    stamp = Stamped(ROOT / "tasks", entry.spec.name, entry.spec).stamp()  # None for tasks from elsewhere
    return Lineage(
        table,
        movie_id,
        cell.state,
        cell.reason,
        key=footer.key,
        task=made["task"],
        version=made["version"],
        revision=made["revision"],
        code=stamp.code if stamp else "",
        stream=_stream(entry),
        params=made["params"],
        model=_model(planning, made.get("model")),
        run=footer.run,
        inputs=inputs,
        content_digest=footer.content_digest,
    )


def _stream(entry: TaskEntry) -> str:
    stream = entry.spec.stream(entry.params)
    if stream is None:
        return ""
    wanted = {name: value for name, value in vars(stream).items() if value is not None}
    return f"{type(stream).__name__}({', '.join(f'{name}={value}' for name, value in wanted.items())})"


def _model(planning: Planning, made: Mapping[str, Any] | None) -> dict[str, Any]:
    """What made a table: the version, and what the champion record holds of its training."""
    if not made:
        return {}
    known = read_champion_record(planning.lake, made["name"]).versions.get(made["version"])
    more = {"kind": known.kind, "code": known.code, "inputs": known.inputs, "origin": known.origin} if known else {}
    return {**made, **more}


def remaking(planning: Planning, table: str, movie_id: str) -> list[str]:
    """The commands that make the same cell again: beside the lake, where it has one to compare, and in its place.

    A cell that is known to be bad is not tried again without `--failed`.
    """
    manifest = planning.manifest.path
    beside = [f"cinelake replay {table} {movie_id} -m {manifest}"] if planning.lake.footer(table, movie_id) else []
    failed = " --failed" if planning.lake.failure(table, movie_id) else ""
    return [*beside, f"cinelake run -m {manifest} -s +{table} --movie {movie_id}{failed}"]


def find_row(planning: Planning, table: str, movie_id: str, wanted: str) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    """A row of a table, by its number or by columns as in `shot=3,tag=rain`; and the rows below it of each input.

    The rows below are those of the same frame, shot, scene, beat or track, else those of the same time.
    Raises `UsageError` for a row that does not exist.
    """
    rows = planning.lake.reader(table, movie_id).read()
    row = rows.slice(_place(rows, table, wanted), 1).to_pylist()[0]
    inputs = planning.whole.by_table[table].inputs.values()
    tables = {
        name: planning.lake.reader(name, movie_id).read() for name in inputs if planning.lake.footer(name, movie_id)
    }
    return row, {name: _below(row, lineage) for name, lineage in tables.items()}


def _place(rows: pa.Table, table: str, wanted: str) -> int:
    if wanted.isdigit():
        if int(wanted) >= len(rows):
            raise UsageError(f"{table} has {len(rows)} rows, numbered from 0; received --row {wanted}")
        return int(wanted)
    fits = pa.repeat(True, len(rows))
    for part in wanted.split(","):
        name, _, value = part.partition("=")
        if name not in rows.column_names:
            raise UnknownName(f"column of {table}", name, rows.column_names)
        fits = pc.and_(fits, pc.equal(rows[name].cast(pa.string()), value))
    places = pc.indices_nonzero(fits).to_pylist()
    if not places:
        raise UsageError(f"no row of {table} has {wanted}")
    return int(places[0])


def _below(row: Mapping[str, Any], rows: pa.Table) -> pa.Table:
    by = next((name for name in SHARED if row.get(name) is not None and name in rows.column_names), None)
    if by:
        return rows.filter(pc.equal(rows[by], row[by]))
    span = ("start_s", "end_s") if row.get("start_s") is not None else ("time_s", "time_s")
    if row.get(span[0]) is None:
        return rows
    begin, end = ("start_s", "end_s") if "start_s" in rows.column_names else ("time_s", "time_s")
    if begin not in rows.column_names:
        return rows
    return rows.filter(pc.and_(pc.less_equal(rows[begin], row[span[1]]), pc.greater_equal(rows[end], row[span[0]])))


def chain(lineage: Lineage) -> Sequence[Lineage]:
    """A cell and all that it was made from, each once, inputs first."""
    by_table: dict[str, Lineage] = {}
    for one in (*(below for source in lineage.inputs for below in chain(source)), lineage):
        by_table.setdefault(one.table, one)
    return tuple(by_table.values())
