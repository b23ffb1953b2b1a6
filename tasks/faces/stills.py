"""Labelled patches as rows of `faces`: each is the only face of a picture of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

READS = ("patch",)
"""Columns of a file of labelled patches that are read."""


def labelled_faces(_movie_id: str, patches: pa.Table) -> dict[str, Any]:
    """The columns of the table: patch n is the main face of picture n, at second n."""
    count = len(patches)
    numbers = np.arange(count)
    flat = np.frombuffer(b"".join(patches["patch"].to_pylist()), np.uint8)
    return {
        "frame": numbers,
        "time_s": numbers.astype(np.float64),
        "face": np.zeros(count, np.int32),
        **{name: np.ones(count, np.float32) for name in ("width", "height", "score")},
        "is_main": np.ones(count, bool),
        "patch": flat.reshape(count, -1),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.nulls(count, pa.float32()), 1),
        "shot": numbers.astype(np.int32),
    }
