"""What the threads of one inference cost, and the rows that go through together, and whether they change its result.

Measured: processor time of one inference of each network of the default tables, on drawn noise, by the number of its
threads, in turn; that of one row by how many go in together, with one thread; and whether the result has the bits of
one thread, and of a row alone.
Target:   none. An engine's process has one thread where each processor has a process: tables are then the same on every
machine. Rows go in one at a time where maps of several would leave the processor's cache.

    python -m benchmarks.inference_threads
    python -m benchmarks.inference_threads --threads 1 16
    python -m benchmarks.inference_threads --threads 1 --together 1 2 4 8 16
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.onnx import Network, onnx_session
from cinelake.spec.arrays import Array


def measure(given: argparse.Namespace) -> Report:
    """Each network with each number of threads."""
    figures, others = [], []
    for name, (file, rows) in _networks().items():
        say(name)
        sessions = {threads: onnx_session(file, threads=threads) for threads in given.threads}
        alone = _result(onnx_session(file, threads=1), rows)
        others += [f"{name}: other bits with {n}" for n, s in sessions.items() if not _same(_result(s, rows), alone)]
        spent: dict[int, list[float]] = {threads: [] for threads in sessions}
        for _ in range(given.repeat):
            for threads, session in sessions.items():
                spent[threads].append(_cost_ms(session, rows))
        figures += [Figure(f"{name}, threads: {threads}", values, "ms") for threads, values in spent.items()]
        more = max(spent)
        ratio = statistics.median(spent[more]) / statistics.median(spent[min(spent)])
        figures.append(Figure(f"{name}, {more} threads beside {min(spent)}", [ratio]))
        figures += _together(name, onnx_session(file, threads=1), rows, given, others)
    return Report("inference_threads", figures, others or ["the same bits each time"])


def _together(
    name: str, session: Network, rows: Array, given: argparse.Namespace, others: list[str]
) -> Iterator[Figure]:
    """What one row costs where so many go in together; `others` is told where they come out otherwise."""
    if not given.together:
        return
    many = np.resize(rows, (max(given.together), *rows.shape[1:]))
    alone = [_result(session, many[number : number + 1])[0] for number in range(len(many))]
    spent: dict[int, list[float]] = {count: [] for count in given.together}
    for _ in range(given.repeat):
        for count, values in spent.items():
            values.append(_cost_ms(session, many[:count]) / count)
    for count, values in spent.items():
        yield Figure(f"{name}, {count} together", values, "ms a row")
        if not np.array_equal(_result(session, many[:count])[0], np.concatenate(alone[:count])):
            others.append(f"{name}: other bits with {count} rows together")


def _networks() -> dict[str, tuple[Path, Array]]:
    """By name the file, and input as the tables have it."""
    from tasks.embeddings import efficientnet
    from tasks.faces import recogniser
    from tasks.writing.reader import DETECTOR, GLANCE, RECOGNISER

    noise = np.random.default_rng(0)
    of_bytes = {
        "recogniser": (1, 3, recogniser.CHIP, recogniser.CHIP),
        "EfficientNet": (16, 3, *[efficientnet.SIZE] * 2),
    }
    of_reals = {"lines found": (1, 3, 256, GLANCE), "lines read": (6, 3, 48, 320)}
    files = {
        "recogniser": recogniser.network_file(),
        "EfficientNet": efficientnet.network_file(),
        "lines found": DETECTOR.path(),
        "lines read": RECOGNISER.path(),
    }
    rows: dict[str, Array] = {name: noise.integers(0, 256, shape, np.uint8) for name, shape in of_bytes.items()}
    rows |= {name: noise.uniform(-1, 1, shape).astype(np.float32) for name, shape in of_reals.items()}
    return {name: (file, rows[name]) for name, file in files.items()}


def _result(session: Network, rows: Array) -> list[Array]:
    return session.run(None, {session.get_inputs()[0].name: rows})


def _same(one: list[Array], other: list[Array]) -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def _cost_ms(session: Network, rows: Array, times: int = 5) -> float:
    before = time.process_time()
    for _ in range(times):
        _result(session, rows)
    return 1000 * (time.process_time() - before) / times


OPTIONS = (
    ("--together", {"nargs": "+", "type": int, "default": [], "help": "how many rows (default: rows of the tables)"}),
    (
        "--threads",
        {"nargs": "+", "type": int, "default": [1, 2, 4, 8, 16], "help": "how many (default: %(default)s)"},
    ),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS))
