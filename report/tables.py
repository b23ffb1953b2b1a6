"""The lake's tables of a film, or why one is missing: the view of a plan that the pages are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from cinelake.errors import CinelakeError
from cinelake.lake.cells import Footer, Lake
from cinelake.plan.build import Planning
from cinelake.plan.plan import KNOWN_BAD, Cell
from cinelake.spec.names import MOVIE_ID
from cinelake.storage.objects import is_remote

NOT_IN_MANIFEST = "not in the manifest: name it under `tasks` and run `cinelake run`"
SWITCHED_OFF = "switched off in the manifest (enabled: false)"


@dataclass(frozen=True)
class TableState:
    """One table of one film. name: the manifest's entry; task: what makes it; key: of the cell in the lake, or ''.

    note: shown beside the table (that it is stale, say); why: the reason why it cannot be shown.
    """

    name: str
    task: str
    state: str = "absent"
    reason: str = NOT_IN_MANIFEST
    key: str = ""
    footer: Footer | None = None

    @property
    def is_present(self) -> bool:
        """Whether the lake has the cell, fresh or not."""
        return bool(self.key)

    @property
    def note(self) -> str:
        """Empty for a fresh cell."""
        return f"{self.state}: {self.reason}" if self.is_present and self.state != "fresh" else ""

    @property
    def why(self) -> str:
        """Why the table cannot be shown; empty where it can."""
        if self.is_present:
            return ""
        return self.reason if self.state == "absent" else f"{self.state}: {self.reason}"

    def facts(self) -> list[str]:
        """The table's part of a page's key."""
        return [self.name, self.key, self.state, self.reason]


class FilmTables:
    """The tables of one film. path: of its file, where it lies on this machine; else empty."""

    def __init__(self, lake: Lake, movie_id: str, title: str, states: Mapping[str, TableState], path: str = ""):
        self.lake, self.movie_id, self.title, self.states, self.path = lake, movie_id, title, states, path
        self._damaged: dict[str, str] = {}

    @property
    def failed(self) -> list[str]:
        """Why tables of the film could not be made, each reason once: its name and its words."""
        reasons = [state.reason.removeprefix(KNOWN_BAD) for state in self.states.values() if state.state == "failed"]
        return list(dict.fromkeys(reasons))

    def of_task(self, task: str) -> TableState:
        """The state of the first entry that this task makes, else of the entry that is named so."""
        made_by = next((s for s in self.states.values() if s.task == task), None)
        return made_by or self.states.get(task) or TableState(task, task)

    def why(self, task: str) -> str:
        """Why a table has nothing to show: not in the manifest, blocked, failed, stale or damaged; else empty."""
        state = self.of_task(task)
        return self._damaged.get(state.name) or state.why

    def read(self, task: str, columns: list[str]) -> pa.Table | None:
        """These columns of a table; None where it is missing or cannot be read, with the reason in `why`."""
        state = self.of_task(task)
        if not state.is_present:
            return None
        try:
            return self.lake.reader(state.name, self.movie_id).read(columns)
        except (CinelakeError, pa.ArrowException) as error:
            self._damaged[state.name] = f"cannot be read: {error}"
            return None

    def batches(self, task: str, columns: list[str]) -> Iterable[pa.RecordBatch]:
        """The same in batches, for large tables."""
        state = self.of_task(task)
        return self.lake.reader(state.name, self.movie_id).batches(columns) if state.is_present else ()


class LakeTables:
    """The tables of all films of a planning."""

    def __init__(self, planning: Planning):
        self.planning, self.lake = planning, planning.lake

    @cached_property
    def movie_ids(self) -> list[str]:
        """The films that can have a page; an id that could leave the site's folder has none."""
        return [movie_id for movie_id in self._cells if MOVIE_ID.fullmatch(movie_id)]

    @cached_property
    def problems(self) -> dict[str, str]:
        """movie_id → what is wrong with a film that the catalogue cannot provide."""
        return {movie_id: f"{error.reason}: {error}" for movie_id, error in self.planning.problems().items()}

    @cached_property
    def _cells(self) -> dict[str, list[Cell]]:
        cells: dict[str, list[Cell]] = {}
        for cell in self.planning.whole.cells:
            cells.setdefault(cell.movie_id, []).append(cell)
        return cells

    @cached_property
    def _in_lake(self) -> dict[str, Mapping[str, Any]]:
        return {planned.name: self.planning.index.cells(planned.name) for planned in self.planning.whole.tables}

    @cached_property
    def _switched_off(self) -> dict[str, TableState]:
        entries = self.planning.manifest.tasks.values()
        return {e.name: TableState(e.name, e.task, reason=SWITCHED_OFF) for e in entries if not e.enabled}

    def film(self, movie_id: str) -> FilmTables:
        """The tables of one film, in dependency order."""
        states = {cell.table: self._state(cell) for cell in self._cells[movie_id]}
        known = self.planning.films.get(movie_id)
        title = known.title if known and known.title else movie_id
        path = known.path if known and not is_remote(known.path) else ""
        return FilmTables(self.lake, movie_id, title, {**states, **self._switched_off}, path)

    def _state(self, cell: Cell) -> TableState:
        entry = self._in_lake[cell.table].get(cell.movie_id)
        footer = self.planning.index.footer(cell.table, cell.movie_id) if entry else None
        task = self.planning.whole.by_table[cell.table].recipe.task
        return TableState(cell.table, task, cell.state, cell.reason, entry.key if entry else "", footer)
