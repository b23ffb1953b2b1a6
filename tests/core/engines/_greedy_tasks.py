"""A task that takes memory without end on films whose name says so; it never writes to it, so that it costs none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from cinelake.spec.contract import Column, Contract
from cinelake.spec.task import Film, NoParams, TableReader, task

TABLE = Contract("taken", "How much was taken.", [Column("bytes", pa.int64(), "Bytes.")], key=["bytes"])
PIECE_BYTES = 256 * 2**20


@task(writes=TABLE, reads=["films"], version=1)
class Taken:
    """Takes memory until there is none."""

    def __init__(self, params: NoParams, film: Film) -> None:
        self.film = film

    def run(self, tables: Mapping[str, TableReader]) -> Iterable[pa.RecordBatch]:
        """The one row."""
        pieces = []
        while "greedy" in self.film.movie_id:
            pieces.append(bytearray(PIECE_BYTES))
        yield TABLE.batch(self.film.movie_id, bytes=[len(pieces) * PIECE_BYTES])
