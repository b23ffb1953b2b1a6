"""A list of films, CSV or Parquet, as rows with their line; problems of a row are kept with it.

A list that cannot be read at all, or has no column `uri`, is a `ManifestError`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cinelake.errors import ManifestError, Problem, did_you_mean
from cinelake.spec.streams import StreamChoice, StreamChoices

CHOICES = ("pictures_language", "pictures_title", "sound_language", "sound_title", "sound_layout")
"""Columns that choose among a film's streams; several languages or layouts are parted by spaces, `|` or `/`."""
COLUMNS = ("movie_id", "uri", "title", "group", "accept", *CHOICES)
MAX_ROWS = 20_000_000
MAX_FIELD_BYTES = 64 * 1024
MAX_TEXT_BYTES = 1 << 30
"""A list that unpacks to more than this (1 GiB) is none of films, however small its file."""
ROWS_AT_ONCE = 1024
YES, NO = ("1", "true", "yes", "y", "x", "damaged"), ("", "0", "false", "no", "n")
"""What column `accept` may hold, in any case."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """One film of a list. `line`: of the CSV file, or the row of the Parquet file, from 1. `wrong`: its problem.

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


def read_list(path: Path) -> list[ListRow]:
    """The rows of a list of films; raises `ManifestError` if it is missing, not readable or has no `uri`."""
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        return list(_parquet_rows(path) if is_parquet else _csv_rows(path))
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, f"expected CSV in UTF-8 or Parquet: {error}") from error


def _unreadable(path: Path, why: str, line: int = 0) -> ManifestError:
    return ManifestError([Problem(str(path), line, "catalogue.list", f"the list cannot be read: {why}")])


def _csv_rows(path: Path) -> Iterator[ListRow]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first_line = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=first_line.count)  # spreadsheets write `;` or tabs in some countries
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header)
        last = reader.line_num
        for values in reader:
            line, last = last + 1, reader.line_num
            if not any(value.strip() for value in values):
                continue
            if len(values) == len(header):
                yield _row(line, dict(zip(header, values, strict=True)))
            else:
                yield ListRow(line, wrong=f"expected {len(header)} fields, received {len(values)}")


def _check_header(path: Path, header: list[str]) -> None:
    if "uri" not in header:
        hint = did_you_mean("uri", header) if header else ": the file is empty"
        raise _unreadable(path, f"expected a header with a column 'uri'{hint}", 1)
    twice = sorted({name for name in header if name in COLUMNS and header.count(name) > 1})
    if twice:
        raise _unreadable(path, f"column {twice[0]!r} stands twice in the header", 1)


def _parquet_rows(path: Path) -> Iterator[ListRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_header(path, file.schema_arrow.names)
            columns = [name for name in COLUMNS if name in file.schema_arrow.names]
            _check_size(path, file, columns)
        line = 0
        for batch in _batches(path, columns):
            for row in batch.to_pylist():
                line += 1
                yield _row(line, row)
    except pa.ArrowException as error:
        raise _unreadable(path, str(error)) from error


def _check_size(path: Path, file: Any, columns: Sequence[str]) -> None:
    """Raise `ManifestError` for a file that says itself that it unpacks to too much, or whose columns are no texts."""
    import pyarrow as pa

    about, schema = file.metadata, file.schema_arrow
    nested = [name for name in columns if pa.types.is_nested(schema.field(name).type)]
    if nested:
        raise _unreadable(path, f"expected texts in column {nested[0]!r}, received {schema.field(nested[0]).type}")
    if about.num_rows > MAX_ROWS:
        raise _unreadable(path, f"it has {about.num_rows} rows, more than {MAX_ROWS}")
    chunks = (
        about.row_group(group).column(i) for group in range(about.num_row_groups) for i in range(about.num_columns)
    )
    unpacked = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in columns)
    if unpacked > MAX_TEXT_BYTES:
        raise _unreadable(path, f"its columns unpack to {unpacked} bytes, more than {MAX_TEXT_BYTES}")


def _batches(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    """The columns, some rows at a time. Raises `ManifestError` where a text, or all of them, are too long.

    Texts stay dictionaries as they are read: one long text that a million rows share is seen before it is copied.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    texts = [field.name for field in pq.read_schema(path) if field.name in columns and pa.types.is_string(field.type)]
    total = 0
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(columns)):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                is_dictionary = pa.types.is_dictionary(column.type)
                values = column.dictionary if is_dictionary else column
                if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
                    continue
                lengths = pc.binary_length(values)
                if (pc.max(lengths).as_py() or 0) > MAX_FIELD_BYTES:
                    raise _unreadable(path, f"a text in column {name!r} is longer than {MAX_FIELD_BYTES} bytes")
                total += pc.sum(lengths.take(column.indices) if is_dictionary else lengths).as_py() or 0
            if total > MAX_TEXT_BYTES:
                raise _unreadable(path, f"its texts are longer than {MAX_TEXT_BYTES} bytes together")
            yield batch


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
