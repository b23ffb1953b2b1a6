"""Tables of lines as collections of music and film have them, as rows of labels by moments.

A row a film and a column a moment (`sample_15000ms`); headers such as `frameTime` and `Arousal(mean)`; one value of a
whole film or of an excerpt; numbers on another scale than the labels'. What is read as something else is told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.errors import Problem, did_you_mean
from cinelake.labels.checks import FILE, LINE
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.readers import ReadLabels
from cinelake.labels.values import cast_column, in_seconds
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract

MAX_MOMENTS = 1_000_000
MIN_TO_TELL = 10
"""Of so many values, all on one side of the middle, it is told that the scale may be another."""
_MOMENT = re.compile(r"(?:sample|time|t)?[ _]?(\d{1,9}(?:[.,]\d{1,9})?) ?(ms|s)", re.IGNORECASE)
_SECONDS = {"time": 1.0, "times": 1.0, "timesec": 1.0, "timeseconds": 1.0, "frametime": 1.0, "seconds": 1.0}
_TIMES = {**_SECONDS, "timems": 1e-3, "frametimems": 1e-3, "ms": 1e-3, "milliseconds": 1e-3}
"""Headers of a time, and how long one of its units is, in seconds."""
_MEANS = ("", "mean", "average", "avg", "value")


def moment_of(header: str) -> float | None:
    """The seconds that a header such as `sample_15000ms` or `1.5s` names; None for any other."""
    found = _MOMENT.fullmatch(header.strip())
    return float(found[1].replace(",", ".")) * (1e-3 if found[2].lower() == "ms" else 1.0) if found else None


def seconds_of(header: str) -> float:
    """How many seconds one unit of a column of times is, by its header (`frameTime`, `time_ms`); 0 for any other."""
    return _TIMES.get(_plain(header), 0.0)


def is_wide(reading: ReadLabels, contract: LabelContract) -> bool:
    """Whether columns are moments, in a table of labels that are moments."""
    moments = sum(moment_of(name) is not None for name in reading.rows.column_names)
    return contract.shape == "moments" and moments > 1 and "time_s" not in reading.rows.column_names


def is_read(header: str, contract: LabelContract) -> bool:
    """Whether a column that the labels do not have is read as one of theirs, or as a moment of theirs."""
    return contract.shape == "moments" and (moment_of(header) is not None or bool(_meaning(header, contract)))


def with_own_headers(reading: ReadLabels, contract: LabelContract) -> ReadLabels:
    """The table with `Arousal(mean)` as arousal, and `frameTime` or `time_ms` as time_s, of labels by moments."""
    own, rows, notes = contract.schema.names, reading.rows, list[str]()
    if contract.shape != "moments":
        return reading
    for name in own:
        meant = [header for header in rows.column_names if header not in own and _meaning(header, contract) == name]
        if len(meant) > 1 and name not in rows.column_names:
            notes.append(f"each of the columns {', '.join(map(repr, meant))} may be {name}: none is taken for it")
        if name in rows.column_names or len(meant) != 1:
            continue
        unit = seconds_of(meant[0]) if name == "time_s" else 1.0
        rows = rows.rename_columns([name if header == meant[0] else header for header in rows.column_names])
        if unit != 1.0:
            rows = _replaced(rows, name, in_seconds(rows[name].combine_chunks(), unit))
        in_unit = "" if name != "time_s" else ", in seconds" if unit == 1.0 else ", in milliseconds"
        notes.append(f"the column {meant[0]!r} is taken for {name}{in_unit}")
    return replace(reading, rows=rows, notes=[*reading.notes, *notes])


def unpivoted(reading: ReadLabels, contract: LabelContract, column: str = "") -> ReadLabels:
    """A row a moment, of a table with a row a film and a column a moment; empty cells are no labels.

    column: what the numbers are; else the file's name says it. Files of several quantities are rows together.
    """
    at = {name: time for name in reading.rows.column_names if (time := moment_of(name)) is not None}
    kept = [name for name in reading.rows.column_names if name not in at and name not in (LINE, FILE)]
    quantities, problems = _quantities(reading, contract, column)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    count = 0
    for batch in reading.rows.to_batches(1024) if not problems else ():
        for row in batch.to_pylist():
            said = quantities[row[FILE]]
            for name, time_s in at.items():
                if _is_empty(row[name]):
                    continue
                named = {contract.quantity[0]: said["#name"]} if contract.quantity and "#name" in said else {}
                key = (*(repr(row[other]) for other in kept), time_s, said.get("#name"))
                while said["#column"] in found.get(key, ()):  # a film that stands twice: both rows are kept
                    key = (*key, None)
                moment = found.setdefault(key, {**{other: row[other] for other in kept}, **named})
                moment |= {"time_s": round(time_s, 6), said["#column"]: row[name]}
                moment.setdefault(LINE, row[LINE])
                moment.setdefault(FILE, row[FILE])
                count += 1
            if count > MAX_MOMENTS:
                problems.append(Problem(reading.source, 0, "", f"these are more than {MAX_MOMENTS:,} values"))
                return replace(reading, problems=[*reading.problems, *problems])
    names = sorted({said["#shown"] for said in quantities.values()})
    told = f"{len(at)} columns are moments, of {min(at.values()):g} to {max(at.values()):g} s: {', '.join(names)}"
    rows = _table_of(list(found.values())) if found else reading.rows.select([*kept, LINE, FILE])
    return replace(reading, rows=rows, problems=[*reading.problems, *problems], notes=[*reading.notes, told])


def held(reading: ReadLabels, films: Mapping[str, FilmFacts], every: float) -> ReadLabels:
    """Rows without a time as moments, one every so many seconds of the film or of start_s to end_s."""
    names = reading.rows.column_names
    problems, rows, count = list[Problem](), list[dict[str, Any]](), 0
    spans = [
        [None if _is_empty(s) else s for s in _numbers(name, reading.rows[name])]
        if name in names
        else [None] * len(reading.rows)
        for name in ("start_s", "end_s")
    ]
    for row, start_s, end_s in zip(reading.rows.to_pylist(), *spans, strict=True):
        facts = films[row["movie_id"]] if row.get("movie_id") in films else FilmFacts()
        first = facts.first_s if start_s is None else start_s
        last = facts.duration_s if end_s is None else end_s
        wrong = _no_span(row, start_s, end_s) or _no_extent(first, last)
        if wrong:
            problems.append(Problem(row[FILE], row[LINE], "time_s", wrong))
            continue
        assert last is not None  # else `_no_extent`
        count += math.ceil((last - first) / every)
        if count > MAX_MOMENTS:
            why = f"these are more than {MAX_MOMENTS:,} moments, one every {every:g} s: say a larger --every"
            problems.append(Problem(row[FILE], row[LINE], "time_s", why))
            break
        own = {name: value for name, value in row.items() if name not in ("start_s", "end_s")}
        rows += [{**own, "time_s": time_s} for time_s in grid(first, last, every)]
    note = f"{len(reading.rows)} rows without a time label a moment every {every:g} s"
    table = reading.rows if problems or not rows else _table_of(rows)
    return replace(reading, rows=table, problems=[*reading.problems, *problems], notes=[*reading.notes, note])


def grid(start_s: float, end_s: float, every: float) -> Sequence[float]:
    """Multiples of `every` within a span, the same for all spans; its middle where none is."""
    first, last = math.ceil(start_s / every - 1e-9), math.ceil(end_s / every - 1e-9)
    times = [round(number * every, 6) for number in range(first, last)]
    return times or [(start_s + end_s) / 2]


def scaled(reading: ReadLabels, contract: LabelContract, scale: tuple[float, float]) -> ReadLabels:
    """The numbers of columns that have bounds, brought from `scale` to these; what is beyond is a problem."""
    rows, problems, notes = reading.rows, list[Problem](), list[str]()
    low, high = scale
    for column, values, unread in _bounded(reading, contract):
        least, most = column.at_least or 0.0, column.at_most or 0.0
        given, lines, files = values.to_pylist(), rows[LINE].to_pylist(), rows[FILE].to_pylist()
        for row, value in enumerate(given):
            if row in unread:
                problems.append(Problem(files[row], lines[row], column.name, f"expected a number. {unread[row]}"))
            elif value is not None and not low <= value <= high:
                why = f"expected a number of {low:g} to {high:g} (--scale), received {value:g}"
                problems.append(Problem(files[row], lines[row], column.name, why))
        moved = [None if v is None else least + (v - low) / (high - low) * (most - least) for v in given]
        rows = _replaced(rows, column.name, moved)
        notes.append(f"{column.name}: {low:g} to {high:g} in the file is {least:g} to {most:g}")
    if not notes:
        problems.append(Problem(reading.source, 0, "", "--scale is for numbers between two bounds: there are none"))
    return replace(reading, rows=rows, problems=[*reading.problems, *problems], notes=[*reading.notes, *notes])


def other_scales(reading: ReadLabels, contract: LabelContract) -> Iterator[str]:
    """What is to be told of numbers that use one side alone of a scale that has two."""
    for column, values, _ in _bounded(reading, contract):
        given = [value for value in values.to_pylist() if value is not None]
        one_sided = len(given) >= MIN_TO_TELL and column.at_least == -(column.at_most or 0.0) and min(given) >= 0
        if one_sided and max(given) > 0:
            yield (
                f"every {column.name} is {min(given):g} to {max(given):g}, none below 0, of a scale from "
                f"{column.at_least:g} to {column.at_most:g}: where the file's is another, as 0 to 1, say --scale 0..1"
            )


def _bounded(reading: ReadLabels, contract: LabelContract) -> Iterator[tuple[Column, pa.Array, dict[int, str]]]:
    """The columns of numbers between two bounds, their values, and what of them cannot be read."""
    for column in contract.columns:
        both = column.at_least is not None and column.at_most is not None and pa.types.is_floating(column.type)
        if both and column.name in reading.rows.column_names:
            values, wrong = cast_column(column.name, reading.rows[column.name].combine_chunks(), column.type)
            yield column, values, dict(wrong)


def _quantities(
    reading: ReadLabels, contract: LabelContract, column: str
) -> tuple[dict[str, dict[str, str]], list[Problem]]:
    """What the numbers of each file are: `#column` they go to, `#name` beside them where it is any quantity's."""
    numbers = [c.name for c in contract.columns if pa.types.is_floating(c.type)]
    own = [name for name in numbers if name not in (contract.quantity or ())]
    found, problems = dict[str, dict[str, str]](), list[Problem]()
    for file in dict.fromkeys(reading.rows[FILE].to_pylist()):
        words = re.split(r"[^a-z0-9]+", Path(file).name.lower())  # of a workbook the sheet's too
        named = [column] if column else [name for name in own if name in words]
        if len(named) == 1 and named[0] in own:
            found[file] = {"#column": named[0], "#shown": named[0]}
        elif len(named) == 1 and contract.quantity and named[0] not in numbers:
            found[file] = {"#column": contract.quantity[1], "#name": named[0], "#shown": named[0]}
        elif column:
            why = f"no column of numbers of these labels is called {column!r}{did_you_mean(column, own)}"
            problems.append(Problem(file, 1, "", why))
        else:
            one_of = f" ({', '.join(own)})" if own else ""
            why = f"its columns are moments, and nothing says of what: say --column{one_of}, or name the file for it"
            problems.append(Problem(file, 1, "", why))
    return found, problems


def _no_span(row: Mapping[str, Any], start_s: float | None, end_s: float | None) -> str:
    """Which end of a row's excerpt cannot be read; '' where both can."""
    for name, value in (("start_s", start_s), ("end_s", end_s)):
        if not _is_empty(row.get(name)) and (value is None or not math.isfinite(value)):
            return f"expected {name} in seconds, received {row[name]!r}"
    return ""


def _no_extent(start_s: float, end_s: float | None) -> str:
    """Why a value cannot be held over an excerpt; '' where it can."""
    if end_s is None:
        return "the film's length is not known: `cinelake run` first"
    return "" if start_s < end_s else f"the excerpt ends ({end_s:g} s) before it begins ({start_s:g} s)"


def _meaning(header: str, contract: LabelContract) -> str:
    """The column that a header means; '' where none."""
    plain = _plain(header)
    if seconds_of(header):
        return "time_s"
    numbers = [c.name for c in contract.columns if pa.types.is_floating(c.type)]
    return next((name for name in numbers if plain in [_plain(name) + mean for mean in _MEANS]), "")


def _plain(header: str) -> str:
    return re.sub(r"[\W_]+", "", header.casefold())


def _is_empty(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in ("", "nan")
    return value is None or (isinstance(value, float) and math.isnan(value))


def _numbers(name: str, column: pa.ChunkedArray) -> list[float | None]:
    numbers: list[float | None] = cast_column(name, column.combine_chunks(), pa.float64())[0].to_pylist()
    return numbers


def _replaced(rows: pa.Table, name: str, values: Sequence[Any] | pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, pa.array(values))


def _table_of(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows as columns; where one row has a column, all have it. Values of different kinds are texts."""
    listed = list(rows)
    names = list(dict.fromkeys(name for row in listed for name in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in listed]
        try:
            columns[name] = pa.array(values)
        except pa.ArrowException:
            columns[name] = pa.array([None if value is None else str(value) for value in values])
    return pa.table(columns)
