"""Table `co_appearances`: which characters share a scene, and how long they are in the picture together.

co_appearances: {}
co_appearances_actors: {task: co_appearances, source: actor_appearances}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import pyarrow as pa

from cinelake.spec.contract import Column, Contract
from cinelake.spec.task import Film, TableReader, task
from tasks.screen_time import ScreenTimeParams, stretches_of

CO_APPEARANCES = Contract(
    table="co_appearances",
    doc="Pairs of characters that both appear in a scene.",
    columns=[
        Column("scene", pa.int32(), "The scene.", at_least=0),
        Column("character", pa.string(), "One of the two: the first by name."),
        Column("other", pa.string(), "The other one."),
        Column("together_s", pa.float64(), "Seconds in which both are to be seen at once.", at_least=0),
        Column("character_s", pa.float64(), "Seconds of the first in this scene.", at_least=0),
        Column("other_s", pa.float64(), "Seconds of the other in this scene.", at_least=0),
    ],
    key=["scene", "character", "other"],
)

Stretches = Sequence[tuple[float, float]]


class CoAppearancesParams(ScreenTimeParams):
    """Whose appearances are put side by side."""


@task(
    writes=CO_APPEARANCES,
    reads=lambda params: [params.source, "scenes"],
    params=CoAppearancesParams,
    version=1,
)
class PairCharacters:
    """Pairs of characters in each scene, with the time that each has and that they share."""

    def __init__(self, params: CoAppearancesParams, film: Film):
        self._params, self._film = params, film

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row a scene and pair."""
        stretches = stretches_of(tables[self._params.source])
        scenes = tables["scenes"].read(["scene", "start_s", "end_s"]).to_pylist()
        rows = [row for scene in scenes for row in pairs_in(scene, stretches)]
        if rows:
            columns = {name: [row[name] for row in rows] for name in rows[0]}
            yield CO_APPEARANCES.batch(self._film.movie_id, **columns)


def pairs_in(scene: Mapping[str, Any], stretches: Mapping[str, Stretches]) -> Iterator[dict[str, Any]]:
    """The rows of one scene."""
    here = [(scene["start_s"], scene["end_s"])]
    within = {name: both(found, here) for name, found in stretches.items()}
    seconds = {name: length_s(found) for name, found in within.items() if found}
    for one, other in combinations(sorted(seconds), 2):
        together_s = length_s(both(within[one], within[other]))
        yield {
            "scene": scene["scene"],
            "character": one,
            "other": other,
            "together_s": together_s,
            "character_s": seconds[one],
            "other_s": seconds[other],
        }


def both(one: Stretches, other: Stretches) -> list[tuple[float, float]]:
    """Where stretches of the one and of the other overlap."""
    overlaps = ((max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other)
    return sorted((start, end) for start, end in overlaps if end > start)


def length_s(stretches: Stretches) -> float:
    """Their lengths together."""
    return float(sum(end - start for start, end in stretches))
