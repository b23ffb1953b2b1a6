"""How long a run would take, from what earlier runs recorded in their cells' footers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cinelake.lake.index import Index
from cinelake.plan.plan import Cell
from cinelake.run.cells import processor_s


@dataclass(frozen=True)
class Estimate:
    """What the stale cells will take.

    wall_s: with every worker at work. processor_s: all work, by_table: by what asked for it, ffmpeg's with it; of cells
    that older releases made, and of those made by GPUs, seconds on the clock. may_s: how much of it is of cells that
    stay as they are if what they read comes out the same. unknown: tables that no run has recorded.
    otherwise: tables that have only been made with other parameters, which may have cost more or less.
    """

    wall_s: float
    processor_s: float
    by_table: dict[str, float]
    unknown: tuple[str, ...]
    workers: int
    may_s: float = 0.0
    otherwise: tuple[str, ...] = ()


def estimate(
    index: Index,
    stale: Sequence[Cell],
    film_bytes: Mapping[str, int],
    workers: int,
    params: Mapping[str, Mapping[str, Any]] | None = None,
) -> Estimate:
    """Predict from the median cost per byte of film of each table's recorded cells, spread over the workers.

    params: table → the parameters that it is made with now; cells made with these count, others where there are none.
    Processor time tells more than the clock: a worker that waited for others at work beside it did not do more.
    """
    by_table: dict[str, float] = {}
    unknown: list[str] = []
    may_s = 0.0
    stale = [cell for cell in stale if cell.work != "rekey"]
    otherwise: list[str] = []
    for table in dict.fromkeys(cell.table for cell in stale):
        now = (params or {}).get(table)
        rate_s = seconds_per_byte(index, table, now)
        if rate_s is None and now is not None:
            rate_s = seconds_per_byte(index, table)
            otherwise += [table] if rate_s is not None else []
        if rate_s is None:
            unknown.append(table)
            continue
        of_table = [(cell.work, film_bytes.get(cell.movie_id, 0)) for cell in stale if cell.table == table]
        by_table[table] = rate_s * sum(size for _, size in of_table)
        may_s += rate_s * sum(size for work, size in of_table if work == "may")
    all_s = sum(by_table.values())
    return Estimate(all_s / max(workers, 1), all_s, by_table, tuple(unknown), workers, may_s, tuple(otherwise))


def seconds_per_byte(index: Index, table: str, params: Mapping[str, Any] | None = None) -> float | None:
    """Median of recorded seconds per byte of film; None when nothing was recorded. params: of these alone."""
    runs = [footer.run for footer in index.footers(table, params)]
    costs = [(cost_s(run), run.get("film_bytes")) for run in runs]
    rates = [seconds / size for seconds, size in costs if size and seconds is not None]
    return statistics.median(rates) if rates else None


@dataclass(frozen=True)
class TableCost:
    """What one film's cell of a table takes, by the median of recorded ones.

    processor_s: ffmpeg's share, ffmpeg_s, with it; None where all were made before processor time was recorded.
    """

    table: str
    films: int
    wall_s: float
    processor_s: float | None
    ffmpeg_s: float


def table_costs(index: Index, tables: Sequence[str]) -> list[TableCost]:
    """What cells of these tables took, from some of each; tables of which nothing is recorded are left out."""
    costs = []
    for table in tables:
        runs = [footer.run for footer in index.footers(table) if "wall_s" in footer.run]
        used = [(found, run.get("ffmpeg_cpu_s", 0.0)) for run in runs if (found := processor_s(run)) is not None]
        if runs:
            wall_s = statistics.median(run["wall_s"] for run in runs)
            used_s = statistics.median(seconds for seconds, _ in used) if used else None
            ffmpeg_s = statistics.median(seconds for _, seconds in used) if used else 0.0
            costs.append(TableCost(table, len(runs), wall_s, used_s, ffmpeg_s))
    return costs


def cost_s(run: Mapping[str, Any]) -> float | None:
    """How long a cell takes one worker: its processor seconds, or on a GPU seconds on the clock if these are more.

    Of a cell made before processor time was recorded: seconds on the clock; None where nothing was recorded.
    """
    wall_s, used_s = run.get("wall_s"), processor_s(run)
    if used_s is None or run.get("device", "cpu") == "cpu":
        return wall_s if used_s is None else used_s
    return max(used_s, wall_s or 0.0)
