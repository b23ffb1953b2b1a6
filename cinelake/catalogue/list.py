"""A list of films, CSV, a workbook (.xlsx) or Parquet, as rows with their line; problems of a row are kept with it.

A list that cannot be read at all, or has no column `uri`, is a `ManifestError`.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cinelake.errors import FileTooLarge, ManifestError, Problem, did_you_mean
from cinelake.spec.streams import StreamChoice, StreamChoices
from cinelake.storage.foreign_parquet import Bounds, bounded_batches, check_text_file, foreign_schema
from cinelake.storage.sheets import Sheet, SheetRow, filled_sheets, is_workbook

CHOICES = ("pictures_language", "pictures_title", "sound_language", "sound_title", "sound_layout")
"""Columns that choose among a film's streams; several languages or layouts are parted by spaces, `|` or `/`."""
COLUMNS = ("movie_id", "uri", "title", "group", "accept", *CHOICES)
BOUNDS = Bounds()
"""A list that unpacks to more than this is none of films, however small its file."""
ARCHIVE = b"PK\3\4"
"""How a workbook begins."""
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How a list begins that a spreadsheet saved as "Unicode text"."""
RESEMBLES = 0.8
"""From this share of equal letters on, a column that is not read may be meant for one of ours."""
YES, NO = ("1", "true", "yes", "y", "x", "damaged"), ("", "0", "false", "no", "n")
"""What column `accept` may hold, in any case."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """One film of a list. `wrong`: its problem.

    line: of the CSV file or the sheet, or the row of the Parquet file, from 1.

    accept: whether a person wants what can be read of the film, damaged or not.
    """

    line: int
    movie_id: str = ""
    uri: str = ""
    title: str = ""
    group: str = ""
    pictures_language: str = ""
    pictures_title: str = ""
    sound_language: str = ""
    sound_title: str = ""
    sound_layout: str = ""
    wrong: str = ""
    accept: bool = False

    def choices(self) -> StreamChoices:
        """The row's choice of streams."""
        pictures = StreamChoice(_words(self.pictures_language), self.pictures_title)
        sound = StreamChoice(_words(self.sound_language), self.sound_title, _words(self.sound_layout))
        return StreamChoices(pictures, sound)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace("|", " ").replace("/", " ").split())


@dataclass(frozen=True)
class FilmList:
    """The rows of a list, and sentences about columns and sheets that are not read though they resemble ours."""

    rows: list[ListRow]
    told: list[str]


def read_list(path: Path) -> FilmList:
    """A list of films; raises `ManifestError` if it is missing, not readable or has no `uri`.

    Columns are known in any case and with blanks or hyphens in their names (`Movie ID`), where no other has the name.
    """
    told: list[str] = []
    try:
        check_text_file(path)
        with path.open("rb") as file:
            begins = file.read(4)
        rows_of = {b"PAR1": _parquet_rows, ARCHIVE: _workbook_rows}.get(begins, _csv_rows)
        return FilmList(list(rows_of(path, told)), told)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except FileTooLarge as error:
        raise _unreadable(path, str(error)) from error
    except (UnicodeError, csv.Error) as error:
        raise _unreadable(path, f"expected CSV in UTF-8, a workbook (.xlsx) or Parquet: {error}") from error


def _unreadable(path: Path, why: str, line: int = 0) -> ManifestError:
    return ManifestError([Problem(str(path), line, "catalogue.list", f"the list cannot be read: {why}")])


def _csv_rows(path: Path, told: list[str]) -> Iterator[ListRow]:
    with path.open("rb") as raw:
        encoding = "utf-16" if raw.read(2) in UTF_16 else "utf-8-sig"
    with path.open(encoding=encoding, newline="") as file:
        begins, before, first_line = file.tell(), 0, file.readline()
        while first_line and _is_preamble(first_line):
            begins, before, first_line = file.tell(), before + 1, file.readline()
        file.seek(begins)
        delimiter = max(",;\t", key=first_line.count)  # spreadsheets write `;` or tabs in some countries
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        header = _own_names(path, next(reader, []), told)
        last = before + reader.line_num
        for values in reader:
            line, last = last + 1, before + reader.line_num
            if last > BOUNDS.rows:
                raise FileTooLarge(f"it has more than {BOUNDS.rows} lines")
            if not any(value.strip() for value in values):
                continue
            if len(values) == len(header):
                yield _row(line, dict(zip(header, values, strict=True)))
            else:
                yield ListRow(line, wrong=f"expected {len(header)} fields, received {len(values)}")


def _is_preamble(line: str) -> bool:
    """Whether a line before the header says nothing: an empty one, or `sep=;`, which Excel writes and takes."""
    return not line.strip().strip(",;") or re.fullmatch(r"sep=[,;\t][,;\s]*", line) is not None


def _own_names(path: Path, header: list[str], told: list[str]) -> list[str]:
    """The header with our names for the columns that are ours; `told` gets a sentence on each that may be meant so."""
    header = [name.strip() for name in header]
    plain = [re.sub(r"[\s-]+", "_", name.casefold()) for name in header]
    own = [n if p not in COLUMNS or p in header else p for n, p in zip(header, plain, strict=True)]
    if "uri" not in own:
        hint = did_you_mean("uri", header) if header else ": the file is empty"
        raise _unreadable(path, f"expected a header with a column 'uri'{hint}", 1)
    twice = sorted({name for name in own if name in COLUMNS and own.count(name) > 1})
    if twice:
        raise _unreadable(path, f"column {twice[0]!r} stands twice in the header", 1)
    missing = [name for name in COLUMNS if name not in own]
    for name, spelled in zip(own, plain, strict=True):
        near = difflib.get_close_matches(spelled, missing, n=1, cutoff=RESEMBLES) if name not in COLUMNS else []
        told += [f"{path.name}: the column {name!r} is not read{did_you_mean(spelled, near)}" for _ in near]
    return own


def _parquet_rows(path: Path, told: list[str]) -> Iterator[ListRow]:
    import pyarrow as pa

    try:
        names = foreign_schema(path).names
        own = dict(zip(names, _own_names(path, names, told), strict=True))
        line = 0
        for batch in bounded_batches(path, BOUNDS, [name for name in names if own[name] in COLUMNS]):
            for row in batch.to_pylist():
                line += 1
                yield _row(line, {own[name]: value for name, value in row.items()})
    except (pa.ArrowException, FileTooLarge) as error:
        raise _unreadable(path, str(error)) from error


def _workbook_rows(path: Path, told: list[str]) -> Iterator[ListRow]:
    """The rows of the first sheet with a column `uri`, of a hidden one only where no other has one.

    `told` gets the names of the others that have one.
    """
    try:
        if not is_workbook(path):
            raise ValueError("expected CSV in UTF-8, a workbook (.xlsx) or Parquet, received another archive")
        filled = filled_sheets(path)
    except ValueError as error:
        raise _unreadable(path, str(error)) from error
    lists = [sheet for sheet in filled if "uri" in (name.casefold() for name in sheet.header)]
    lists.sort(key=lambda sheet: sheet.hidden)
    told += [f"{path.name}: the sheet {sheet.name!r} is not read, but {lists[0].name!r}" for sheet in lists[1:]]
    sheet = (lists or filled or [Sheet("", False, [SheetRow(1, [])])])[0]
    header = _own_names(path, sheet.header, told)
    for row in sheet.rows[1:]:
        if len(row.values) > len(header):
            yield ListRow(row.line, wrong=f"expected {len(header)} fields, received {len(row.values)}")
        else:
            yield _row(row.line, dict(zip(header, row.values, strict=False)))


def _text_of(name: str, value: Any) -> str:
    """A value as text: NaN, which pandas writes for an empty one, is ''; 7.0 of a column of ids with gaps is 7."""
    if value != value:
        return ""
    if name == "movie_id" and isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _row(line: int, values: dict[str, Any]) -> ListRow:
    texts = {name: _text_of(name, values[name]) for name in COLUMNS if values.get(name) is not None}
    wrong = "" if texts.get("uri") else "has no uri"
    if "\0" in "".join(texts.values()):
        wrong = "holds a NUL character"
    accept = texts.pop("accept", "").lower()
    if accept not in (*YES, *NO):
        wrong = wrong or f"expected yes or no in column accept, received {accept[:40]!r}"
    return ListRow(line, **texts, wrong=wrong, accept=accept in YES)
