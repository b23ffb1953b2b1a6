"""Lines by their words in SQL: `SELECT * FROM said('land of the')`, one function for each kind of lines.

Each call is answered from the index of words (`cinelake.search.words`) before the question is asked, and stands in it
as a table in memory. Questions write nothing; the index, a cache, is brought up to date as every search does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa

from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.search.words import FoundLine, WordIndex
from cinelake.spec.contract import Contract
from cinelake.spec.roles import Words
from cinelake.spec.task import tasks_with

if TYPE_CHECKING:
    import duckdb

MOST_LINES = 1_000_000
"""More lines than this are refused: an answer over some of them would be wrong."""
ROWS_TOGETHER = 10_000
KEPT = 16
"""Answers that stay in a connection, for questions that were not read yet."""
SCHEMA = pa.schema(
    [
        ("movie_id", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("text", pa.string()),
        ("relevance", pa.float32()),
    ]
)


class LinesInSql:
    """The functions of a lake; satisfies `cinelake.query.guard.LineFunctions`. contracts: gives the lake's by table."""

    def __init__(self, lake: Lake, contracts: Callable[[], Mapping[str, Contract]]):
        self._lake, self._contracts = lake, contracts
        self.names = tuple(sorted({role.kind for role in tasks_with(Words).values()}))
        self.at_once = KEPT
        self._given: list[str] = []
        self._count = 0

    def table(self, connection: duckdb.DuckDBPyConnection, name: str, words: str) -> str:
        """The lines of a kind with these words, the most relevant first, as a table of the connection.

        Raises `UsageError` where the lake has no such lines, or too many.
        """
        with closing(WordIndex(self._lake, self._contracts())) as index:
            index.refresh()
            found = pa.Table.from_batches(_batches(index.find(name, words), name, words), SCHEMA)
        self._count += 1
        self._given.append(f"_{name}_{self._count}")
        connection.register(self._given[-1], found)
        if len(self._given) > KEPT:
            connection.unregister(self._given.pop(0))
        return self._given[-1]


def _batches(lines: Iterator[FoundLine], name: str, words: str) -> Iterator[pa.RecordBatch]:
    count = 0
    while some := list(islice(lines, ROWS_TOGETHER)):
        count += len(some)
        if count > MOST_LINES:
            raise UsageError(f"{name}({words!r}) is in more than {MOST_LINES:,} lines: ask for rarer words")
        yield pa.RecordBatch.from_arrays(
            [pa.array([getattr(line, column.name) for line in some], column.type) for column in SCHEMA], schema=SCHEMA
        )
