"""The plan: what is fresh, stale, blocked or known bad, with one reason each. A pure function; nothing runs.

    make_plan(recipes in dependency order, films, snapshot of the lake) → Plan → select(…) → Plan

A cell is one table of one film. It is

    fresh    the key in its footer is the planned key (and ends with the rule by which its film is read, where any
             cell of the film shows that it is read by another rule than before)
    stale    it is to be made, for the one reason given
    blocked  it needs something that is missing: an input that failed, an input that was not selected, a champion
    failed   it failed before with this very key and would fail again (or the catalogue cannot provide the film); so it
             does where an input failed with it, in the decode that both follow

A stale cell that differs in nothing but its input tables is not made again where these come out the same: it then gets
its new key alone (`cinelake.lake.rekeying`). Whether they do is known beforehand where they are there (`rekey`), and
not where they are to be made first (`may`); what reads the film beside these is made with them, in one decode.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from cinelake.errors import UnknownName, UsageError
from cinelake.lake.cells import Footer
from cinelake.lake.index import Entry
from cinelake.lake.rekeying import differs_in_tables_only, tells_its_inputs
from cinelake.plan.keys import Recipe, first_difference
from cinelake.spec.film import MIXED_READINGS, READ_RULE, rule_of, stored_keys
from cinelake.spec.streams import NO_CHOICES, StreamChoices
from cinelake.storage.content import digest

if TYPE_CHECKING:
    from cinelake.lake.champions import AppliedModel

State = Literal["fresh", "stale", "blocked", "failed"]
Work = Literal["", "make", "may", "rekey"]
"""What a stale cell takes: to be made; perhaps to be made, if what it reads comes out otherwise; a new key alone."""
READ_OTHERWISE = "its film is read as a person sees and hears it (light, fields, cropping, streams)"
IN_WORDS: Mapping[Work, str] = {
    "": "",
    "make": "",
    "may": " may change it",
    "rekey": " came out the same: only its key changes",
}
"""What is added to the reason of a stale cell, which is `upstream TABLE` where there is anything to add."""
DAMAGED, RECOLOURED = "damaged_film", "colours_not_shown"
ACCEPTABLE = {
    DAMAGED: "what can be read of the damaged film is kept",
    RECOLOURED: "its pictures are accepted as they are, with other colours than a person sees",
}
"""Reasons of failures that a person, or the manifest, can accept; why the cell is made then."""
STATES: tuple[State, ...] = ("fresh", "stale", "blocked", "failed")
KNOWN_BAD = "known bad: "
"""What the reason of a cell begins with that failed before, and for good."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One entry of the manifest as the plan sees it: its recipe, its inputs (input name → entry), what blocks it.

    catalogued: the film's title and uri enter its key. recipe_hash: a hash of everything that makes the table but the
    film: its recipe and those of all it needs; tables of one recipe hash may feed one model. applied: the version
    of a model that makes it. beside: suffixes of the files beside the film that enter its key. kind: of the film's
    streams that it reads; what chooses among those enters its key.
    """

    name: str
    recipe: Recipe
    inputs: dict[str, str]
    blocked: str = ""
    catalogued: bool = False
    recipe_hash: str = ""
    applied: AppliedModel | None = None
    beside: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the lake holds: cells and failures by entry and film, and a way to read one cell's footer."""

    cells: Mapping[str, Mapping[str, Entry]]
    failures: Mapping[str, Mapping[str, Mapping[str, Any]]]
    footer: Callable[[str, str], Footer | None] = lambda _table, _movie: None


@dataclass(frozen=True, slots=True)
class Cell:
    """One table of one film, its state and the one reason for it; of a stale one what it takes."""

    movie_id: str
    table: str
    state: State
    reason: str
    key: str = ""
    content_hash: str = ""
    rule: str = ""
    """What the key of the cell in the lake ends with besides: `READ_RULE` where its film is known to be read by it."""
    work: Work = ""


@dataclass(frozen=True)
class Plan:
    """All cells, film by film, tables in dependency order."""

    cells: tuple[Cell, ...]
    tables: tuple[Planned, ...]
    fingerprints: Mapping[str, str]
    listings: Mapping[str, str] = field(default_factory=dict)
    sidecars: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    choices: Mapping[str, StreamChoices] = field(default_factory=dict)
    orphans: tuple[str, ...] = ()
    selection: str = ""
    by_table: dict[str, Planned] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_table", {planned.name: planned for planned in self.tables})

    @property
    def stale(self) -> tuple[Cell, ...]:
        """The cells that a run would make."""
        return tuple(cell for cell in self.cells if cell.state == "stale")

    def counts(self) -> dict[str, int]:
        """State → number of cells."""
        by_state = Counter(cell.state for cell in self.cells)
        return {state: by_state[state] for state in STATES}

    def by_film(self) -> dict[str, list[Cell]]:
        """movie_id → its stale cells, tables in dependency order; films without any are left out."""
        films: dict[str, list[Cell]] = {}
        for cell in self.stale:
            films.setdefault(cell.movie_id, []).append(cell)
        return films

    def ingredients(self, cell: Cell, content_hashes: Mapping[str, str]) -> dict[str, Any]:
        """What goes into a cell's key; `content_hashes` is the film's entry name → content hash."""
        planned = self.by_table[cell.table]
        film = _Film(
            cell.movie_id,
            self.fingerprints[cell.movie_id],
            self.listings.get(cell.movie_id, ""),
            self.sidecars.get(cell.movie_id, {}),
            self.choices.get(cell.movie_id, NO_CHOICES),
        )
        inputs = _inputs(planned, content_hashes, film)
        return planned.recipe.ingredients(film.fingerprint, inputs)


def make_plan(
    tables: Sequence[Planned],
    fingerprints: Mapping[str, str],
    snapshot: Snapshot,
    *,
    listings: Mapping[str, str] | None = None,
    sidecars: Mapping[str, Mapping[str, str]] | None = None,
    choices: Mapping[str, StreamChoices] | None = None,
    unusable: Mapping[str, str] | None = None,
    retry_failed: bool = False,
    kept: Collection[str] = (),
    recoloured: Collection[str] = (),
) -> Plan:
    """Plan every table of every film.

    tables: in dependency order. fingerprints: movie_id → film's fingerprint. listings: movie_id → digest of its entry
    in the catalogue. sidecars: movie_id → file beside it → its fingerprint. choices: movie_id → what chooses among its
    streams. unusable: movie_id → why the catalogue cannot provide the film. retry_failed: cells known to be bad are
    stale again. kept: films of which what can be read is wanted, damaged or not. recoloured: films whose pictures are
    wanted though their colours come out wrong.
    """
    cells: list[Cell] = []
    reading = reading_tables(tables)
    for movie_id in sorted({*fingerprints, *(unusable or {})}):
        if unusable and movie_id in unusable:
            cells += [Cell(movie_id, planned.name, "failed", unusable[movie_id]) for planned in tables]
        else:
            of_film = (sidecars or {}).get(movie_id, {})
            chosen = (choices or {}).get(movie_id, NO_CHOICES)
            film = _Film(movie_id, fingerprints[movie_id], (listings or {}).get(movie_id, ""), of_film, chosen)
            accepted = [why for why, films in ((DAMAGED, kept), (RECOLOURED, recoloured)) if movie_id in films]
            cells += _plan_film(film, tables, snapshot, reading, retry_failed, accepted)
    known = {*fingerprints, *(unusable or {})}
    orphans = sorted({movie_id for of_film in snapshot.cells.values() for movie_id in of_film} - known)
    return Plan(
        tuple(cells), tuple(tables), fingerprints, listings or {}, sidecars or {}, choices or {}, tuple(orphans)
    )


@dataclass(frozen=True, slots=True)
class _Film:
    movie_id: str
    fingerprint: str
    listing: str
    sidecars: Mapping[str, str]
    choices: StreamChoices


def reading_tables(tables: Sequence[Planned]) -> frozenset[str]:
    """The tables whose rows depend on how a film is read: those made from its streams, and what is made from these."""
    reading: set[str] = set()
    for planned in tables:
        if planned.kind or not reading.isdisjoint(planned.inputs.values()):
            reading.add(planned.name)
    return frozenset(reading)


def _plan_film(
    film: _Film,
    tables: Sequence[Planned],
    snapshot: Snapshot,
    reading: frozenset[str],
    retry_failed: bool,
    accepted: Collection[str],
) -> list[Cell]:
    done: dict[str, Cell] = {}
    content_hashes: dict[str, str] = {}
    keys: dict[str, str] = {}
    for planned in tables:
        inputs = _inputs(planned, content_hashes, film)
        content_hashes[planned.name] = planned.recipe.content_hash(film.fingerprint, inputs)
        keys[planned.name] = planned.recipe.key(content_hashes[planned.name])
    held = {name: snapshot.cells.get(name, {}).get(film.movie_id) for name in keys}
    failures = {name: snapshot.failures.get(name, {}).get(film.movie_id) for name in keys}
    stored = [(name, cell.key) for name, cell in held.items() if cell]
    stored += [(name, failure["key"]) for name, failure in failures.items() if failure]
    is_ruled = any(stored_key.startswith(keys[name] + READ_RULE) for name, stored_key in stored)
    for planned in tables:
        inputs, key, present = _inputs(planned, content_hashes, film), keys[planned.name], held[planned.name]
        rule = READ_RULE if is_ruled and planned.name in reading else ""
        failure = _why_failed(failures[planned.name], stored_keys(key, rule), retry_failed, accepted)
        known: tuple[State, str] | None = (
            (("fresh", "") if present and present.key == key + rule else None)
            or (("blocked", planned.blocked) if planned.blocked else None)
            or (failure if failure and failure[0] == "failed" else None)
            or _why_blocked(planned, done)
            or failure
        )
        state, reason = known or ("stale", "")
        work: Work = "make" if known and state == "stale" else ""
        if known is None:
            footer = snapshot.footer(planned.name, film.movie_id) if present else None
            work = _work(film, planned, inputs, rule, snapshot, footer, done)
            reason = _why_stale(film, planned, inputs, snapshot, present, footer) + IN_WORDS[work]
        done[planned.name] = Cell(
            film.movie_id, planned.name, state, reason, key, content_hashes[planned.name], rule, work
        )
    return list(done.values())


def _inputs(planned: Planned, content_hashes: Mapping[str, str], film: _Film) -> dict[str, str]:
    """Input name → content hash, with the film's catalogue entry and the files beside it where the task reads them."""
    inputs = {name: content_hashes[entry] for name, entry in planned.inputs.items()}
    inputs |= {name: content for name, content in film.sidecars.items() if name.lower().endswith(planned.beside)}
    if planned.kind and film.choices and (choices := film.choices.that_matter_for(planned.kind)):
        inputs[f"streams.{planned.kind}"] = digest(choices)
    return {**inputs, "catalogue": film.listing} if planned.catalogued else inputs


def _why_blocked(planned: Planned, done: Mapping[str, Cell]) -> tuple[State, str] | None:
    """An input that failed or is itself blocked."""
    for entry in planned.inputs.values():
        if done[entry].state in ("failed", "blocked"):
            return "blocked", f"needs {entry}, which is {done[entry].state}"
    return None


def _why_failed(
    failure: Mapping[str, Any] | None, keys: Collection[str], retry_failed: bool, accepted: Collection[str]
) -> tuple[State, str] | None:
    """A failure recorded for one of these very keys: permanent ones stay, transient ones are retried."""
    if failure is None or failure["key"] not in keys:
        return None
    if failure["transient"]:
        return "stale", f"retry after {failure['reason']} (attempt {failure['attempt']})"
    if failure["reason"] in accepted:
        return "stale", ACCEPTABLE[failure["reason"]]
    if retry_failed:
        return "stale", f"--failed: {failure['reason']}"
    first_line = failure["message"].partition("\n")[0]
    return "failed", f"{KNOWN_BAD}{failure['reason']}: {first_line[:200]}"


def _why_stale(
    film: _Film,
    planned: Planned,
    inputs: Mapping[str, str],
    snapshot: Snapshot,
    present: Entry | None,
    footer: Footer | None,
) -> str:
    if present is None:
        new_film = not any(film.movie_id in cells for cells in snapshot.cells.values())
        return "new film" if new_film else "missing"
    key = planned.recipe.key(planned.recipe.content_hash(film.fingerprint, inputs))
    if present.key in (key, key + MIXED_READINGS):
        upstream = f"upstream {next(iter(planned.inputs), '')}"
        return upstream if not planned.kind else READ_OTHERWISE
    if footer is None:
        return "its footer cannot be read"
    return first_difference(planned.name, footer.ingredients, planned.recipe.ingredients(film.fingerprint, inputs))


def _work(
    film: _Film,
    planned: Planned,
    inputs: Mapping[str, str],
    rule: str,
    snapshot: Snapshot,
    footer: Footer | None,
    done: Mapping[str, Cell],
) -> Work:
    """What a stale cell takes, as far as the contents of its input tables are known before they are made."""
    tables = planned.inputs
    if footer is None or not tells_its_inputs(footer, tables):
        return "make"
    if not differs_in_tables_only(footer.ingredients, planned.recipe.ingredients(film.fingerprint, inputs), tables):
        return "make"
    unknown = [entry for entry in tables.values() if done[entry].work in ("make", "may")]
    if planned.kind and (unknown or rule != rule_of(footer.key)):  # it follows these while they are made
        return "make"
    for name, entry in tables.items():
        if entry in unknown:
            continue
        known = snapshot.footer(entry, film.movie_id)
        if known is None or known.content_digest != footer.input_digests[name]:
            return "make"
    return "may" if unknown else "rekey"


def select(plan: Plan, selectors: Sequence[str] = (), movies: Sequence[str] = ()) -> Plan:
    """Keep the cells that the selectors name (dbt's shape) and the films that are named.

    `scenes`, `+scenes` (with what it needs), `shots+` (with what needs it), `+beats+`, `state:failed`; several are
    united, a comma intersects (`faces,state:stale`). A kept cell whose input is stale but not kept is blocked.
    Raises `UnknownName`, `UsageError`.
    """
    if not selectors and not movies:
        return replace(plan, selection="")
    known = {cell.movie_id for cell in plan.cells}
    for movie_id in movies:
        if movie_id not in known:
            raise UnknownName("film", movie_id, known)
    terms = [[_term(plan, text) for text in words.split(",")] for part in selectors for words in part.split()]
    of_films = set(movies) or known
    named = [cell for cell in plan.cells if cell.movie_id in of_films]
    kept = [cell for cell in named if not terms or any(all(term(cell) for term in all_of) for all_of in terms)]
    wanted = {(cell.movie_id, cell.table) for cell in kept}
    waiting = {(cell.movie_id, cell.table) for cell in plan.cells if cell.state == "stale"} - wanted
    result: list[Cell] = []
    for cell in kept:
        missing = [entry for entry in plan.by_table[cell.table].inputs.values() if (cell.movie_id, entry) in waiting]
        if cell.state == "stale" and missing:
            why = f"needs {missing[0]}, which is stale and not selected: --select +{cell.table}"
            cell = replace(cell, state="blocked", reason=why)
            waiting.add((cell.movie_id, cell.table))
        result.append(cell)
    return replace(plan, cells=tuple(result), selection=" ".join([*selectors, *movies]))


Term = Callable[[Cell], bool]


def _term(plan: Plan, text: str) -> Term:
    if text.startswith("state:"):
        state = text.removeprefix("state:")
        if state not in STATES:
            raise UnknownName("state", state, STATES)
        return lambda cell: cell.state == state
    tables = _tables_of(plan, text)
    return lambda cell: cell.table in tables


def _tables_of(plan: Plan, text: str) -> set[str]:
    name = text.strip("+")
    if name not in plan.by_table:
        raise UnknownName("table", name, plan.by_table)
    if text.count("+") > text.startswith("+") + text.endswith("+"):
        raise UsageError(f"a selector has at most one + on each side, received {text!r}")
    names = {name}
    if text.startswith("+"):
        names |= ancestors(plan, name)
    if text.endswith("+"):
        names |= descendants(plan, name)
    return names


def ancestors(plan: Plan, table: str) -> set[str]:
    """Every table that this one needs, directly or not."""
    direct = set(plan.by_table[table].inputs.values())
    return direct.union(*(ancestors(plan, name) for name in direct))


def descendants(plan: Plan, table: str) -> set[str]:
    """Every table that needs this one, directly or not."""
    return {name for name in plan.by_table if table in ancestors(plan, name)}
