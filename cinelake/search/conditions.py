"""Where in a lake's films conditions hold: tags, characters, affect. One question to DuckDB each, whatever the films.

The spans themselves, and how several conditions meet, are `export.supercut`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cinelake.errors import UnknownName, UsageError
from cinelake.lake.cells import Lake
from cinelake.query.views import open_query
from cinelake.search.spans import Span, affect_condition, combined, merged
from cinelake.spec.contract import Contract

SpansOfFilms = dict[str, list[Span]]
ASKED = ("tag_shots", "shots", "appearances", "affect")
"""The tasks whose tables are asked: only their views are made."""
MIDDLE_STEP = "median(next_s - time_s) OVER (PARTITION BY movie_id)"


@dataclass(frozen=True)
class Conditions:
    """What must hold at once. tags, characters: any of a selector's values will do. affect: as in `arousal>0.5`."""

    tags: Sequence[Sequence[str]] = field(default=())
    characters: Sequence[Sequence[str]] = field(default=())
    affect: Sequence[str] = field(default=())
    min_probability: float = 0.5

    def __bool__(self) -> bool:
        return bool(self.tags or self.characters or self.affect)


def spans_where(lake: Lake, contracts: Mapping[str, Contract], conditions: Conditions) -> SpansOfFilms:
    """movie_id → the spans in which all conditions hold, in film order; films without any are left out.

    contracts: table → contract, of the lake's tables. Raises `UsageError` for a table that the lake lacks,
    `UnknownName` for a tag or character that nothing has.
    """
    for condition in conditions.affect:
        affect_condition(condition)
    known = _Known(lake, contracts)
    selectors = [
        *(known.tagged(tags, conditions.min_probability) for tags in conditions.tags),
        *(known.appearing(names) for names in conditions.characters),
        *(known.felt(condition) for condition in conditions.affect),
    ]
    films = set.intersection(*(set(spans) for spans in selectors))
    found = {film: merged(combined([spans[film] for spans in selectors])) for film in sorted(films)}
    return {film: spans for film, spans in found.items() if spans}


def allowed_by(spans: SpansOfFilms, movie_id: str, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which of a film's times lie in its spans (disjoint, in film order)."""
    mine = spans.get(movie_id, [])
    starts, ends = (np.array([getattr(span, name) for span in mine]) for name in ("start_s", "end_s"))
    before = np.searchsorted(starts, times_s, side="right") - 1
    return np.asarray((before >= 0) & (times_s < ends[before]) if mine else np.zeros(len(times_s), bool), np.bool_)


class _Known:
    """The conditions' tables in the lake, whatever they are named there."""

    def __init__(self, lake: Lake, contracts: Mapping[str, Contract]):
        self._contracts = {name: found for name, found in contracts.items() if found.table in ASKED}
        self._connection = open_query(lake, self._contracts)

    def tagged(self, tags: Sequence[str], least: float) -> SpansOfFilms:
        """The shots that carry any of the tags with this probability."""
        table, shots = self._table("tag_shots"), self._table("shots")
        self._check("tag", tags, table)
        return self._spans(
            f'SELECT movie_id, start_s, end_s, probability, tag FROM "{table}" JOIN "{shots}" USING (movie_id, shot) '
            "WHERE list_contains(?, tag) AND probability >= ?",
            [list(tags), least],
        )

    def appearing(self, names: Sequence[str]) -> SpansOfFilms:
        """When any of the characters is to be seen."""
        table = self._table("appearances")
        self._check("character", names, table)
        return self._spans(
            f'SELECT movie_id, start_s, end_s, 1.0, character FROM "{table}" WHERE list_contains(?, character)',
            [list(names)],
        )

    def felt(self, condition: str) -> SpansOfFilms:
        """When a line of affect is beyond a bound; each value holds until the next (see `supercut.felt`).

        Neighbouring values are one span, as relevant as they are on average: a film has hundreds, not thousands.
        """
        line, comparison, bound = affect_condition(condition)
        room = max(1e-9, 1 - bound if comparison.startswith(">") else 1 + bound)
        return self._spans(
            f"""WITH later AS (
                SELECT movie_id, time_s, "{line}" AS value,
                       lead(time_s) OVER (PARTITION BY movie_id ORDER BY time_s) AS next_s,
                       row_number() OVER (PARTITION BY movie_id ORDER BY time_s) AS number
                FROM "{self._table("affect")}"),
            spans AS (SELECT *, coalesce(next_s, time_s + coalesce({MIDDLE_STEP}, 1)) - time_s AS length_s FROM later),
            held AS (
                SELECT *, least(1, abs(value - $bound) / $room) AS relevance,
                       number - row_number() OVER (PARTITION BY movie_id ORDER BY time_s) AS run
                FROM spans WHERE value {comparison} $bound)
            SELECT movie_id, min(time_s), max(time_s + length_s),
                   sum(relevance * length_s) / sum(length_s), $condition
            FROM held GROUP BY movie_id, run ORDER BY movie_id, min(time_s)""",
            {"bound": bound, "room": room, "condition": condition.strip()},
        )

    def _table(self, task: str) -> str:
        """The table that a task made. Raises `UsageError` where no film has it."""
        for name, contract in self._contracts.items():
            if contract.table == task:
                return name
        raise UsageError(f"the lake has no table {task!r}: name the task {task!r} in the manifest and `cinelake run`")

    def _check(self, column: str, wanted: Sequence[str], table: str) -> None:
        found = self._connection.execute(f'SELECT DISTINCT "{column}" FROM "{table}"').fetchall()
        known = [name for (name,) in found]
        for name in wanted:
            if name not in known:
                raise UnknownName(column, name, known)

    def _spans(self, sql: str, values: Any) -> SpansOfFilms:
        found: SpansOfFilms = {}
        rows = self._connection.execute(sql, values)
        while some := rows.fetchmany(10_000):
            for movie_id, start_s, end_s, relevance, what in some:
                found.setdefault(movie_id, []).append(Span(start_s, end_s, float(relevance), what))
        return found
