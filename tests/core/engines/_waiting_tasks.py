"""Two tasks for tests of engines: one that is quick, and one that waits in the middle of a film until it may go on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa

import cinelake
from cinelake.media.batches import FrameBatch
from cinelake.spec.contract import Column, Contract
from cinelake.spec.task import Film, NoParams, Params, TableReader, VideoClock, task

LONGEST_S = 120


def _table(name: str) -> Contract:
    return Contract(name, f"A number of {name}.", [Column("number", pa.int64(), "The number.")], key=["number"])


@task(writes=_table("early"), reads=VideoClock(), version=1)
class Early:
    """How many pictures the film has."""

    def __init__(self, params: NoParams, film: Film) -> None:
        self.film, self.count = film, 0

    def on_batch(self, batch: FrameBatch) -> None:
        """Count."""
        self.count += len(batch.frames)

    def finish(self) -> Iterable[pa.RecordBatch]:
        """The one row."""
        yield Early.spec.contract.batch(self.film.movie_id, number=[self.count])


class LateParams(Params):
    """Parameters of `late`."""

    folder: str
    """Where it writes its process's number to `started`, where its code is to `code`, the threads it is given to
    `threads`, and waits for `open`."""


@task(writes=_table("late"), reads=["early"], params=LateParams, version=1)
class Late:
    """The number of `early`, once it is let."""

    def __init__(self, params: LateParams, film: Film) -> None:
        self.folder, self.film = Path(params.folder), film

    def run(self, tables: Mapping[str, TableReader]) -> Iterable[pa.RecordBatch]:
        """Say who waits, wait, pass the number on."""
        (self.folder / "code").write_text(cinelake.__file__)
        (self.folder / "threads").write_text(os.environ.get("OMP_NUM_THREADS", ""))
        (self.folder / "starting").write_text(str(os.getpid()))
        (self.folder / "starting").rename(self.folder / "started")  # whole: a test looks at it at any time
        until = time.monotonic() + LONGEST_S
        while not (self.folder / "open").exists() and time.monotonic() < until:
            time.sleep(0.05)
        yield Late.spec.contract.batch(self.film.movie_id, number=tables["early"].read()["number"].to_pylist())
