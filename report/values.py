"""Columns of Arrow as the values that a page's data may hold."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def plain(column: pa.ChunkedArray, digits: int = 3) -> list[Any]:
    """Values for JSON: numbers rounded, null for what is none or endless; all else as it is."""
    if not pa.types.is_floating(column.type):
        return list(column.to_pylist())
    exact = column.cast(pa.float64())
    return list(pc.if_else(pc.is_finite(exact), pc.round(exact, digits), None).to_pylist())
