"""What the lake keeps of itself, beside the tables of films: why cells could not be made, what was measured of them."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cinelake.errors import FilmError
from cinelake.spec.contract import ENUM, Column, Contract
from cinelake.storage.store import Storage, storage_errors

FAILURES = Contract(
    table="failures",
    doc="Cells that could not be made, one row each; deleted when the cell succeeds.",
    key=("task",),
    columns=[
        Column("task", pa.string(), "The table that could not be made (`catalogue`: the film could not be used)."),
        Column("key", pa.string(), "The key of the cell that failed: the same key fails again."),
        Column("reason", ENUM, "The typed reason, as in `cinelake.errors`."),
        Column("transient", pa.bool_(), "Whether the next run tries again by itself."),
        Column("message", pa.string(), "What happened and what to do."),
        Column("log_tail", pa.string(), "The last words of ffmpeg or of the traceback."),
        Column("attempt", pa.int32(), "How many times it has failed with this key.", at_least=1),
        Column("at", pa.timestamp("us", "UTC"), "When it failed."),
    ],
)

QUALITY = Contract(
    table="quality",
    doc="What was measured of each cell when it was new: the last value of a cell is its present one.",
    key=("table", "measure", "at"),
    columns=[
        Column("table", pa.string(), "The table that was measured."),
        Column("measure", pa.string(), "What was measured, as the table's contract names it."),
        Column("value", pa.float64(), "The value; null where the film's rows give none.", nullable=True),
        Column("unit", pa.string(), "Unit of the value."),
        Column("key", pa.string(), "The key of the cell that was measured."),
        Column("at", pa.timestamp("us", "UTC"), "When it was measured."),
    ],
)

RECORDS = {"failures": FAILURES, "quality": QUALITY}
"""What the lake keeps of itself, beside the films' tables."""


def failure_row(table: str, key: str, error: FilmError, attempt: int) -> dict[str, Any]:
    """The row of `failures` of a cell that could not be made, now. attempt: how many times it failed with this key."""
    return {
        "task": table,
        "key": key,
        "reason": error.reason,
        "transient": error.transient,
        "message": _printable(str(error))[:4000],
        "log_tail": _printable(error.log_tail)[-4000:],
        "attempt": attempt,
        "at": datetime.datetime.now(datetime.UTC),
    }


def _printable(text: str) -> str:
    """Text that UTF-8 can hold: a file's name may have bytes that are not."""
    return text.encode(errors="backslashreplace").decode()


def failure_log(storage: Storage, path: str) -> str:
    """The last words of ffmpeg or of the traceback in a record of `failures`; empty where there is no such file.

    Of a damaged record: that it is damaged. Raises `StorageError` where the disk cannot be read.
    """
    with storage_errors(f"reading {path}"):
        try:
            with storage.open_input_file(path) as file:
                row = pq.read_table(file, columns=["log_tail"], page_checksum_verification=True)
            return str(row["log_tail"][0].as_py() or "")
        except FileNotFoundError:
            return ""
        except (OSError, pa.ArrowException, LookupError, UnicodeDecodeError) as error:
            if getattr(error, "errno", None):
                raise  # the disk's, not the file's
            return f"{path} is damaged: {error}"
