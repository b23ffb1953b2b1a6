"""A small world for the plan's tests: tables, films and a lake, each cell kept twice.

Once as the lake keeps it (footers with keys, rows of `failures`), and once as what it was made from, in full: nested
tuples of values, without a hash. What the plan must say follows from the second by naive recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from cinelake.lake.cells import Footer
from cinelake.lake.index import Entry
from cinelake.plan.keys import Recipe
from cinelake.plan.plan import Cell, Plan, Planned, Snapshot, make_plan

Made = tuple[Any, ...]


@dataclass
class Table:
    """One entry of a manifest."""

    name: str
    inputs: list[str]
    version: int = 1
    revision: int = 1
    fps: int = 1
    catalogued: bool = False
    without_champion: bool = False

    def planned(self) -> Planned:
        """The entry as the plan takes it."""
        recipe = Recipe(self.name, self.version, self.revision, {"fps": self.fps})
        blocked = "needs a champion" if self.without_champion else ""
        return Planned(self.name, recipe, {name: name for name in self.inputs}, blocked, self.catalogued)


@dataclass
class Film:
    """One film of the catalogue."""

    content: str = "pictures"
    title: str = "title"


@dataclass
class World:
    """Tables in dependency order, films, and what earlier runs left."""

    tables: dict[str, Table]
    films: dict[str, Film]
    footers: dict[tuple[str, str], Footer] = field(default_factory=dict)
    failures: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    made: dict[tuple[str, str], Made] = field(default_factory=dict)
    failed: dict[tuple[str, str], tuple[Made, bool]] = field(default_factory=dict)

    def plan(self, **options: Any) -> Plan:
        """What `make_plan` says of this world."""
        snapshot = Snapshot(
            cells=_by_table({at: Entry(found.key, found.content_hash) for at, found in self.footers.items()}),
            failures=_by_table(self.failures),
            footer=lambda table, movie_id: self.footers.get((table, movie_id)),
        )
        return make_plan(
            [table.planned() for table in self.tables.values()],
            {movie_id: film.content for movie_id, film in self.films.items()},
            snapshot,
            listings={movie_id: film.title for movie_id, film in self.films.items()},
            **options,
        )

    def run(self, cells: Iterable[Cell], ending: Callable[[Cell], str] = lambda _: "made") -> None:
        """Make cells as a run would, in the order of the plan; `ending` says `made`, `permanent` or `transient`."""
        plan, ended = self.plan(), {}
        for cell in cells:
            at = (cell.table, cell.movie_id)
            if any(ended.get((name, cell.movie_id)) not in (None, "made") for name in self.tables[cell.table].inputs):
                ended[at] = "skipped"
                continue
            ended[at] = ending(cell)
            if ended[at] == "made":
                meanings = {found.table: found.content_hash for found in plan.cells if found.movie_id == cell.movie_id}
                self.footers[at] = Footer(cell.key, cell.content_hash, plan.ingredients(cell, meanings), {})
                self.made[at] = self.identity(*at)
                self.failures.pop(at, None)
                self.failed.pop(at, None)
            else:
                self.fail(cell, transient=ended[at] == "transient")

    def fail(self, cell: Cell, *, transient: bool) -> None:
        """Record a failure of a cell."""
        at = (cell.table, cell.movie_id)
        row = {"key": cell.key, "reason": "damaged_film", "transient": transient, "message": "bad", "attempt": 1}
        self.failures[at] = row
        self.failed[at] = self.identity(*at), transient

    def delete(self, table: str, movie_id: str) -> None:
        """Delete a cell's file."""
        self.footers.pop((table, movie_id), None)
        self.made.pop((table, movie_id), None)

    # --- what must be, from the definition

    def content(self, table: str, movie_id: str) -> Made:
        """What a cell's data depend on: everything that can change them, in full."""
        found, film = self.tables[table], self.films[movie_id]
        inputs = tuple((name, self.content(name, movie_id)) for name in found.inputs)
        listing = film.title if found.catalogued else None
        return found.name, found.version, found.fps, film.content, listing, inputs

    def identity(self, table: str, movie_id: str) -> Made:
        """What a cell's freshness depends on: its content and its table's own revision."""
        return *self.content(table, movie_id), self.tables[table].revision

    def state(self, table: str, movie_id: str) -> str:
        """The state that the design gives a cell."""
        identity = self.identity(table, movie_id)
        if self.made.get((table, movie_id)) == identity:
            return "fresh"
        if self.tables[table].without_champion:
            return "blocked"
        if self.failed.get((table, movie_id)) == (identity, False):
            return "failed"
        needs_what_is_missing = any(
            self.state(name, movie_id) in ("failed", "blocked") for name in self.tables[table].inputs
        )
        return "blocked" if needs_what_is_missing else "stale"

    def reason(self, table: str, movie_id: str) -> str:
        """The reason that a stale cell must have."""
        new, old = self.identity(table, movie_id), self.made.get((table, movie_id))
        if self.failed.get((table, movie_id)) == (new, True):
            return "retry after damaged_film (attempt 1)"
        if old is None:
            is_new = not any(film == movie_id for _, film in self.made)
            return "new film" if is_new else "missing"
        _, version, fps, film, listing, inputs, revision = new
        _, old_version, old_fps, old_film, old_listing, old_inputs, old_revision = old
        if film != old_film:
            return "film changed"
        if version != old_version:
            return f"task version {old_version}→{version}"
        if fps != old_fps:
            return f"parameter fps {old_fps}→{fps}"
        changed = [name for name, made in inputs if dict(old_inputs).get(name) != made]
        if changed or listing != old_listing:
            return f"upstream {(changed or ['catalogue'])[0]}"
        return f"task revision {old_revision}→{revision}"

    def descendants(self, table: str) -> set[str]:
        """A table and every table that needs it."""
        found = {table}
        for other in self.tables.values():
            if found & set(other.inputs):
                found.add(other.name)
        return found


def _by_table(found: dict[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for (table, movie_id), value in found.items():
        tables.setdefault(table, {})[movie_id] = value
    return tables


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to six tables that need one another without circles, and up to three films; the lake is empty."""
    names = [f"t{number}" for number in range(draw(st.integers(1, 6)))]
    tables = {}
    for position, name in enumerate(names):
        inputs = draw(st.lists(st.sampled_from(names[:position]), unique=True, max_size=3)) if position else []
        tables[name] = Table(name, inputs, catalogued=draw(st.booleans()))
    return World(tables, {movie_id: Film() for movie_id in draw(st.sampled_from(["a", "ab", "abc"]))})


@st.composite
def made_worlds(draw: st.DrawFn) -> World:
    """A world in which everything has been made."""
    world = draw(worlds())
    world.run(world.plan().stale)
    return world
