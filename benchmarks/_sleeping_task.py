"""Tasks of known length, for `benchmarks.engines` and `benchmarks.gpu_busy`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import pyarrow as pa

from cinelake.spec.contract import Column, Contract
from cinelake.spec.task import Film, Params, TableReader, task

SLEEPING = Contract(
    "sleeping", "How long a film slept.", [Column("seconds", pa.float64(), "That long.")], key=["seconds"]
)


class SleepingParams(Params):
    """Parameters of `sleeping`."""

    seconds: float
    """How long to sleep."""


@task(writes=SLEEPING, reads=[], params=SleepingParams, version=1)
class Sleeping:
    """Sleeps, and reads nothing."""

    def __init__(self, params: SleepingParams, film: Film) -> None:
        self.seconds, self.film = params.seconds, film

    def run(self, tables: Mapping[str, TableReader]) -> Iterable[pa.RecordBatch]:
        """Sleep; one row."""
        time.sleep(self.seconds)
        yield SLEEPING.batch(self.film.movie_id, seconds=[self.seconds])


ASKING = Contract(
    "asking",
    "When a film slept again.",
    [Column("began_s", pa.float64(), "From then …"), Column("ended_s", pa.float64(), "… to then, by the machine.")],
    key=["began_s"],
)


@task(writes=ASKING, reads=["sleeping"], params=SleepingParams, version=1)
class Asking:
    """Sleeps again, where a network would run on what was decoded."""

    def __init__(self, params: SleepingParams, film: Film) -> None:
        self.seconds, self.film = params.seconds, film

    def run(self, tables: Mapping[str, TableReader]) -> Iterable[pa.RecordBatch]:
        """Sleep; one row."""
        began_s = time.monotonic()
        time.sleep(self.seconds)
        yield ASKING.batch(self.film.movie_id, began_s=[began_s], ended_s=[time.monotonic()])
