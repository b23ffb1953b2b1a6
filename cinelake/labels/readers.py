"""Files of labels as rows for `import_labels`: CSV, ARFF, workbooks, Parquet, and names of pictures.

A reader returns what it could read and all problems of the rest, each with its line; nothing is raised.
"""

from __future__ import annotations

import csv
import io
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.catalogue.films import CatalogueFilm
from cinelake.errors import FileTooLarge, Problem, did_you_mean
from cinelake.labels.arff import as_csv
from cinelake.labels.checks import FILE, LINE
from cinelake.labels.timecodes import TIMES
from cinelake.labels.values import DAY_S, in_seconds
from cinelake.spec.formulas import unguarded
from cinelake.spec.labels import LabelContract
from cinelake.storage.content import digest, file_digest
from cinelake.storage.foreign_parquet import Bounds, bounded_table, check_text_file, foreign_schema
from cinelake.storage.sheets import Sheet, filled_sheets, is_workbook

BOUNDS = Bounds(lists=True)
"""What a Parquet file of labels may hold: rows of texts and numbers, or of vectors."""
MOST_CELLS = 1 << 27
"""What separates the values of a CSV file, all together: each value is a text of its own in memory."""
MOST_PROBLEMS = 10_000
"""After so many lines of a wrong length no more are read."""
DELIMITERS = ",;\t"
SNIFFED = 4096
"""Characters of a header that say what separates the columns: time goes up with the square of them."""
AT_A_RATE = ("Image_ID", "Class")
"""The columns of labels by pictures that were taken at a rate."""
MOST_DIGITS = 15
"""Of the number in a picture's name: no film has more pictures."""
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")
"""Numbers of rows that pandas writes of a table that was put together; nobody means them."""
_SEPARATOR = re.compile(r"\Asep=[,;\t]\r?\n([^\r\n]*\r?\n)")
"""A first line of spreadsheets for themselves, and the header; what separates columns is seen in the header."""
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass
class ReadLabels:
    """What a reader read.

    rows: columns unchanged, with `LINE` and `FILE`. problems: what cannot be imported. notes: what the labeller should
    know (what was dropped). source: the names of the files, without folders. digest: of their contents.
    """

    rows: pa.Table
    source: str
    digest: str
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_files(
    paths: Sequence[Path], columns: Callable[[str], bool] | None = None, known: Collection[str] = ()
) -> ReadLabels:
    """The rows of CSV files, workbooks and Parquet files, one after the other.

    columns: whether one of a Parquet file is read, whatever is in the others; all if not given. known: columns that
    rows may have, whatever their letters' case, which notes tell; of a workbook's sheets those are read that have most
    of them, and notes name the others.
    """
    tables, problems, digests, notes = [], [], [], list[str]()
    for path in paths:
        table, wrong = _read_file(path, columns, known, notes)
        tables.append(_spelled_as_known(path, table, known, notes))
        problems += wrong
        digests.append(file_digest(path) if path.is_file() else "")
    source = ", ".join(path.name for path in paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    apart = {
        name: kinds for name, kinds in _types(tables).items() if len(kinds) > 1 and any(map(pa.types.is_nested, kinds))
    }
    for name, kinds in apart.items():
        why = f"the files differ, {' and '.join(sorted(map(str, kinds)))}: import them one after the other"
        problems.append(Problem(source, 0, name, why))
    tables = [table.drop_columns([name for name in apart if name in table.column_names]) for table in tables]
    return ReadLabels(_joined(tables), source, digest(digests), problems, notes)


def _spelled_as_known(path: Path, table: pa.Table, known: Collection[str], notes: list[str]) -> pa.Table:
    """The table with `Start_S` as start_s, where no other column may be it."""
    names = table.column_names
    plain = Counter(name.casefold() for name in names)
    own = {name.casefold(): name for name in known if name not in names and plain[name.casefold()] == 1}
    meant = {name: own[name.casefold()] for name in names if name.casefold() in own}
    notes += [f"{path.name}: the column {name!r} is taken for {other}" for name, other in meant.items()]
    return table.rename_columns([meant.get(name, name) for name in names]) if meant else table


def at_a_rate(
    reading: ReadLabels, contract: LabelContract, movie_id: str, rate: float, classes: Mapping[str, str]
) -> ReadLabels:
    """Rows of `Image_ID,Class` (names of pictures taken `rate` times a second) as moments or spans of one film.

    The last number in a picture's name, divided by the rate, is its time: `frame12.jpg` at 2 a second is 6 s. classes:
    class in the file → class of the labels; without any they stay as they are.
    """
    problems = [*reading.problems, *_lacking(reading, AT_A_RATE)]
    if problems:
        return replace(reading, problems=problems)
    rows = []
    for row in reading.rows.to_pylist():
        image, label = ("" if row[name] is None else str(row[name]).strip() for name in AT_A_RATE)
        match = _LAST_NUMBER.search(Path(image).stem)
        if not match or len(match[1]) > MOST_DIGITS:
            why = f"expected a number in the picture's name, as in frame12.jpg, received {image[:80]!r}"
            problems.append(Problem(row[FILE], row[LINE], "Image_ID", why))
        elif classes and label not in classes:
            why = f"class {label!r} is not in --classes{did_you_mean(label, list(classes))}"
            problems.append(Problem(row[FILE], row[LINE], "Class", why))
        else:
            start_s = int(match[1]) / rate
            span = {"start_s": start_s, "end_s": start_s + 1 / rate}
            when = {"time_s": start_s} if contract.shape == "moments" else span
            label = classes.get(label, label)
            rows.append({"movie_id": movie_id, **when, _class_of(contract): label, LINE: row[LINE], FILE: row[FILE]})
    return replace(reading, rows=_as_table(rows), problems=problems)


def _lacking(reading: ReadLabels, columns: Sequence[str]) -> list[Problem]:
    present = [name for name in reading.rows.column_names if name not in (LINE, FILE)]
    why = "the column is missing: --rate is for files with Image_ID and Class"
    return [Problem(reading.source, 1, n, why + did_you_mean(n, present)) for n in columns if n not in present]


def _class_of(contract: LabelContract) -> str:
    """The class's column; callers have checked that there is one."""
    assert contract.class_column is not None
    return contract.class_column


def in_days(reading: ReadLabels) -> ReadLabels:
    """The rows with their times, shares of a day as spreadsheets count them, in seconds; other texts as they are."""
    rows = reading.rows
    for name in (name for name in TIMES if name in rows.column_names):
        column = in_seconds(rows[name].combine_chunks(), DAY_S)
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return replace(reading, rows=rows)


def in_class_folders(folder: Path, films: Iterable[CatalogueFilm], contract: LabelContract) -> ReadLabels:
    """Films of the catalogue that lie in `folder/<class>/` as labels of whole films."""
    place = folder.absolute()
    rows, filled = [], set()
    for film in films:
        path = Path(film.path)
        if path.parent.parent == place:
            filled.add(path.parent.name)
            label = {_class_of(contract): path.parent.name}
            rows.append({"movie_id": film.movie_id, **label, LINE: 0, FILE: str(folder / path.parent.name / path.name)})
    if place.is_dir():
        empty = {path.name for path in place.iterdir() if path.is_dir()} - filled
        why = f"the folder holds no film of the catalogue: is {CATALOGUE_OF_CLIPS} in it?"
        problems = [Problem(str(folder / name), 0, "", why) for name in sorted(empty)]
    else:
        problems = [Problem(str(folder), 0, "", "there is no such folder")]
    return ReadLabels(_as_table(rows), folder.name, digest(sorted(map(str, rows))), problems)


CATALOGUE_OF_CLIPS = '`catalogue: {films: "scenes/*/*.mkv"}`'


def _as_table(rows: list[dict[str, Any]]) -> pa.Table:
    names = list(rows[0]) if rows else [LINE, FILE]
    return pa.table({name: [row[name] for row in rows] for name in names})


def _types(tables: list[pa.Table]) -> dict[str, set[pa.DataType]]:
    """Column → its types in the tables that have it."""
    types: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for column in table.schema:
            types.setdefault(column.name, set()).add(column.type)
    return types


def _joined(tables: list[pa.Table]) -> pa.Table:
    """One table; columns whose type differs between files as texts."""
    texts = {name for name, kinds in _types(tables).items() if len(kinds) > 1}
    same = []
    for table in tables:
        columns = [pa.field(c.name, pa.string()) if c.name in texts else c for c in table.schema]
        same.append(table.cast(pa.schema(columns)))
    return pa.concat_tables(same, promote_options="default")


def _read_file(
    path: Path, columns: Callable[[str], bool] | None, known: Collection[str], notes: list[str]
) -> tuple[pa.Table, list[Problem]]:
    try:
        check_text_file(path)
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        if is_parquet:
            return _read_parquet(path, columns)
        return _read_workbook(path, known, notes) if is_workbook(path) else _read_csv(path)
    except (FileTooLarge, ValueError) as error:
        return _table(path, [], [], []), [Problem(str(path), 0, "", f"the file cannot be labels: {error}")]
    except OSError as error:
        why = f"the file cannot be read: {error.strerror or error}"
        return _table(path, [], [], []), [Problem(str(path), 0, "", why)]


def _read_parquet(path: Path, columns: Callable[[str], bool] | None) -> tuple[pa.Table, list[Problem]]:
    try:
        table = bounded_table(path, BOUNDS, None if columns is None else [*filter(columns, foreign_schema(path).names)])
    except FileTooLarge as error:
        return _table(path, [], [], []), [Problem(str(path), 0, "", f"the file cannot be labels: {error}")]
    except pa.ArrowException as error:
        return _table(path, [], [], []), [Problem(str(path), 0, "", f"expected CSV in UTF-8 or Parquet: {error}")]
    table = table.drop_columns([name for name in table.column_names if _PANDAS_INDEX.fullmatch(name)])
    table = table.append_column(LINE, pa.array(range(1, len(table) + 1), pa.int64()))
    return table.append_column(FILE, pa.array([str(path)] * len(table), pa.string())), []


def _read_csv(path: Path) -> tuple[pa.Table, list[Problem]]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return _table(path, [], [], []), [
            Problem(str(path), line, "", "expected CSV in UTF-8, a workbook (.xlsx), or Parquet")
        ]
    text = as_csv(_SEPARATOR.sub(r"\1\n", text))
    file = io.StringIO(text, newline="")
    delimiter = _delimiter(file.readline())
    file.seek(0)
    if max(text.count("\n"), text.count("\r")) > BOUNDS.rows or text.count(delimiter) > MOST_CELLS:
        raise FileTooLarge(f"expected at most {BOUNDS.rows} lines and {MOST_CELLS} values")
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        problems = _header_problems(path, header)
    except csv.Error as error:
        problems = [Problem(str(path), 1, "", f"expected CSV: {error}")]
    if problems:
        return _table(path, [], [], []), problems
    rows, at = _csv_rows(path, reader, header, problems)
    return _table(path, header, rows, at), problems


def _read_workbook(path: Path, known: Collection[str], notes: list[str]) -> tuple[pa.Table, list[Problem]]:
    try:
        filled = filled_sheets(path)
    except (FileTooLarge, ValueError) as error:
        return _table(path, [], [], []), [Problem(str(path), 0, "", f"the file cannot be labels: {error}")]
    if not filled:
        return _table(path, [], [], []), _header_problems(path, [])
    fitting, left_out = _fitting_sheets(filled, known)
    notes += [f"{path.name}: the sheet {name!r} is left out: {why}" for name, why in left_out.items()]
    tables, problems = [], list[Problem]()
    for sheet in fitting:
        if sheet.merged:
            notes.append(
                f"{path.name}: {sheet.merged} cells of {sheet.name!r} are merged with others and read as these"
            )
        place = str(path) if len(filled) == 1 else f"{path}: sheet {sheet.name!r}"
        table, wrong = _read_sheet(place, sheet)
        tables.append(table)
        problems += wrong
    return (_table(path, [], [], []), problems) if problems else (_joined(tables), [])


def _fitting_sheets(filled: Sequence[Sheet], known: Collection[str]) -> tuple[list[Sheet], dict[str, str]]:
    """The sheets with the columns of the one that has most of those known, and why others are left out, by name."""
    shown = [sheet for sheet in filled if not sheet.hidden] or filled
    first = max(shown, key=lambda sheet: len(set(sheet.header) & set(known)))  # of several, the first in the workbook
    fitting, left_out = [], {}
    for sheet in filled:
        if sheet not in shown:
            left_out[sheet.name] = "it is hidden"
        elif set(sheet.header) != set(first.header):
            named = ", ".join(filter(None, sheet.header))[:80]
            left_out[sheet.name] = f"its columns ({named}) are not those of {first.name!r}"
        else:
            fitting.append(sheet)
    return fitting, left_out


def _read_sheet(place: str, sheet: Sheet) -> tuple[pa.Table, list[Problem]]:
    header, rows = sheet.header, sheet.rows[1:]
    problems = _header_problems(place, header)
    for row in rows:
        if len(row.values) > len(header):
            why = f"expected {len(header)} fields, received {len(row.values)}"
            problems.append(Problem(place, row.line, "", why))
    values = [[*row.values, *[""] * (len(header) - len(row.values))] for row in rows]
    return (_table(place, [], [], []) if problems else _table(place, header, values, [r.line for r in rows])), problems


def _delimiter(header: str) -> str:
    """What separates the columns; a header of one column has no delimiter."""
    try:
        return csv.Sniffer().sniff(header[:SNIFFED], DELIMITERS).delimiter
    except csv.Error:
        return ","


def _header_problems(path: Path | str, header: list[str]) -> list[Problem]:
    if not any(header):
        return [Problem(str(path), 1, "", "expected a header with the columns' names: the file is empty")]
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    return [Problem(str(path), 1, name, "the column stands twice in the header") for name in twice]


def _csv_rows(path: Path, reader: Any, header: list[str], problems: list[Problem]) -> tuple[list[list[str]], list[int]]:
    """The rows and their lines; rows of another length become problems."""
    rows: list[list[str]] = []
    at: list[int] = []
    last = reader.line_num
    try:
        for values in reader:
            line, last = last + 1, reader.line_num
            if not any(value.strip() for value in values):
                continue
            if len(values) == len(header):
                rows.append([unguarded(value) for value in values])
                at.append(line)
            else:
                problems.append(Problem(str(path), line, "", f"expected {len(header)} fields, received {len(values)}"))
            if len(problems) > MOST_PROBLEMS:
                problems.append(Problem(str(path), line + 1, "", "too many lines are wrong: what follows is not read"))
                break
    except csv.Error as error:
        problems.append(Problem(str(path), last + 1, "", f"expected CSV: {error}"))
    return rows, at


def _table(path: Path | str, header: list[str], rows: Iterable[Sequence[str]], lines: list[int]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    arrays = [pa.array(column, pa.string()) for column in columns]
    arrays += [pa.array(lines, pa.int64()), pa.array([str(path)] * len(lines), pa.string())]
    return pa.table(arrays, names=[*header, LINE, FILE])
