"""Labelled stills as rows of `shots`: each is a shot of one second in which nothing moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from tasks.shots.motion import MOTION_SIZE

READS = ("image",)
"""Columns of a file of labelled pictures that are read."""


def still_shots(_movie_id: str, pictures: pa.Table) -> dict[str, Any]:
    """The columns of the table: picture n is shot n, from second n to n + 1."""
    count = len(pictures)
    numbers = np.arange(count)
    motion = np.zeros((count, MOTION_SIZE), np.float32)
    motion[:, -2] = 1.0  # the share of the picture that stands still; the last number, the speed, is 0
    return {
        "shot": numbers.astype(np.int32),
        "start_frame": numbers,
        "end_frame": numbers + 1,
        "start_s": numbers.astype(np.float64),
        "end_s": numbers + 1.0,
        "transition": ["start" if number == 0 else "cut" for number in numbers],
        "score": np.ones(count, np.float32),
        "motion": motion,
    }
