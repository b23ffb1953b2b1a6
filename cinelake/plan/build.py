"""From a manifest to a plan and its steps: reads the catalogue, the lake's index and the films' fingerprints.

Imports nothing heavy and starts nothing: this is what `cinelake plan` costs.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

from cinelake.catalogue.films import Catalogue, CatalogueFilm, read_catalogue
from cinelake.catalogue.listing import Beside, check_enough, list_films, loss_of
from cinelake.errors import (
    BadListing,
    FilmError,
    FilmMissing,
    FilmRefused,
    ManifestError,
    ModelUnusable,
    MovieIdClash,
    Problem,
    StoreUnavailable,
    UnknownName,
    WeightsMissing,
)
from cinelake.lake.cells import Lake
from cinelake.lake.champions import AppliedModel, find_applied
from cinelake.lake.format import open_known
from cinelake.lake.index import Entry, Index
from cinelake.manifest.document import Manifest, TaskEntry
from cinelake.plan.keys import Recipe, key_params
from cinelake.plan.plan import Cell, Plan, Planned, Snapshot, make_plan, reading_tables, select
from cinelake.run.cells import StepCell
from cinelake.run.staging import staging_of
from cinelake.run.step import Step
from cinelake.spec.streams import SOUND, StreamChoices
from cinelake.spec.task import Film, Resources
from cinelake.storage.content import digest

PROBLEMS: dict[str, type[FilmError]] = {
    "film_missing": FilmMissing,
    "film_refused": FilmRefused,
    "store_unavailable": StoreUnavailable,
    "movie_id_clash": MovieIdClash,
    "bad_row": BadListing,
}
"""The typed error of each problem that a catalogue reports of a film."""
ABSENT = (FilmMissing, FilmRefused, StoreUnavailable)
"""What films have that are where a folder or share is no longer mounted."""
CATALOGUE = "catalogue"
"""The name under which `failures` keeps films that the catalogue cannot provide."""


@dataclass(frozen=True)
class Planning:
    """A manifest with its catalogue, its lake, the whole plan, and the part of it that was selected.

    in_lake: the films that have any of the plan's tables.
    """

    manifest: Manifest
    catalogue: Catalogue
    lake: Lake
    index: Index
    whole: Plan
    plan: Plan
    beside: Beside = field(default_factory=dict)
    in_lake: frozenset[str] = frozenset()

    @cached_property
    def films(self) -> dict[str, CatalogueFilm]:
        """movie_id → film."""
        return {film.movie_id: film for film in self.catalogue.films}

    @cached_property
    def _cells(self) -> dict[str, dict[str, Cell]]:
        cells: dict[str, dict[str, Cell]] = {}
        for cell in self.whole.cells:
            cells.setdefault(cell.movie_id, {})[cell.table] = cell
        return cells

    @cached_property
    def _reading(self) -> frozenset[str]:
        return reading_tables(self.whole.tables)

    def has_older_tables(self, movie_id: str) -> bool:
        """Whether the lake has tables of the film that do not show by which rule it is read, fresh as they are."""
        cells = self._cells.get(movie_id, {}).values()
        return any(cell.state == "fresh" and not cell.rule and cell.table in self._reading for cell in cells)

    def selected(self, selectors: Sequence[str], movies: Sequence[str]) -> Planning:
        """The same planning with another selection. Raises `UnknownName`, `UsageError`."""
        return replace(self, plan=select(self.whole, selectors, movies))

    def problems(self) -> dict[str, FilmError]:
        """movie_id → why the catalogue cannot provide the film."""
        return {p.movie_id: PROBLEMS[p.reason](p.message) for p in self.catalogue.problems}

    def step(self, movie_id: str, stale: Sequence[Cell]) -> Step:
        """The step that makes these stale cells of one film."""
        film = self.films[movie_id]
        fingerprint, beside = self.whole.fingerprints[movie_id], tuple(self.beside.get(film.path, ()))
        choices = film.choices.over(self.manifest.streams.choices())
        about = Film(
            movie_id,
            film.path,
            film.uri,
            film.title,
            film.look().size,
            fingerprint,
            beside=beside,
            choices=choices,
            keeps_damaged=film.accept,
            accepts_colours=film.accept_colours,
            max_pixels=self.manifest.defaults.max_pixels,
            decode_device=self.manifest.decode.device,
        )
        cells = tuple(self._step_cell(cell) for cell in stale)
        defaults = self.manifest.defaults
        own = [self.manifest.tasks[cell.table].deadline_s for cell in stale]
        longest = max([deadline for deadline in own if deadline is not None], default=0.0)
        staging = staging_of(self.manifest, film.path)
        needs = Resources.most(self.manifest.tasks[cell.table].resources for cell in stale)
        if longest and all(deadline is not None for deadline in own):
            return Step(self.manifest.lake.place, about, cells, longest, 0.0, needs, staging=staging)
        deadline_s = max(defaults.deadline_s, longest)
        per_second = defaults.deadline_per_film_second
        return Step(self.manifest.lake.place, about, cells, deadline_s, per_second, needs, staging=staging)

    def _step_cell(self, cell: Cell) -> StepCell:
        entry, planned = self.manifest.tasks[cell.table], self.whole.by_table[cell.table]
        known = self._cells[cell.movie_id]
        return StepCell(
            table=cell.table,
            task=entry.task,
            params=entry.params,
            key=cell.key,
            content_hash=cell.content_hash,
            ingredients=self.whole.ingredients(cell, {name: made.content_hash for name, made in known.items()}),
            inputs=dict(planned.inputs),
            input_keys={name: known[name].key for name in planned.inputs.values()},
            rule=cell.rule,
            reading=tuple(name for name in planned.inputs.values() if name in self._reading),
            model=planned.applied,
            resources=entry.resources,
        )


@contextmanager
def _no_collections() -> Iterator[None]:
    """Without the garbage collector: a plan makes hundreds of thousands of objects and all of them stay."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_no_collections()
def plan_manifest(manifest: Manifest, *, retry_failed: bool = False) -> Planning:
    """Plan a manifest's whole catalogue.

    Raises `ManifestError` for lists that cannot be read and for weights that are missing (all at once), before any
    film is touched; `CatalogueShrunk` where it has fewer films than the manifest allows, or lost too many of those that
    the lake has; `StorageError` when the lake cannot be read.
    """
    lake = open_known(manifest.lake.place)
    catalogue = read_catalogue(manifest.catalogue, manifest.path.parent, lake=lake)
    check_enough(manifest.catalogue, len(catalogue.films))
    planning = _planned_with(manifest, planned_tables(manifest), catalogue, Index(lake), retry_failed=retry_failed)
    return with_loss_told(planning)


def _planned_with(
    manifest: Manifest,
    planned: Sequence[Planned],
    catalogue: Catalogue,
    index: Index,
    movie_id: str = "",
    *,
    retry_failed: bool = False,
) -> Planning:
    suffixes = sorted({suffix for table in planned for suffix in table.beside})
    listing = list_films(catalogue, index, suffixes)
    catalogue = listing.catalogue
    usual = manifest.streams.choices()
    snapshot = snapshot_of_film(index.lake, planned, movie_id) if movie_id else take_snapshot(index, planned)
    choices = {film.movie_id: film.choices.over(usual) for film in catalogue.films if usual or film.choices}
    plan = make_plan(
        planned,
        listing.fingerprints,
        snapshot,
        listings={film.movie_id: _listed(film, choices.get(film.movie_id)) for film in catalogue.films},
        choices=choices,
        sidecars=listing.sidecars,
        unusable={problem.movie_id: f"{problem.reason}: {problem.message}" for problem in catalogue.problems},
        retry_failed=retry_failed,
        kept={film.movie_id for film in catalogue.films if film.accept},
        recoloured={film.movie_id for film in catalogue.films if film.accept_colours},
    )
    in_lake = frozenset(movie_id for of_film in snapshot.cells.values() for movie_id in of_film)
    return Planning(manifest, catalogue, index.lake, index, plan, plan, listing.beside, in_lake)


def with_loss_told(planning: Planning) -> Planning:
    """The planning with a warning where many films of the lake have left the catalogue. Raises `CatalogueShrunk`."""
    plan, catalogue = planning.whole, planning.catalogue
    missing = {problem.movie_id for problem in catalogue.problems if PROBLEMS[problem.reason] in ABSENT}
    lost = planning.in_lake & {*plan.orphans, *missing}
    warning = loss_of(planning.manifest.catalogue, planning.in_lake, lost)
    if not warning:
        return planning
    return replace(planning, catalogue=replace(catalogue, warnings=(*catalogue.warnings, warning)))


def _listed(film: CatalogueFilm, choices: StreamChoices | None) -> str:
    """What the catalogue says of a film; of its streams only where it says something."""
    return digest([film.title, film.uri, *([choices.that_matter_for(SOUND)] if choices else [])])


def plan_film(manifest: Manifest, movie_id: str) -> Planning:
    """The plan of one film of a manifest's catalogue; of the lake only its cells are read.

    Raises as `plan_manifest` does, and `UnknownName` with close matches.
    """
    planned, lake = planned_tables(manifest), Lake(manifest.lake.place)
    catalogue = read_catalogue(manifest.catalogue, manifest.path.parent, movie_id, lake)
    films = tuple(film for film in catalogue.films if film.movie_id == movie_id)
    problems = tuple(problem for problem in catalogue.problems if problem.movie_id == movie_id)
    if not films and not problems:
        raise UnknownName("film", movie_id, (film.movie_id for film in catalogue.films))
    return _planned_with(manifest, planned, replace(catalogue, films=films, problems=problems), Index(lake), movie_id)


def take_snapshot(index: Index, planned: Sequence[Planned]) -> Snapshot:
    """What the lake holds of these tables."""
    return Snapshot(
        cells={table.name: index.cells(table.name) for table in planned},
        failures={table.name: index.failures(table.name) for table in planned},
        footer=index.footer,
    )


def snapshot_of_film(lake: Lake, planned: Sequence[Planned], movie_id: str) -> Snapshot:
    """What the lake holds of these tables of one film."""
    cells = {table.name: lake.footer(table.name, movie_id) for table in planned}
    failures = {table.name: lake.failure(table.name, movie_id) for table in planned}
    return Snapshot(
        cells={
            name: {movie_id: Entry(footer.key, footer.content_hash)} if footer else {} for name, footer in cells.items()
        },
        failures={name: {movie_id: failure} if failure else {} for name, failure in failures.items()},
        footer=lake.footer,
    )


def planned_tables(manifest: Manifest) -> list[Planned]:
    """The enabled entries in dependency order. Raises `ManifestError` with every missing weight at once."""
    problems: list[Problem] = []
    tables: dict[str, Planned] = {}
    for entry in manifest.tasks.values():
        if not entry.enabled:
            continue
        try:
            tables[entry.name] = _planned(entry, tables, Lake(manifest.lake.place))
        except (WeightsMissing, ModelUnusable) as error:
            problems.append(Problem(manifest.path.name, entry.line, f"tasks.{entry.name}", str(error)))
    if problems:
        raise ManifestError(problems)
    return list(tables.values())


def _planned(entry: TaskEntry, before: Mapping[str, Planned], lake: Lake) -> Planned:
    spec = entry.spec
    params = key_params(entry.params, spec.preflight(entry.params))
    recipe_hashes = {table: before[name].recipe_hash for table, name in entry.inputs.items() if name in before}
    applied = find_applied(lake, entry.model) if entry.model else None
    recipe = Recipe(entry.task, spec.version, spec.revision, params, applied.ingredient() if applied else None)
    blocked = why_not_applied(entry, applied, recipe_hashes)
    recipe_hash = recipe.recipe_hash(recipe_hashes)
    return Planned(
        name=entry.name,
        recipe=recipe,
        inputs=dict(entry.inputs),
        blocked=blocked,
        catalogued=spec.catalogued,
        recipe_hash=recipe_hash,
        applied=applied,
        beside=spec.beside,
        kind=spec.kind(entry.params),
    )


def why_not_applied(entry: TaskEntry, applied: AppliedModel | None, recipe_hashes: Mapping[str, str]) -> str:
    """Why an entry's model cannot make its table; empty when it can, or when it applies none."""
    if entry.learned is None or entry.model is None:
        return ""
    name, _, alias = entry.model.partition("@")
    again = f"`cinelake train {name}`"
    if applied is None:
        return (
            f"needs {'a champion' if alias == 'champion' else f'version {alias}'} of {name}: there is none yet: {again}"
        )
    if applied.kind != entry.learned.spec.name:
        return f"{name} {applied.version} is a model of kind {applied.kind!r}, not {entry.learned.spec.name!r}: {again}"
    if applied.code != entry.learned.spec.version:
        was, now = applied.code, entry.learned.spec.version
        return f"{name} {applied.version} was trained by version {was} of its code, which is now {now}: {again}"
    for table in dict.fromkeys([*entry.learned.inputs, *applied.inputs]):
        if applied.inputs.get(table) != recipe_hashes.get(table):
            return f"{name} {applied.version} was trained on another version of {table}: {again}"
    return ""
