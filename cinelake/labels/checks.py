"""What is wrong with labels before they are imported: values, films, extents; every problem with its line.

Rows come as a table of texts (CSV) or of typed columns (Parquet, readers of foreign formats), with two more columns
for a row's origin: `LINE` and `FILE`. One small function a rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import Problem, did_you_mean
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.timecodes import with_counted_times
from cinelake.labels.values import DAY_S, cast_column
from cinelake.spec.labels import LabelContract

LINE, FILE = "#line", "#file"
"""Columns of rows that are checked: a row's line in the source (0: it has none), and the source's name."""
HELD = "(one value of a whole film, or of start_s to end_s, labels a moment every so many seconds by --every)"
SHOT = "shot"
"""Short for start_shot = shot and end_shot = shot + 1, in labels by spans."""
PICTURES_A_SECOND = 25.0
"""Of a film whose rate is unknown."""
SLACK_S = 0.05
"""Containers round a film's length, and labellers their times."""
TOUCH_S = 1e-3
"""Spans that share less than this are neighbours whose times were rounded."""


@dataclass
class CheckedRows:
    """Typed columns of rows that are being checked; a value that could not be read is None and listed in `unread`."""

    contract: LabelContract
    values: dict[str, list[Any]]
    lines: list[int]
    files: list[str]
    films: Mapping[str, FilmFacts]
    vocabularies: Mapping[str, Sequence[str]]
    before_run: bool = False
    unread: set[tuple[str, int]] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.lines)

    def of(self, column: str) -> list[Any]:
        """A column's values, nulls where the labels do not have it."""
        return self.values.get(column) or [None] * len(self)

    def where(self, row: int, seen_from: int) -> str:
        """A row as another row's problem names it: its line, and its file where that is another."""
        if self.files[row] != self.files[seen_from]:
            return f"{self.files[row]}:{self.lines[row]}" if self.lines[row] else self.files[row]
        return f"line {self.lines[row]}" if self.lines[row] else f"row {row + 1}"


RowProblems = Iterator[tuple[int, str, str]]
"""Row, column, problem."""


def check_labels(
    contract: LabelContract,
    rows: pa.Table,
    films: Mapping[str, FilmFacts],
    *,
    source: str,
    vocabularies: Mapping[str, Sequence[str]],
    ignore_extra_columns: bool = False,
    before_run: bool = False,
) -> tuple[pa.Table, list[Problem]]:
    """The rows as the contract's table, sorted by film and extent, and all their problems.

    The table is to be used only when there is no problem.
    """
    lines = rows[LINE].to_pylist() if LINE in rows.column_names else [0] * rows.num_rows
    files = rows[FILE].to_pylist() if FILE in rows.column_names else [source] * rows.num_rows
    whole = files[0] if files else source
    problems = [Problem(whole, 1, name, why) for name, why in _columns(contract, rows, ignore_extra_columns)]
    if not rows.num_rows:
        problems.append(Problem(whole, 0, "", "there are no labels: not one row"))
    rows = _with_shots(contract, rows)
    rows = with_counted_times(rows, films)
    typed, unread = _typed(contract, rows)
    given = {name: values for name, values in typed.to_pydict().items() if name in rows.column_names}
    lost = {(name, row) for row, name, _ in unread}
    read = CheckedRows(contract, given, lines, files, films, vocabularies, before_run, lost)
    for row, column, message in (*unread, *(problem for rule in RULES for problem in rule(read))):
        problems.append(Problem(files[row], lines[row], column, message))
    return sort_labels(contract, typed), list(dict.fromkeys(problems))


def sort_labels(contract: LabelContract, table: pa.Table) -> pa.Table:
    """Labels by film, extent and then their other columns, without anything that the contract does not name."""
    table = table.select(contract.schema.names)
    keys = [(f.name, "ascending") for f in table.schema if not pa.types.is_nested(f.type)]
    return table.sort_by(keys).combine_chunks() if len(table) else table


# --- columns and values


def known_columns(contract: LabelContract) -> list[str]:
    """The columns that labels may have."""
    return [c.name for c in contract.all_columns] + ([SHOT] if contract.shape == "spans" else [])


def _columns(contract: LabelContract, rows: pa.Table, ignore_extra: bool) -> Iterator[tuple[str, str]]:
    """Missing columns, unknown columns, and half an extent."""
    known = known_columns(contract)
    names = [name for name in rows.column_names if name not in (LINE, FILE)]
    for column in contract.all_columns:
        if not column.nullable and column.name not in names:
            whole = f" {HELD}" if column.name == "time_s" else ""
            have = f"The labels have {', '.join(names) or 'no columns'}"
            yield column.name, f"the column is missing. {column.doc} {have}{whole}"
    for name in names if not ignore_extra else ():
        if name not in known:
            hint = did_you_mean(name, [k for k in known if k not in names])
            yield name, f"these labels have no such column{hint} (or leave it aside with --ignore-extra-columns)"
    for first, second in (("start_s", "end_s"), ("start_shot", "end_shot")) if contract.shape == "spans" else ():
        for given, lacking in ((first, second), (second, first)):
            if given in names and lacking not in names:
                yield lacking, f"the column is missing: {given} is given, and a span has both"


def _typed(contract: LabelContract, rows: pa.Table) -> tuple[pa.Table, list[tuple[int, str, str]]]:
    """The contract's columns in its types, null where missing or unreadable, and what could not be read."""
    arrays, unread = [], []
    for wanted in contract.schema:
        if wanted.name not in rows.column_names:
            arrays.append(pa.nulls(rows.num_rows, wanted.type))
            continue
        array, wrong = cast_column(wanted.name, rows[wanted.name].combine_chunks(), wanted.type)
        arrays.append(array)
        unread += [(row, wanted.name, why) for row, why in wrong]
    return pa.table(arrays, schema=contract.schema), unread


def _with_shots(contract: LabelContract, rows: pa.Table) -> pa.Table:
    """`shot` written out as start_shot and end_shot, where these are not given."""
    if contract.shape != "spans" or SHOT not in rows.column_names or "start_shot" in rows.column_names:
        return rows
    if SHOT in contract.schema.names:
        return rows
    numbers, wrong = cast_column(SHOT, rows[SHOT].combine_chunks(), pa.int64())
    if wrong:  # reported by the name that the file has
        return rows.append_column("start_shot", rows[SHOT])
    return rows.append_column("start_shot", numbers).append_column("end_shot", pc.add(numbers, 1))


# --- rules


def _nothing_is_missing(rows: CheckedRows) -> RowProblems:
    for column in rows.contract.all_columns:
        if column.nullable or column.name not in rows.values:
            continue
        for row, value in enumerate(rows.values[column.name]):
            if value is None and (column.name, row) not in rows.unread:
                yield row, column.name, f"there is no value. {column.doc}"


def _numbers_fit(rows: CheckedRows) -> RowProblems:
    """Finite, and within what the contract allows."""
    for column in rows.contract.all_columns:
        for row, value in enumerate(rows.of(column.name)):
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                continue
            if not math.isfinite(value):
                yield row, column.name, f"expected a number, received {value}"
            elif column.at_least is not None and value < column.at_least:
                yield row, column.name, f"must be ≥ {column.at_least:g}, received {value:g}"
            elif column.at_most is not None and value > column.at_most:
                yield row, column.name, f"must be ≤ {column.at_most:g}, received {value:g}"


def _classes_are_known(rows: CheckedRows) -> RowProblems:
    for column in rows.contract.all_columns:
        known = list(rows.vocabularies.get(column.name) or column.one_of)
        strange = set(rows.of(column.name)) - set(known) if known else set()
        for row, value, more in _first_of_each(rows, column.name, strange.__contains__):
            hint = did_you_mean(str(value), known)
            own = " (the list is the model's `config`)" if column.name in rows.vocabularies else ""
            yield row, column.name, f"unknown {column.name} {value!r}{hint}{own}{more}"


def _films_are_known(rows: CheckedRows) -> RowProblems:
    names = sorted(rows.films)
    for row, value, more in _first_of_each(rows, "movie_id", lambda value: value not in rows.films):
        yield row, "movie_id", f"unknown film {value!r}{did_you_mean(value, names) or ': there are no films'}{more}"


def _films_are_in_the_lake(rows: CheckedRows) -> RowProblems:
    if rows.before_run:
        return
    absent = {m for m in set(rows.of("movie_id")) if m in rows.films and not rows.films[m].in_lake}
    for row, value, more in _first_of_each(rows, "movie_id", lambda value: value in absent):
        yield (
            row,
            "movie_id",
            f"film {value!r} is not in the lake yet: run `cinelake run` first, or say --before-run{more}",
        )


def _first_of_each(rows: CheckedRows, column: str, wrong: Callable[[Any], bool]) -> Iterator[tuple[int, Any, str]]:
    """The first row of every wrong value, and which other lines hold it."""
    by_value: dict[Any, list[int]] = {}
    for row, value in enumerate(rows.of(column)):
        if value is not None:
            by_value.setdefault(value, []).append(row)
    for value, at in by_value.items():
        if wrong(value):
            named = ", ".join(str(rows.lines[row] or row + 1) for row in at[1:6])
            rest = f" and {len(at) - 6} more" if len(at) > 6 else ""
            yield at[0], value, f" (also on {named}{rest})" if named else ""


def _times_are_in_the_film(rows: CheckedRows) -> RowProblems:
    for column in ("time_s", "start_s", "end_s"):
        for row, (movie_id, time_s) in enumerate(zip(rows.of("movie_id"), rows.of(column), strict=True)):
            end_s = rows.films[movie_id].duration_s if time_s is not None and movie_id in rows.films else None
            if end_s is not None and time_s > end_s + SLACK_S:
                yield row, column, f"{time_s:g} s is past the end of {movie_id!r}, which lasts {end_s:g} s"


def _spans_are_no_shares_of_a_day(rows: CheckedRows) -> RowProblems:
    """Spreadsheets keep times as parts of a day: 50 s is 0.0005787, which as seconds would be within one picture."""
    spans: dict[str, list[tuple[float, float, int]]] = {}
    for row, (movie_id, start_s, end_s) in enumerate(_columns_of(rows, "movie_id", "start_s", "end_s")):
        if start_s is not None and end_s is not None and movie_id in rows.films:
            spans.setdefault(movie_id, []).append((start_s, end_s, row))
    for movie_id, own in spans.items():
        facts = rows.films[movie_id]
        most_s = ((facts.duration_s or 0.0) + SLACK_S) / DAY_S
        picture_s = 1 / (facts.fps or PICTURES_A_SECOND)
        if facts.duration_s and all(end <= most_s and 0 < end - start < picture_s for start, end, _ in own):
            why = f"every span of {movie_id!r} is shorter than a picture, in its first {most_s:g} s: shares of a day?"
            yield own[0][2], "end_s", f"{why} Then say --times days"


def _shots_are_in_the_film(rows: CheckedRows) -> RowProblems:
    """Only where times are missing: a labeller who has both may number shots in another way."""
    for row, (movie_id, start_s, end) in enumerate(_columns_of(rows, "movie_id", "start_s", "end_shot")):
        shots = rows.films[movie_id].shots if movie_id in rows.films and end is not None and start_s is None else None
        if shots is not None and end > shots:
            yield row, "end_shot", f"shot {end - 1} is past the last: {movie_id!r} has {shots} shots, the first is 0"


def _spans_have_two_ends(rows: CheckedRows) -> RowProblems:
    for first, second in (("start_s", "end_s"), ("start_shot", "end_shot")):
        if first not in rows.values:
            continue
        for row, (start, end) in enumerate(_columns_of(rows, first, second)):
            for lacking, given, name in ((first, end, second), (second, start, first)):
                other = start if lacking == first else end
                if other is None and given is not None and (lacking, row) not in rows.unread:
                    yield row, lacking, f"there is no value, and {name} is {given:g}: a span has both"


def _spans_start_before_they_end(rows: CheckedRows) -> RowProblems:
    for first, second, unit in (("start_s", "end_s", " s"), ("start_shot", "end_shot", "")):
        for row, (start, end) in enumerate(_columns_of(rows, first, second)):
            if start is not None and end is not None and start >= end:
                yield (
                    row,
                    first,
                    f"expected {first} < {second} (ends are exclusive), received {start:g} and {end:g}{unit}",
                )


def _spans_do_not_overlap(rows: CheckedRows) -> RowProblems:
    if rows.contract.shape != "spans" or rows.contract.overlap:
        return
    by_kind: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    names = ("movie_id", "start_s", "end_s", "start_shot", "end_shot")
    for row, (movie_id, start_s, end_s, start, end) in enumerate(_columns_of(rows, *names)):
        if start_s is not None and end_s is not None:
            by_kind.setdefault((movie_id, "s"), []).append((start_s, max(start_s, end_s - TOUCH_S), row))
        elif start is not None and end is not None:
            by_kind.setdefault((movie_id, "shots"), []).append((start, end, row))
        elif start_s is None and start is None:
            by_kind.setdefault((movie_id, "whole"), []).append((0.0, math.inf, row))
    for spans in by_kind.values():
        yield from _overlaps(rows, sorted(spans))


def _overlaps(rows: CheckedRows, spans: list[tuple[float, float, int]]) -> RowProblems:
    """Each span that begins before one that began earlier has ended; a row that repeats another has its own rule."""
    reach, last = -math.inf, -1
    for start, end, row in spans:
        if start < min(end, reach) and any(values[row] != values[last] for values in rows.values.values()):
            yield row, "", f"this span overlaps that of {rows.where(last, row)}, and these labels may not overlap"
        if end > reach:
            reach, last = end, row


def _rows_stand_once(rows: CheckedRows) -> RowProblems:
    seen: dict[tuple[Any, ...], int] = {}
    for row, values in enumerate(_columns_of(rows, *rows.values)):
        if values in seen and not any((name, row) in rows.unread for name in rows.values):
            yield row, "", f"this row says the same as {rows.where(seen[values], row)}"
        seen.setdefault(values, row)


def _columns_of(rows: CheckedRows, *names: str) -> Iterable[tuple[Any, ...]]:
    return zip(*(rows.of(name) for name in names), strict=True)


RULES: tuple[Callable[[CheckedRows], RowProblems], ...] = (
    _nothing_is_missing,
    _numbers_fit,
    _classes_are_known,
    _films_are_known,
    _films_are_in_the_lake,
    _times_are_in_the_film,
    _spans_are_no_shares_of_a_day,
    _shots_are_in_the_film,
    _spans_have_two_ends,
    _spans_start_before_they_end,
    _spans_do_not_overlap,
    _rows_stand_once,
)
