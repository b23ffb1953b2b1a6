"""`query`: SQL over the lake, answered as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from cinelake.client.lake_client import open_lake
from cinelake.errors import UnknownName, UsageError
from cinelake.lake.cells import Lake
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.query.views import ask, cell_rows, open_query, shown_value, views_sql
from cinelake.spec.contract import Contract
from cinelake.storage.atomic import written_whole
from cli.screen import err, table

FORMATS = ("table", "csv", "json", "parquet")
SHOWN_ROWS = 500


def answer(manifest: Path, sql: str, form: str, output: Path | None, published: str | None = None) -> int:
    """Answer one question, of the lake or of a published version; gives the exit code."""
    if form not in FORMATS:
        raise UnknownName("format", form, FORMATS)
    loaded = load_manifest(manifest)
    if published:
        write_answer(open_lake(loaded.lake.place, published).sql(sql).arrow(), form, output)
        return 0
    cells = _cells(loaded) if re.search(r"\bcells\b", sql, re.IGNORECASE) else []
    write_answer(ask(open_query(Lake(loaded.lake.place), _contracts(loaded), cells), sql), form, output)
    return 0


def print_views(manifest: Path, output: Path | None) -> int:
    """Write the statements that make the lake's views; gives the exit code."""
    loaded = load_manifest(manifest)
    statements = views_sql(Lake(loaded.lake.place), _contracts(loaded))
    with _sink(output) as sink:
        sink.write(statements)
    return 0


def _contracts(loaded: Manifest) -> dict[str, Contract]:
    return {name: entry.spec.contract for name, entry in loaded.tasks.items()}


def write_answer(found: pa.Table, form: str, output: Path | None) -> None:
    """Write rows in one of `FORMATS`, to standard output or a file. Raises `UsageError` when it cannot be written."""
    writer = {"table": _as_table, "csv": _as_csv, "json": _as_json, "parquet": _as_parquet}[form]
    try:
        writer(found, output)
    except BrokenPipeError:
        raise  # whoever reads standard output has seen enough
    except OSError as error:
        raise UsageError(f"{output or 'standard output'} cannot be written: {error.strerror or error}") from error


def _cells(loaded: Manifest) -> list[dict[str, Any]]:
    """The view `cells` needs a plan; it is made only for questions that name it."""
    planning = plan_manifest(loaded)
    return list(cell_rows(planning.plan, planning.index))


def _as_table(found: pa.Table, output: Path | None) -> None:
    shown = found if output else found.slice(0, SHOWN_ROWS)
    with _sink(output) as sink:
        rows = [[shown_value(value) for value in row] for row in _rows(shown)]
        table(found.column_names, rows, file=sink if output else None)
    if shown.num_rows < found.num_rows:
        err.print(f"… and {found.num_rows - SHOWN_ROWS} more rows (`--format csv` gives all)")


def _rows(found: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows as values in the columns' order (two columns may have one name)."""
    for batch in found.to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _as_csv(found: pa.Table, output: Path | None) -> None:
    import csv

    with _sink(output) as sink:
        writer = csv.writer(sink)
        writer.writerow(found.column_names)
        for row in _rows(found):
            writer.writerow(["" if value is None else _plain(value) for value in row])


def _as_json(found: pa.Table, output: Path | None) -> None:
    import json

    with _sink(output) as sink:
        names = found.column_names
        rows = [dict(zip(names, map(_plain, row), strict=True)) for row in _rows(found)]
        sink.write(json.dumps(rows, ensure_ascii=False, default=str, indent=1) + "\n")


def _as_parquet(found: pa.Table, output: Path | None) -> None:
    import pyarrow.parquet as pq

    with _sink(output, binary=True) as sink, pa.PythonFile(sink, "w") as file:
        pq.write_table(found, file)


def _plain(value: Any) -> Any:
    """A value that CSV and JSON can hold; bytes as base64."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


@contextmanager
def _sink(output: Path | None, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Standard output, or a file that appears whole or not at all."""
    if output is None:
        yield sys.stdout.buffer if binary else sys.stdout
        return
    form: dict[str, Any] = {"mode": "wb"} if binary else {"mode": "w", "encoding": "utf-8", "newline": ""}
    with written_whole(output) as unfinished, unfinished.open(**form) as file:
        yield file
