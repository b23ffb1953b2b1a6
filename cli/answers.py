"""Answers of queries and labels: rows written as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from cinelake.errors import UsageError
from cinelake.manifest.document import Manifest
from cinelake.query.views import shown_value
from cinelake.spec.contract import Contract
from cinelake.storage.files import written_whole
from cli.screen import err, json_text, readable, table, warn
from cli.terminal import is_plain

FORMATS = ("table", "csv", "json", "parquet")
SHOWN_ROWS = 500


def manifest_contracts(loaded: Manifest) -> dict[str, Contract]:
    """Table → contract of the manifest's tasks."""
    return {name: entry.spec.contract for name, entry in loaded.tasks.items()}


def write_answer(rows: pa.Table, form: str, output: Path | None, *, raw: bool = False) -> None:
    """Write rows in one of `FORMATS`, to standard output or a file. Raises `UsageError` when it cannot be written.

    raw: CSV holds text that a spreadsheet would take for a formula as it is.
    """
    try:
        if form == "csv":
            _as_csv(rows, output, raw)
        else:
            {"table": _as_table, "json": _as_json, "parquet": _as_parquet}[form](rows, output)
    except BrokenPipeError:
        raise  # the reader of standard output has closed it
    except OSError as error:
        raise UsageError(f"{output or 'standard output'} cannot be written: {error.strerror or error}") from error


def _as_table(rows: pa.Table, output: Path | None) -> None:
    shown = rows if output else rows.slice(0, SHOWN_ROWS)
    with open_sink(output) as sink:
        texts = [[shown_value(value) for value in row] for row in _rows(shown)]
        table(rows.column_names, texts, file=sink if output else None)
    if shown.num_rows < rows.num_rows:
        err.print(f"… and {rows.num_rows - SHOWN_ROWS} more rows (`--format csv` gives all)")


def _rows(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows as values in the columns' order (column names may repeat)."""
    for batch in rows.to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _as_csv(rows: pa.Table, output: Path | None, raw: bool) -> None:
    """As `export csv` does: text that a spreadsheet would run gets an apostrophe before it, unless `raw`.

    On a terminal, what would steer it is escaped.
    """
    import csv

    from cinelake.spec.formulas import safe_text

    formulas, for_eyes = 0, output is None and sys.stdout.isatty()

    def cell(value: Any) -> Any:
        nonlocal formulas
        safe = safe_text("" if value is None else _plain(value))
        formulas += safe is not value and isinstance(value, str)
        written = value if raw and isinstance(value, str) else safe
        return readable(written) if for_eyes and isinstance(written, str) else written

    with open_sink(output) as sink:
        writer = csv.writer(sink, lineterminator="\n")
        for row in (rows.column_names, *_rows(rows)):
            writer.writerow([cell(value) for value in row])
    if formulas:
        begin = f"{formulas} texts begin with one of = + - @, which spreadsheets run as formulas: "
        warn(
            begin
            + ("written as they are" if raw else "written with a ' before (another format, or `query --raw`: exactly)")
        )


def _as_json(rows: pa.Table, output: Path | None) -> None:
    with open_sink(output) as sink:
        names = rows.column_names
        objects = [dict(zip(names, map(_plain, row), strict=True)) for row in _rows(rows)]
        sink.write(json_text(objects, ascii_only=is_plain(sink)) + "\n")


def _as_parquet(rows: pa.Table, output: Path | None) -> None:
    import pyarrow.parquet as pq

    if output is None and sys.stdout.isatty():
        raise UsageError("Parquet is binary, nothing for a terminal: name a file (`-o rows.parquet`) or send it to one")
    with open_sink(output, binary=True) as sink, pa.PythonFile(sink, "w") as file:
        pq.write_table(rows, file)


def _plain(value: Any) -> Any:
    """A value that CSV and JSON can hold; bytes as base64."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


@contextmanager
def open_sink(output: Path | None, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Standard output, or a file that appears whole or not at all."""
    if output is None:
        yield sys.stdout.buffer if binary else sys.stdout
        return
    form: dict[str, Any] = {"mode": "wb"} if binary else {"mode": "w", "encoding": "utf-8", "newline": ""}
    with written_whole(output) as unfinished, unfinished.open(**form) as file:
        yield file
