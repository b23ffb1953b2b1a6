"""Spans of a film's tables with a name each, as editors and players are given them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import UsageError
from cinelake.search.spans import TOUCH_S

NAMES = ("category", "character", "kind", "tag", "emotion", "text", "language")
"""Columns that name a row, the first that a table has."""
NUMBERS = ("scene", "beat", "shot", "window")


@dataclass(frozen=True)
class Mark:
    """Seconds of a film (end exclusive) and what is there."""

    start_s: float
    end_s: float
    name: str


def marks_of(table: str, rows: pa.Table, shots: pa.Table | None = None) -> list[Mark]:
    """The rows of a table as marks in film order; shots: for tables that name a shot instead of times.

    Neighbouring shots of one name are one mark; spans that are not funny are left out. Raises `UsageError` for a table
    whose rows have no span.
    """
    if "is_funny" in rows.column_names:
        rows = rows.filter(rows["is_funny"])
    if not {"start_s", "end_s"} <= set(rows.column_names):
        rows = _with_times(table, rows, shots)
    label = next((name for name in NAMES if name in rows.column_names), None)
    number = next((name for name in NUMBERS if name in rows.column_names), None)
    names = rows[label].cast(pa.string()).to_pylist() if label else _numbered(table, rows, number)
    marks = [Mark(*times) for times in zip(rows["start_s"].to_pylist(), rows["end_s"].to_pylist(), names, strict=True)]
    return joined(marks) if label and "start_shot" not in rows.column_names else sorted(marks, key=_in_order)


def _with_times(table: str, rows: pa.Table, shots: pa.Table | None) -> pa.Table:
    if shots is None or "shot" not in rows.column_names:
        raise UsageError(f"rows of {table} have no start_s and end_s, and no shot: they are no spans of the film")
    places = pc.index_in(rows["shot"], shots["shot"].combine_chunks())
    found = shots.select(["start_s", "end_s"]).take(places)
    return rows.append_column("start_s", found["start_s"]).append_column("end_s", found["end_s"])


def _numbered(table: str, rows: pa.Table, number: str | None) -> list[str]:
    word = table.rstrip("s")
    return [f"{word} {found}" for found in (rows[number].to_pylist() if number else range(len(rows)))]


def _in_order(mark: Mark) -> tuple[float, float, str]:
    return mark.start_s, mark.end_s, mark.name


def joined(marks: Iterable[Mark]) -> list[Mark]:
    """Marks in film order; those of one name that touch are one."""
    last: dict[str, Mark] = {}
    found: list[Mark] = []
    for mark in sorted(marks, key=_in_order):
        before = last.get(mark.name)
        if before and mark.start_s <= before.end_s + TOUCH_S:
            last[mark.name] = Mark(before.start_s, max(before.end_s, mark.end_s), mark.name)
        else:
            found += [before] if before else []
            last[mark.name] = mark
    return sorted([*found, *last.values()], key=_in_order)


def disjoint(marks: Sequence[Mark]) -> bool:
    """Whether no mark begins before the one before it has ended."""
    return all(after.start_s >= before.end_s - TOUCH_S for before, after in pairwise(marks))
