"""Table `screen_time`: how long and how often each character is to be seen.

screen_time: {}                                                     # of `appearances`
screen_time_actors: {task: screen_time, source: actor_appearances}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import pyarrow as pa

from cinelake.spec.contract import Column, Contract
from cinelake.spec.task import Film, Params, TableReader, task

SCREEN_TIME = Contract(
    table="screen_time",
    doc="Seconds, share and number of appearances of each character of a film.",
    columns=[
        Column("character", pa.string(), "The character or actor."),
        Column("seconds", pa.float64(), "How long they are to be seen.", at_least=0),
        Column("share", pa.float64(), "Part of the film's length.", at_least=0),
        Column("appearances", pa.int32(), "How many times they come in; a cut does not count.", at_least=1),
    ],
    key=["character"],
)  # fmt: skip
TOUCH_S = 1e-3


class ScreenTimeParams(Params):
    """Whose appearances are summed."""

    source: Literal["appearances", "actor_appearances"] = "appearances"
    """`appearances` of characters, or `actor_appearances` by faces."""


@task(writes=SCREEN_TIME, reads=lambda params: [params.source, "films"], params=ScreenTimeParams, version=1)
class SumScreenTime:
    """Seconds, share of the film and number of appearances of each character."""

    def __init__(self, params: ScreenTimeParams, film: Film):
        self._params, self._film = params, film

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row a character, in alphabetical order."""
        duration_s = tables["films"].read(["duration_s"])["duration_s"][0].as_py()
        stretches = stretches_of(tables[self._params.source])
        if not stretches:
            return
        seconds = [sum(end - start for start, end in found) for found in stretches.values()]
        yield SCREEN_TIME.batch(
            self._film.movie_id,
            character=list(stretches),
            seconds=seconds,
            share=[value / duration_s if duration_s else 0.0 for value in seconds],
            appearances=[len(found) for found in stretches.values()],
        )


def stretches_of(appearances: TableReader) -> dict[str, list[tuple[float, float]]]:
    """Character → stretches (start_s, end_s) without a break; spans that meet at a cut are one stretch."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in appearances.read(["character", "start_s", "end_s"]).to_pylist():
        stretches = found.setdefault(row["character"], [])
        if stretches and row["start_s"] - stretches[-1][1] <= TOUCH_S:
            stretches[-1] = (stretches[-1][0], row["end_s"])
        else:
            stretches.append((row["start_s"], row["end_s"]))
    return found
