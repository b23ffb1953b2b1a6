"""Columns of Arrow as the values that a page's data may hold.

Numbers and lists of Python given to Arrow's functions make it import pandas, which takes longer than a film's page.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa


def plain(column: pa.ChunkedArray, digits: int = 3) -> list[Any]:
    """Values for JSON: numbers rounded, null for NaN and infinity; other values unchanged."""
    if not pa.types.is_floating(column.type):
        return list(column.to_pylist())
    return [round(value, digits) if value is not None and isfinite(value) else None for value in column.to_pylist()]


def rows_of(table: Any, rows: list[int]) -> Any:
    """These rows of a table or an array."""
    places = np.asarray(rows, np.int64)
    return table.take(pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)]))
