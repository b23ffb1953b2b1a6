"""Rows that come one by one, such as shots: what checking and writing them costs as they become many.

Measured: processor time of `CellWriter` for 1,000, 5,000 and 20,000 batches of one row of `shots`, from the first batch
          to the closed file; making the batches is not counted.
Target:   5,000 rows in at most 1 s; a row among 20,000 costs at most 1.5 times one among 1,000: the time is linear.

    python -m benchmarks.written_rows
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.cells import CellWriter, Footer
from tasks.shots import SHOTS
from tasks.shots.motion import MOTION_SIZE

COUNTS = (1_000, 5_000, 20_000)
TARGET_COUNT, AT_MOST_S, AT_MOST_RATIO = 5_000, 1.0, 1.5
BEGINS = ("cut", "dissolve", "fade")


def measure(given: argparse.Namespace) -> Report:
    """Each count in turn."""
    counts = sorted(given.rows)
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    for turn in range(given.repeat + 1):
        for count in counts:
            say(f"{count:,} rows")
            took_s = _written_s(count, given.folder / "shots.parquet")
            if turn:  # the first turn loads what Arrow needs
                seconds[count].append(took_s)
    figures = [
        Figure(f"{count:,} rows", values, "s CPU", at_most=AT_MOST_S if count == TARGET_COUNT else None)
        for count, values in seconds.items()
    ]
    each = {count: statistics.median(values) / count for count, values in seconds.items()}
    ratio = each[counts[-1]] / each[counts[0]]
    figures.append(Figure(f"a row among {counts[-1]:,} / among {counts[0]:,}", [ratio], at_most=AT_MOST_RATIO))
    return Report("written_rows", figures, ["batches of one row of `shots`, checked, written and closed"])


def _written_s(count: int, path: Path) -> float:
    batches = [_row(number) for number in range(count)]
    started = time.process_time()
    writer = CellWriter(SHOTS, "film", path)
    for batch in batches:
        writer.write(batch)
    writer.close(Footer("key", "hash", {}, {}))
    return time.process_time() - started


def _row(number: int) -> pa.RecordBatch:
    return SHOTS.batch(
        "film",
        shot=[number],
        start_frame=[48 * number],
        end_frame=[48 * number + 48],
        start_s=[2.0 * number],
        end_s=[2.0 * number + 2],
        transition=[BEGINS[number % len(BEGINS)] if number else "start"],
        score=[1.0],
        motion=np.full((1, MOTION_SIZE), 1 / (number + 1), np.float32),
    )


OPTIONS = (("--rows", {"nargs": "+", "type": int, "default": list(COUNTS), "help": "how many (default: %(default)s)"}),)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=3))
