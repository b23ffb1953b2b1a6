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
INTERRUPTED_EVERY_S = 0.2
MOST_ANSWER_BYTES = 4 << 30
"""Of an answer that is held in memory; DuckDB's own limit of memory does not count what it has handed over."""
SPILLED_SHARE = 0.5
"""How much of what is free where temporary files are, one question may take: others need that disk too."""


@contextmanager
def ends_within(limit_s: float | None, interrupt: Callable[[], None]) -> Iterator[None]:
    """The block's question is interrupted after so long, which raises `UsageError`; None: it takes what it takes.

    It is interrupted again and again until the block is left: DuckDB forgets an interrupt that comes between two of its
    statements, as while lines are found by their words.
    """
    if limit_s is None:
        yield
        return
    if not limit_s > 0:
        raise UsageError(f"a question is given more than 0 seconds. Received: {limit_s:g}")
    import duckdb

    left, expired = threading.Event(), threading.Event()

    def end() -> None:
        if left.wait(min(limit_s, threading.TIMEOUT_MAX)):
            return
        expired.set()
        interrupt()
        while not left.wait(INTERRUPTED_EVERY_S):
            interrupt()

    timer = threading.Thread(target=end, name="question's time", daemon=True)
    timer.start()
    try:
        yield
    except (UsageError, duckdb.Error) as error:
        if expired.is_set():
            raise UsageError(f"the question was ended after {limit_s:g} s: ask for less, or allow more time") from error
        raise
    finally:
        left.set()
        timer.join()  # the connection's next question is not interrupted


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
