"""What films cost in earlier runs, from the footers of the lake's cells: seconds, bytes read and written."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cinelake.errors import NotMeasured
from cinelake.lake.index import Index
from cinelake.plan.forecast.estimate import cost_s

MAX_FILMS = 1000
"""Of more measured films so many are drawn, by the seed: their footers are read one by one."""


@dataclass(frozen=True, slots=True)
class CellCost:
    """One cell as it was made, in processor seconds where they were recorded, else in seconds on the clock.

    decoded: it read the film. device: what made it. apart: its seconds are the worker's alone, without ffmpeg's.
    """

    seconds: float
    written_bytes: int
    decoded: bool
    device: str
    apart: bool = False


@dataclass(frozen=True, slots=True)
class FilmCost:
    """A measured film: its cells by table, its size, what ffmpeg's decoding of it took in processor seconds."""

    movie_id: str
    film_bytes: int
    decode_cpu_s: float
    cells: dict[str, CellCost]

    def seconds(self, tables: Sequence[str]) -> float:
        """Seconds in which one worker makes these tables.

        A worker that has one processor needs all of ffmpeg's processor seconds, for whichever of the film's tables; on
        the clock they took less where ffmpeg used several.
        """
        costs = [self.cells[table] for table in tables]
        decoding = [cost for cost in costs if cost.decoded]
        rest_s, decoding_s = (sum(c.seconds for c in costs if c.decoded is decoded) for decoded in (False, True))
        if decoding and all(cost.apart for cost in decoding):
            return rest_s + decoding_s + self.decode_cpu_s
        return rest_s + (max(decoding_s, self.decode_cpu_s) if decoding else 0.0)


def measured_films(
    index: Index, tables: Sequence[str], seed: int = 0, among: Collection[str] | None = None
) -> list[FilmCost]:
    """The films of which every one of these tables was made by a run that recorded its cost; at most a thousand.

    among: only these films. Note that the first film of a worker's process pays for what the process loads.
    Raises `NotMeasured` with the tables that no run has recorded, or where no film has them all.
    """
    recorded = {table: _Recorded(index, table, among) for table in tables}
    whole = sorted(set.intersection(*(set(costs.bytes) for costs in recorded.values()))) if recorded else []
    films = [film for movie_id in _some(whole, seed) if (film := _film(movie_id, recorded))]
    if not films:
        raise NotMeasured([table for table, costs in recorded.items() if not costs.anything(seed)])
    return films


def _some(movie_ids: Sequence[str], seed: int) -> Sequence[str]:
    if len(movie_ids) <= MAX_FILMS:
        return movie_ids
    return sorted(random.Random(seed).sample(movie_ids, MAX_FILMS))


class _Recorded:
    """What runs have recorded of one table."""

    def __init__(self, index: Index, table: str, among: Collection[str] | None):
        self._index, self._table = index, table
        sizes = {name.removesuffix(".parquet"): s.size for name, s in index.lake.storage.files(table).items()}
        self.bytes = {movie_id: size for movie_id, size in sizes.items() if among is None or movie_id in among}

    def run(self, movie_id: str) -> dict[str, Any]:
        """The facts of the run that made a film's cell; empty where it recorded no seconds."""
        footer = self._index.footer(self._table, movie_id)
        return footer.run if footer and "wall_s" in footer.run else {}

    def cost(self, movie_id: str, run: Mapping[str, Any]) -> CellCost:
        """The same as a cost."""
        decoded, apart = "decode" in run, "decode" in run and "cpu_s" in run
        seconds = run["cpu_s"] if apart else cost_s(run) or 0.0
        return CellCost(seconds, self.bytes[movie_id], decoded, run.get("device", "cpu"), apart)

    def anything(self, seed: int) -> bool:
        """Whether any run has recorded its cost."""
        return any(self.run(movie_id) for movie_id in _some(sorted(self.bytes), seed))


def _film(movie_id: str, recorded: Mapping[str, _Recorded]) -> FilmCost | None:
    runs = {table: costs.run(movie_id) for table, costs in recorded.items()}
    if not all(runs.values()):
        return None
    decode_cpu_s = max(run.get("decode", {}).get("cpu_s", 0.0) for run in runs.values())
    film_bytes = max(run.get("film_bytes", 0) for run in runs.values())
    cells = {table: recorded[table].cost(movie_id, run) for table, run in runs.items()}
    return FilmCost(movie_id, film_bytes, decode_cpu_s, cells)
