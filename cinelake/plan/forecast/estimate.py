"""How long a run would take, from what earlier runs recorded in their cells' footers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cinelake.lake.index import Index
from cinelake.plan.plan import Cell


@dataclass(frozen=True)
class Estimate:
    """Predicted wall time of the stale cells, in seconds; `unknown` names tables that no run has recorded yet."""

    wall_s: float
    by_table: dict[str, float]
    unknown: tuple[str, ...]
    workers: int


def estimate(index: Index, stale: Sequence[Cell], film_bytes: Mapping[str, int], workers: int) -> Estimate:
    """Predict from the median cost per byte of film of each table's recorded cells, spread over the workers."""
    by_table: dict[str, float] = {}
    unknown: list[str] = []
    for table in dict.fromkeys(cell.table for cell in stale):
        rate_s = seconds_per_byte(index, table)
        if rate_s is None:
            unknown.append(table)
            continue
        size = sum(film_bytes.get(cell.movie_id, 0) for cell in stale if cell.table == table)
        by_table[table] = rate_s * size
    longest_s = sum(by_table.values()) / max(workers, 1)
    return Estimate(longest_s, by_table, tuple(unknown), workers)


def seconds_per_byte(index: Index, table: str) -> float | None:
    """Median of recorded seconds per byte of film; None when nothing was recorded."""
    runs = [footer.run for footer in index.footers(table)]
    rates = [run["wall_s"] / run["film_bytes"] for run in runs if run.get("film_bytes") and "wall_s" in run]
    return statistics.median(rates) if rates else None
