"""How long a question may take and how large its answer may be: SQL can ask for what has no end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from cinelake.errors import UsageError

if TYPE_CHECKING:
    import duckdb

ROWS_AT_ONCE = 100_000
MOST_ANSWER_BYTES = 4 << 30
"""Of an answer that is held in memory; DuckDB's own limit of memory does not count what it has handed over."""
SPILLED_SHARE = 0.5
"""How much of what is free where temporary files are, one question may take: others need that disk too."""


@contextmanager
def ends_within(limit_s: float | None, interrupt: Callable[[], None]) -> Iterator[None]:
    """The block's question is interrupted after so long, which raises `UsageError`; None: it takes what it takes."""
    expired = threading.Event()

    def end() -> None:
        expired.set()
        interrupt()

    timer = threading.Timer(limit_s, end) if limit_s else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield
    except UsageError as error:
        if expired.is_set():
            raise UsageError(f"the question was ended after {limit_s:g} s: ask for less, or allow more time") from error
        raise
    finally:
        if timer:
            timer.cancel()


def collected(relation: duckdb.DuckDBPyRelation, most_bytes: int = MOST_ANSWER_BYTES) -> pa.Table:
    """The rows, held in memory. Raises `UsageError` where they take more, and for what fails as they are computed."""
    import duckdb

    batches, size = [], 0
    try:
        reader = relation.to_arrow_reader(ROWS_AT_ONCE)
        for batch in reader:
            batches.append(batch)
            size += batch.nbytes
            if size > most_bytes:
                held = f"{most_bytes / 2**30:g} GiB"
                raise UsageError(f"the answer takes more than {held}: ask for fewer columns, or for a part with LIMIT")
    except (duckdb.Error, OSError, pa.ArrowException) as error:  # a reader turns DuckDB's errors into others
        raise UsageError(reason(error)) from error
    return pa.Table.from_batches(batches, reader.schema)


def reason(error: Exception) -> str:
    """What DuckDB reports; of what Python raised under it, such as a refused file, the last line."""
    text = str(error)
    return text.strip().splitlines()[-1] if text.startswith("Traceback") else text
