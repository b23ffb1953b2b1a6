"""A task of another package whose table can be searched: it declares how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from cinelake.spec.contract import Column, Contract
from cinelake.spec.roles import SearchCondition, SearchQuestion
from cinelake.spec.task import Film, NoParams, TableReader, task

MOODS = Contract(
    table="moods",
    doc="Moods of a film.",
    columns=[
        Column("start_s", pa.float64(), "Where it begins."),
        Column("end_s", pa.float64(), "Where it ends."),
        Column("mood", pa.string(), "Its name."),
    ],
    key=["start_s"],
)


def in_mood(tables: Mapping[str, str], moods: Sequence[str], _min_probability: float) -> SearchQuestion:
    return SearchQuestion(
        f'SELECT movie_id, start_s, end_s, 1.0, mood FROM "{tables["moods"]}" WHERE list_contains(?, mood)',
        [list(moods)],
    )


@task(writes=MOODS, reads=[], version=1, roles=[SearchCondition("moods", in_mood, column="mood")])
class FindMoods:
    def __init__(self, params: NoParams, film: Film) -> None: ...

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        yield from ()
