"""Where in a lake's films conditions hold. One question to DuckDB each, whatever the films.

Which conditions there are, tasks declare (`cinelake.spec.roles.SearchCondition`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cinelake.errors import UnknownName, UsageError
from cinelake.lake.cells import Lake
from cinelake.query.views import open_query
from cinelake.search.spans import Span, combined, merged
from cinelake.spec.contract import Contract
from cinelake.spec.roles import SearchCondition, Shots
from cinelake.spec.task import tasks_with

SpansOfFilms = dict[str, list[Span]]
NAMED = 3
_Declared = tuple[str, SearchCondition]
"""A task, and the condition that it declares."""


@dataclass(frozen=True)
class Conditions:
    """What must hold at once.

    selectors: name of a condition → its selectors; of the values of one selector any will do.
    """

    selectors: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    min_probability: float = 0.5

    def __bool__(self) -> bool:
        return any(self.selectors.values())

    def __iter__(self) -> Iterator[tuple[str, Sequence[str]]]:
        """Each selector with the name of its condition."""
        return ((name, values) for name, several in self.selectors.items() for values in several)


def spans_where(
    lake: Lake,
    contracts: Mapping[str, Contract],
    conditions: Conditions,
    films: Collection[str] = (),
    notes: list[str] | None = None,
) -> SpansOfFilms:
    """movie_id → the spans in which all conditions hold, in film order; films without any are left out.

    contracts: table → contract, of the lake's tables. notes: gets a sentence on films (of `films`; empty: of all) that
    are left out because nothing is known of them. Raises `UsageError` for a table missing in the lake,
    `UnknownName` for a condition that no task declares, and for a tag or character that does not occur.
    """
    declared = {role.name: (task, role) for task, role in tasks_with(SearchCondition).items()}
    for name, values in conditions:
        if name not in declared:
            raise UnknownName("condition", name, declared)
        declared[name][1].check(values)
    questions = _Conditions(lake, contracts, {name: declared[name] for name, _ in conditions})
    selectors = [questions.spans(name, values, conditions.min_probability) for name, values in conditions]
    for column, unknown in questions.unknown.items():
        if notes is not None and (left_out := sorted(unknown & set(films) if films else unknown)):
            notes.append(_left_out(column, left_out))
    if notes is not None:
        notes += _without_table(lake, contracts, [declared[name][0] for name, _ in conditions], films)
    common = set.intersection(*(set(spans) for spans in selectors))
    held = {film: merged(combined([spans[film] for spans in selectors])) for film in sorted(common)}
    return {film: spans for film, spans in held.items() if spans}


def _left_out(column: str, films: Sequence[str]) -> str:
    """That films are left out, whose values the model did not give."""
    why = f"whose {column} is not known: the gate blocked that line of the model"
    return f"{_count(films)} left out, {why}{_names(films)}"


def _without_table(
    lake: Lake, contracts: Mapping[str, Contract], tasks: Iterable[str], films: Collection[str]
) -> Iterator[str]:
    """That films (of `films`; empty: of all) are left out whose shots are known, and nothing of what is asked."""

    def films_with(made_by: Collection[str]) -> set[str]:
        tables = [name for name, contract in contracts.items() if contract.table in made_by]
        return {file.removesuffix(".parquet") for name in tables for file in lake.storage.files(name)}

    every = films_with(tasks_with(Shots))
    for task in dict.fromkeys(tasks):
        if left_out := sorted((every & set(films) if films else every) - films_with([task])):
            yield f"{_count(left_out)} left out without a table {task!r}: `cinelake plan` says why" + _names(left_out)


def _count(films: Sequence[str]) -> str:
    return f"{len(films)} film{'s' if len(films) > 1 else ''}"


def _names(films: Sequence[str]) -> str:
    """At most three of them, in brackets."""
    more = f" and {len(films) - NAMED} more" if len(films) > NAMED else ""
    return f" ({', '.join(films[:NAMED])}{more})"


def allowed_by(spans: SpansOfFilms, movie_id: str, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which of a film's times lie in its spans (disjoint, in film order)."""
    mine = spans.get(movie_id, [])
    starts, ends = (np.array([getattr(span, name) for span in mine]) for name in ("start_s", "end_s"))
    before = np.searchsorted(starts, times_s, side="right") - 1
    return np.asarray((before >= 0) & (times_s < ends[before]) if mine else np.zeros(len(times_s), bool), np.bool_)


class _Conditions:
    """The questions that conditions ask, over the tables that they need, whatever these are named in the lake."""

    def __init__(self, lake: Lake, contracts: Mapping[str, Contract], declared: Mapping[str, _Declared]):
        tasks = {task for task, role in declared.values() for task in (task, *role.joins)}
        self._declared = declared
        self.unknown: dict[str, set[str]] = {}
        """Column → films that have rows and no value of it."""
        self._contracts = {name: contract for name, contract in contracts.items() if contract.table in tasks}
        self._connection = open_query(lake, self._contracts)

    def spans(self, name: str, values: Sequence[str], min_probability: float) -> SpansOfFilms:
        """The spans in which any of the values of a condition holds."""
        task, role = self._declared[name]
        tables = {needed: self._table(needed) for needed in (task, *role.joins)}
        if role.column:
            rows = self._connection.execute(f'SELECT DISTINCT "{role.column}" FROM "{tables[task]}"').fetchall()
            known = [present for (present,) in rows]
            for value in values:
                if value not in known:
                    raise UnknownName(role.column, value, known)
        question = role.ask(tables, values, min_probability)
        if question.column:
            self._check_values(tables[task], question.column)
        return self._spans(question.sql, question.parameters)

    def _check_values(self, table: str, column: str) -> None:
        """Raise `UsageError` where a column has no value at all: that nothing is so would be wrong to say."""
        counts = f'SELECT movie_id, count("{column}") FROM "{table}" GROUP BY movie_id'
        rows = self._connection.execute(counts).fetchall()
        unknown = {movie_id for movie_id, values in rows if not values}
        if rows and len(unknown) == len(rows):
            raise UsageError(f"no film's {table} has a value of {column}: the gate blocked that line of the model")
        self.unknown[column] = unknown

    def _table(self, task: str) -> str:
        """The table that a task made. Raises `UsageError` where no film has it."""
        for name, contract in self._contracts.items():
            if contract.table == task:
                return name
        raise UsageError(f"the lake has no table {task!r}: name the task {task!r} in the manifest and `cinelake run`")

    def _spans(self, sql: str, values: Any) -> SpansOfFilms:
        spans: SpansOfFilms = {}
        rows = self._connection.execute(sql, values)
        while some := rows.fetchmany(10_000):
            for movie_id, start_s, end_s, relevance, what in some:
                spans.setdefault(movie_id, []).append(Span(start_s, end_s, float(relevance), what))
        return spans
