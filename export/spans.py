"""Named spans of a film's tables, as written for editors and players."""

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
class NamedSpan:
    """A span of a film in seconds (end exclusive), and its name."""

    start_s: float
    end_s: float
    name: str


def named_spans(table: str, rows: pa.Table, shots: pa.Table | None = None) -> list[NamedSpan]:
    """The rows of a table as spans in film order; shots: for tables that name a shot instead of times.

    Neighbouring shots of one name are one span; spans that are not funny are left out. Raises `UsageError` for a table
    whose rows have no span.
    """
    if "is_funny" in rows.column_names:
        rows = rows.filter(rows["is_funny"])
    if not {"start_s", "end_s"} <= set(rows.column_names):
        rows = _with_times(table, rows, shots)
    label = next((name for name in NAMES if name in rows.column_names), None)
    number = next((name for name in NUMBERS if name in rows.column_names), None)
    names = rows[label].cast(pa.string()).to_pylist() if label else _numbered(table, rows, number)
    spans = [
        NamedSpan(*times) for times in zip(rows["start_s"].to_pylist(), rows["end_s"].to_pylist(), names, strict=True)
    ]
    return joined(spans) if label and "start_shot" not in rows.column_names else sorted(spans, key=_in_order)


def _with_times(table: str, rows: pa.Table, shots: pa.Table | None) -> pa.Table:
    if shots is None or "shot" not in rows.column_names:
        raise UsageError(f"rows of {table} have no start_s and end_s, and no shot: they are no spans of the film")
    places = pc.index_in(rows["shot"], shots["shot"].combine_chunks())
    times = shots.select(["start_s", "end_s"]).take(places)
    return rows.append_column("start_s", times["start_s"]).append_column("end_s", times["end_s"])


def _numbered(table: str, rows: pa.Table, number: str | None) -> list[str]:
    word = table.rstrip("s")
    return [f"{word} {value}" for value in (rows[number].to_pylist() if number else range(len(rows)))]


def _in_order(span: NamedSpan) -> tuple[float, float, str]:
    return span.start_s, span.end_s, span.name


def joined(spans: Iterable[NamedSpan]) -> list[NamedSpan]:
    """Spans in film order; those of one name that touch are one."""
    last: dict[str, NamedSpan] = {}
    finished: list[NamedSpan] = []
    for span in sorted(spans, key=_in_order):
        before = last.get(span.name)
        if before and span.start_s <= before.end_s + TOUCH_S:
            last[span.name] = NamedSpan(before.start_s, max(before.end_s, span.end_s), span.name)
        else:
            finished += [before] if before else []
            last[span.name] = span
    return sorted([*finished, *last.values()], key=_in_order)


def disjoint(spans: Sequence[NamedSpan]) -> bool:
    """Whether no span begins before the one before it has ended."""
    return all(after.start_s >= before.end_s - TOUCH_S for before, after in pairwise(spans))
