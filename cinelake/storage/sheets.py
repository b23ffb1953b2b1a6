"""Workbooks (`.xlsx`) as rows of texts, within bounds: a formula is its text and nothing is computed or fetched."""

from __future__ import annotations

import datetime
import lzma
import zipfile
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from cinelake.errors import FileTooLarge

MAX_UNPACKED = 512 << 20
MAX_PARTS = 2000
MAX_ROWS = 1 << 20
"""What a sheet holds in the program itself; here, all sheets together, without the rows that are empty."""
MAX_PASSED = 16 * MAX_ROWS
"""Rows that are gone through, the empty ones too: programs write them down to the last where a column has a format."""
MAX_COLUMNS = 256
MAX_CELLS = 1 << 25
"""Of all sheets, as many columns to a row as the header has."""
MAX_ELEMENTS, MAX_ELEMENTS_OF_ROW, MAX_DEPTH = 1 << 23, 1 << 16, 64
"""Of a part's XML: outside of its rows, which stay in memory together, within one row, and how deep they nest."""
MAX_DESCRIPTIONS = 1 << 19
"""Elements of `DESCRIPTIONS` in all parts. Excel itself has at most 65,490 formats of cells."""
DESCRIPTIONS = frozenset(
    ("xf", "alignment", "protection", "font", "fill", "border", "left", "right", "top", "bottom", "color", "rgbColor",
     "numFmt", "cellStyle", "dxf", "tableStyle", "Relationship", "Default", "Override", "sheet", "definedName",
     "externalReference", "property")
)  # fmt: skip
"""What a part says of formats, names and other parts: each becomes an object of about a kilobyte, used or not."""
BAD_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
)
"""What is raised where an archive is damaged, encrypted, or packed in a way that is not known."""
_EPOCH = datetime.datetime(1899, 12, 30)


@dataclass(frozen=True)
class SheetRow:
    """A row of a sheet. line: its number as the program shows it; values: one text for each column, '' where empty."""

    line: int
    values: list[str]


@dataclass(frozen=True)
class Sheet:
    """A sheet that has rows, the first of which is its header. hidden: the program does not show it. merged: how many
    cells have got the value of the one that they are merged with."""

    name: str
    hidden: bool
    rows: list[SheetRow]
    merged: int = 0

    @property
    def header(self) -> list[str]:
        """The columns' names."""
        return [name.strip() for name in self.rows[0].values]


def is_workbook(path: Path) -> bool:
    """Whether a file is a workbook, by its content. Raises `ValueError` for an archive that cannot be read."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except BAD_ARCHIVE as error:
        raise ValueError(f"the archive is damaged: {error}") from error


def filled_sheets(path: Path) -> list[Sheet]:
    """The sheets that have rows, and these without those that are empty; durations and times of day as H:MM:SS.

    Raises `FileTooLarge` for more than such a file ever holds, `ValueError` for what is damaged or declares entities.
    """
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    _check(path)
    try:
        with path.open("rb") as file:  # of a path, it looks at the suffix
            book = load_workbook(file, read_only=True, data_only=False, keep_links=False)
            found, cells, left, passed = [], 0, MAX_ROWS, count(1)
            if len({sheet._worksheet_path for sheet in book.worksheets}) < len(book.worksheets):
                raise FileTooLarge("several sheets of a workbook are one and the same part of it")
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # programs write them wrongly, and what is beyond would be left out
                rows = list(_rows(sheet.iter_rows(), left, passed))
                left -= len(rows)
                cells += len(rows) * len(rows[0].values) if rows else 0
                if cells > MAX_CELLS:
                    raise FileTooLarge(f"the sheets of a workbook have at most {MAX_CELLS} cells")
                if rows:
                    merged = _spread(rows, _merged(path, sheet._worksheet_path))
                    found.append(Sheet(sheet.title, sheet.sheet_state != "visible", rows, merged))
            return found
    except (
        InvalidFileException,
        LookupError,
        ValueError,
        TypeError,
        ArithmeticError,
        AttributeError,
        SyntaxError,
        *BAD_ARCHIVE,
    ) as error:
        raise ValueError(f"expected a workbook: {error}") from error


def write_sheet(names: list[str], rows: Iterable[Iterable[Any]], sink: IO[bytes]) -> None:
    """Write rows under a header as a workbook; texts stay texts, also those that look like formulas.

    Raises `ValueError` for a text that a sheet cannot hold, and for more rows than one has.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils.exceptions import IllegalCharacterError

    book = Workbook(write_only=True)
    sheet = book.create_sheet("labels")
    sheet.append(names)
    for number, row in enumerate(rows, 2):
        if number > MAX_ROWS:
            raise ValueError(f"a sheet holds {MAX_ROWS} rows at most")
        cells = []
        for name, value in zip(names, row, strict=True):
            try:
                cell = WriteOnlyCell(sheet, value=value)
            except IllegalCharacterError as error:
                raise ValueError(
                    f"row {number}, {name}: a sheet holds no control characters, received {value!r}"
                ) from error
            if isinstance(value, str):
                if len(value) > 32767:
                    raise ValueError(f"row {number}, {name}: a cell holds 32,767 characters, received {len(value)}")
                cell.data_type = "s"  # openpyxl takes = for a formula
            cells.append(cell)
        sheet.append(cells)
    book.save(sink)


def _rows(rows: Iterable[Any], most: int, passed: Iterator[int]) -> Iterator[SheetRow]:
    """The rows that are not empty, `most` of them. passed: counts all rows of all sheets."""
    filled = 0
    for number, cells in enumerate(rows, 1):
        values = [_text(cell.value) for cell in cells]
        while values and not values[-1]:
            values.pop()
        filled += bool(values)
        if filled > most or next(passed) > MAX_PASSED or len(cells) > MAX_COLUMNS:
            raise FileTooLarge(f"the sheets of a workbook have at most {MAX_ROWS} rows and {MAX_COLUMNS} columns")
        if values:
            yield SheetRow(next((cell.row for cell in cells if getattr(cell, "row", None)), number), values)


Area = tuple[int, int, int, int]
"""First column and row, last column and row, from 1."""


def _merged(path: Path, part: str) -> list[Area]:
    """The areas of a sheet whose cells are merged. Raises `ValueError`."""
    from openpyxl.utils import range_boundaries

    found: list[Area] = []
    parser = expat.ParserCreate(namespace_separator=" ")

    def begun(name: str, about: dict[str, str]) -> None:
        if name.endswith(" mergeCell"):
            left, top, right, bottom = range_boundaries(about["ref"])
            found.append((left or 1, top or 1, right or MAX_COLUMNS, bottom or MAX_ROWS))
            if len(found) > MAX_ROWS:
                raise FileTooLarge(f"a sheet has at most {MAX_ROWS} merged areas")

    parser.StartElementHandler = begun
    try:
        with zipfile.ZipFile(path) as archive, archive.open(part) as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        raise ValueError(f"{part}: {error}") from error
    return found


def _spread(rows: list[SheetRow], merged: Iterable[Area]) -> int:
    """Give the value of merged cells, which a sheet keeps in the first alone, to those in rows below the header; how
    many get it."""
    lines, width, given = [row.line for row in rows], len(rows[0].values), 0
    for left, top, right, bottom in merged:
        first = bisect_left(lines, top)
        columns = range(left - 1, min(right, width))
        if not columns or not 0 < first < len(rows) or lines[first] != top or len(rows[first].values) < left:
            continue
        value = rows[first].values[left - 1]
        below = rows[first : bisect_right(lines, bottom)] if value else []
        for row in below:
            row.values.extend([""] * (columns.stop - len(row.values)))
            row.values[columns.start : columns.stop] = [value] * len(columns)
            given += len(columns)
            if given > MAX_CELLS:
                raise FileTooLarge(f"the merged areas of a sheet have at most {MAX_CELLS} cells")
        given -= bool(below)
    return given


def _text(value: Any) -> str:
    """A cell's value as text: times as H:MM:SS, whole numbers without a point, a formula as it is written."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime) and value.year <= 1900:  # more than 24 hours, formatted as a time
        return _clock((value - _EPOCH).total_seconds())
    if isinstance(value, datetime.timedelta):
        return _clock(value.total_seconds())
    if isinstance(value, datetime.time):
        since = datetime.timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
        return _clock((since + datetime.timedelta(microseconds=value.microsecond)).total_seconds())
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(getattr(value, "text", value))


def _clock(time_s: float) -> str:
    """A time as no plain number is written, so that it is never taken for days."""
    minutes, seconds = divmod(round(abs(time_s), 6), 60)
    return f"{'-' if time_s < 0 else ''}{int(minutes) // 60}:{int(minutes) % 60:02d}:{seconds:09.6f}"


def _check(path: Path) -> None:
    """What an archive says of itself, and that none of its parts declares a document type."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
                raise FileTooLarge(f"it unpacks to more than {MAX_UNPACKED >> 20} MB, or {MAX_PARTS} parts")
            descriptions, sheets = 0, _sheet_parts(archive)
            for part in parts:
                with archive.open(part) as file:
                    descriptions += _check_xml(file, part.filename, part.filename in sheets)
                if descriptions > MAX_DESCRIPTIONS:
                    raise FileTooLarge(f"it describes more than {MAX_DESCRIPTIONS} formats, names and parts")
    except (OSError, LookupError, *BAD_ARCHIVE) as error:  # LookupError: of a part's encoding
        raise ValueError(f"expected a workbook: {error}") from error


def _sheet_parts(archive: zipfile.ZipFile) -> set[str]:
    """The parts that are declared as sheets and as nothing else: these are read row by row, all others whole."""
    declared: dict[str, set[str]] = {}

    def begun(_tag: str, about: dict[str, str]) -> None:
        declared.setdefault(about.get("PartName", "").lstrip("/"), set()).add(about.get("ContentType", ""))

    parser = expat.ParserCreate()
    parser.StartElementHandler = begun
    try:
        with archive.open("[Content_Types].xml") as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        raise ValueError(f"expected a workbook: {error}") from error
    return {part for part, types in declared.items() if all(each.endswith(".worksheet+xml") for each in types)}


def _check_xml(file: IO[bytes], name: str, is_sheet: bool) -> int:
    """How many descriptions a part has. Raises `FileTooLarge` for one that unfolds to more than memory is meant for.

    Raises `ValueError` for a document type. Parts may be called anything: what is no XML is passed over.
    """
    parser, elements = expat.ParserCreate(), _Elements(name, "row" if is_sheet else None)

    def refuse(*_: Any) -> None:
        raise ValueError(f"{name} declares a document type, which no workbook does")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = elements.begun, elements.ended
    try:
        parser.ParseFile(file)
    except expat.ExpatError as error:
        if name.endswith((".xml", ".rels")):
            raise ValueError(f"expected a workbook: {name}: {error}") from error
    return elements.descriptions


class _Elements:
    """Counts the elements of a part as they begin and end. passing: the tag of those that are dropped once read."""

    def __init__(self, part: str, passing: str | None):
        self._part, self._passing = part, passing
        self._depth, self._outside, self._in_row, self._row = 0, 0, 0, 0
        self.descriptions = 0

    def begun(self, tag: str, _about: dict[str, str]) -> None:
        """Raises `FileTooLarge`."""
        self._depth += 1
        plain = tag.rpartition(":")[2]
        if self._row:
            self._in_row += 1
        else:
            self._outside += 1
            self._row = self._depth if plain == self._passing else 0
        self.descriptions += plain in DESCRIPTIONS
        too_many = self._outside > MAX_ELEMENTS or self._in_row > MAX_ELEMENTS_OF_ROW
        if too_many or self._depth > MAX_DEPTH or self.descriptions > MAX_DESCRIPTIONS:
            raise FileTooLarge(
                f"{self._part} has at most {MAX_ELEMENTS} elements, {MAX_ELEMENTS_OF_ROW} of them in a row, "
                f"{MAX_DESCRIPTIONS} of formats and names, {MAX_DEPTH} within each other"
            )

    def ended(self, _tag: str) -> None:
        """A row is gone once it has been read."""
        if self._depth == self._row:
            self._row = self._in_row = 0
        self._depth -= 1
