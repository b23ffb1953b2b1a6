"""A cell made again in a scratch lake from the same inputs, and compared with the one that is in the lake."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from cinelake.errors import InputChanged, UnknownName, UsageError
from cinelake.lake.cells import Lake, cell_parts
from cinelake.lake.champions import FOLDER as MODELS
from cinelake.plan.build import Planning
from cinelake.run.cells import CHOSEN
from cinelake.run.step import run_step


@dataclass(frozen=True)
class ColumnDifference:
    """How a column differs: in how many rows, and by how much at most (numbers only)."""

    column: str
    rows: int
    largest: float | None = None


@dataclass(frozen=True)
class ReplayResult:
    """Both cells side by side. differences: of the columns that are not equal to the last bit; empty: identical."""

    table: str
    movie_id: str
    rows: tuple[int, int]
    differences: tuple[ColumnDifference, ...]

    @property
    def identical(self) -> bool:
        """Whether all rows and columns are equal."""
        return self.rows[0] == self.rows[1] and not self.differences

    def within(self, tolerance: float) -> bool:
        """Whether the rows are as many, and numbers differ by at most this."""
        known = [difference.largest for difference in self.differences]
        return self.rows[0] == self.rows[1] and all(most is not None and most <= tolerance for most in known)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "identical": self.identical}


def replay(planning: Planning, table: str, movie_id: str) -> ReplayResult:
    """Make a fresh cell again, from the lake's tables that it reads, and compare.

    Raises `UsageError` where the manifest would make another cell today, `UnknownName`, `FilmError` as the task does.
    """
    if table not in planning.whole.by_table:
        raise UnknownName("table", table, planning.whole.by_table)
    cell = next(cell for cell in planning.whole.cells if (cell.table, cell.movie_id) == (table, movie_id))
    if cell.state != "fresh":
        raise UsageError(f"{table} of {movie_id} is {cell.state} ({cell.reason}): today another cell would be made")
    with tempfile.TemporaryDirectory(prefix="cinelake-replay-") as folder:
        scratch = Lake(folder)
        step = replace(planning.step(movie_id, [cell]), lake=folder)
        kept = planning.lake.footer(table, movie_id)
        made_of_some = kept is not None and kept.run.get("decode", {}).get("choice") == CHOSEN
        step = replace(step, cells=(replace(step.cells[0], decodes_all=not made_of_some),))
        for name in step.cells[0].input_keys:
            _copy(planning.lake, scratch, *cell_parts(name, movie_id))
        if step.cells[0].model:
            _copy(planning.lake, scratch, MODELS, step.cells[0].model.name)
        report = run_step(step)
        for failed in [ended for ended in report.cells if ended.outcome != "made"]:
            raise InputChanged(f"{table} of {movie_id} could not be made again: {failed.message}")
        again = scratch.reader(table, movie_id).read()
    return compare(table, movie_id, planning.lake.reader(table, movie_id).read(), again)


def _copy(source: Lake, target: Lake, *parts: str) -> None:
    path = Path(target.storage.path(*parts))
    path.parent.mkdir(parents=True, exist_ok=True)
    fs.copy_files(source.storage.path(*parts), str(path), source.storage.filesystem, target.storage.filesystem)


def compare(table: str, movie_id: str, kept: pa.Table, again: pa.Table) -> ReplayResult:
    """Two cells side by side."""
    counts = (kept.num_rows, again.num_rows)
    differences: list[ColumnDifference] = []
    for name in dict.fromkeys([*kept.column_names, *again.column_names]) if counts[0] == counts[1] else ():
        if name not in kept.column_names or name not in again.column_names:
            differences.append(ColumnDifference(name, kept.num_rows))
        elif not kept[name].combine_chunks().equals(again[name].combine_chunks()):
            differences.append(_difference(name, kept[name].combine_chunks(), again[name].combine_chunks()))
    return ReplayResult(table, movie_id, counts, tuple(differences))


def _difference(name: str, kept: pa.Array, again: pa.Array) -> ColumnDifference:
    if pa.types.is_fixed_size_list(kept.type) and kept.type == again.type:
        apart = np.abs(_numbers(kept.flatten()) - _numbers(again.flatten())).reshape(len(kept), -1)
        return ColumnDifference(name, int((apart > 0).any(axis=1).sum()), float(np.nanmax(apart)))
    if pa.types.is_floating(kept.type) or pa.types.is_integer(kept.type):
        apart = np.abs(_numbers(kept) - _numbers(again))
        return ColumnDifference(name, int((apart > 0).sum()), float(np.nanmax(apart)))
    is_textual = not pa.types.is_nested(kept.type) and not pa.types.is_binary(kept.type)
    same = pc.fill_null(pc.equal(kept.cast(pa.string()), again.cast(pa.string())), False) if is_textual else None
    return ColumnDifference(name, len(kept) if same is None else len(kept) - int(pc.sum(same).as_py() or 0))


def _numbers(values: pa.Array) -> Any:
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float64)
