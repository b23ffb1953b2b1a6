"""From a plan and the lake's measured costs to a forecast of its run on a described cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cinelake.errors import EngineUnavailable, NotMeasured, UsageError
from cinelake.plan.build import Planning
from cinelake.plan.forecast.bounds import FilmMix, Forecast
from cinelake.plan.forecast.cluster import ClusterSettings
from cinelake.plan.forecast.costs import FilmCost, measured_films
from cinelake.plan.forecast.simulation import FilmStages, Stage
from cinelake.run.step import Step, stages
from cinelake.spec.roles import FilmLength
from cinelake.spec.task import tasks_with


@dataclass(frozen=True)
class Forecasted:
    """A forecast, what it was measured on, and what it assumes, in sentences."""

    forecast: Forecast
    tables: tuple[str, ...]
    measured: tuple[FilmCost, ...]
    assumed: tuple[str, ...]


def forecast_of(planning: Planning, settings: ClusterSettings, films: int | None = None) -> Forecasted:
    """What a run would take: of the plan's stale cells, or of so many films like those selected, with all its tables.

    Raises `NotMeasured`, `EngineUnavailable` (no node has what a table needs) and `UsageError` (nothing to make).
    """
    engine = planning.manifest.engine
    known = settings.known(engine.kind, engine.window)
    wanted = _stale(planning) if films is None else {_all(planning): films}
    tables = tuple(planned.name for planned in planning.plan.tables if any(planned.name in kind for kind in wanted))
    like = None if films is None else {cell.movie_id for cell in planning.plan.cells}
    measured = measured_films(planning.index, tables, settings.seed, like)
    lengths_s = _lengths_s(planning, measured) if settings.film_minutes else {}
    steps = [stages(_step(planning, kind)) for kind in wanted]
    _check_fits(steps, known)
    kinds = [[_film(film, parts, known, lengths_s) for film in measured] for parts in steps]
    of = np.repeat(np.arange(len(kinds), dtype=np.int32), list(wanted.values()))
    np.random.default_rng(settings.seed).shuffle(of)
    forecast = Forecast(known, FilmMix(kinds, of, settings.seed))
    return Forecasted(forecast, tables, tuple(measured), tuple(_assumed(settings, known, steps, measured)))


def _stale(planning: Planning) -> dict[tuple[str, ...], int]:
    """Which tables are stale together → of how many films."""
    films: dict[tuple[str, ...], int] = {}
    for cells in planning.plan.by_film().values():
        kind = tuple(cell.table for cell in cells)
        films[kind] = films.get(kind, 0) + 1
    if not films:
        raise UsageError("nothing is stale, so there is no run to simulate. Name a number of films: `--films 1000000`")
    return films


def _all(planning: Planning) -> tuple[str, ...]:
    """Every selected table that a run could make; those that wait for a champion are left out."""
    able = {cell.table for cell in planning.plan.cells if cell.state != "blocked"}
    if not able or not planning.films:
        raise UsageError("no selected table can be made: the catalogue has no film, or every cell is blocked")
    return tuple(planned.name for planned in planning.plan.tables if planned.name in able)


def _step(planning: Planning, tables: Sequence[str]) -> Step:
    """The step that makes these tables, of any film."""
    movie_id = next(iter(planning.films))
    cells = {cell.table: cell for cell in planning.whole.cells if cell.movie_id == movie_id}
    return planning.step(movie_id, [cells[table] for table in tables])


def _film(
    film: FilmCost, parts: Sequence[Step], settings: ClusterSettings, lengths_s: Mapping[str, float]
) -> FilmStages:
    scale = 60 * settings.film_minutes / lengths_s[film.movie_id] if settings.film_minutes else 1.0
    return tuple(_stage(film, part, settings, scale) for part in parts)


def _stage(film: FilmCost, part: Step, settings: ClusterSettings, scale: float) -> Stage:
    """A stage's cost. It reads the film where it decodes, and the tables that are its inputs, from the store."""
    made = [cell.table for cell in part.cells]
    read = {entry for cell in part.cells for entry in cell.inputs.values()} & set(film.cells)
    decodes = any(film.cells[table].decoded for table in made)
    moved = sum(film.cells[table].written_bytes for table in (*made, *read)) + decodes * film.film_bytes
    seconds = film.seconds(made) / (settings.gpu_speedup if _by_guess(film, part) else 1.0)
    needs = part.resources
    return Stage(needs.processors, needs.gpus, scale * seconds, scale * moved)


def _by_guess(film: FilmCost, part: Step) -> bool:
    """Whether a stage needs a GPU and was measured without one."""
    return bool(part.resources.gpus) and all(film.cells[cell.table].device == "cpu" for cell in part.cells)


def _check_fits(steps: Sequence[Sequence[Step]], settings: ClusterSettings) -> None:
    cluster = settings.cluster()
    for part in (part for parts in steps for part in parts):
        needs, names = part.resources, ", ".join(cell.table for cell in part.cells)
        for kind, need in (("cpus", needs.processors), ("gpus", needs.gpus)):
            if need and not cluster.at_once("cpus" if kind == "cpus" else "gpus", need):
                raise EngineUnavailable(f"{names}: asks for {need:g} {kind}, and no node of the cluster has that")


def _lengths_s(planning: Planning, measured: Sequence[FilmCost]) -> dict[str, float]:
    """movie_id → seconds of film, from the table that has them. Raises `NotMeasured`."""
    task, column = next((task, role.column) for task, role in tasks_with(FilmLength).items())
    table = next((name for name, entry in planning.manifest.tasks.items() if entry.task == task), task)
    lengths: dict[str, float] = {}
    for film in measured:
        is_made = planning.lake.footer(table, film.movie_id) is not None
        rows = planning.lake.reader(table, film.movie_id).read([column])[column].to_pylist() if is_made else []
        lengths[film.movie_id] = float(rows[0] or 0.0) if rows else 0.0
    if not all(lengths.values()):
        raise NotMeasured([f"{table} (film_minutes wants the films' lengths)"])
    return lengths


def _assumed(
    given: ClusterSettings, known: ClusterSettings, steps: Sequence[Sequence[Step]], measured: Sequence[FilmCost]
) -> Iterator[str]:
    """What the forecast assumes and did not measure."""
    yield "a step takes as long on a full node as it took where it was measured; no worker dies and no film fails"
    guessed = [part for parts in steps for part in parts if any(_by_guess(film, part) for film in measured)]
    if guessed:
        tables = ", ".join(dict.fromkeys(cell.table for part in guessed for cell in part.cells))
        yield f"{tables}: measured on a processor, a GPU taken to be {known.gpu_speedup:g} times as fast (gpu_speedup=)"
    if given.driver_ms is None:
        yield f"the driver is busy with each film for {known.driver_ms:g} ms, as on {known.engine} (driver_ms=)"
    if given.store_gbit is None:
        yield "the store is never waited for (store_gbit=)"
    if known.film_minutes:
        yield f"costs and bytes grow with a film's length: each is scaled to {known.film_minutes:g} minutes"
    if known.gpus and not any(part.resources.gpus for parts in steps for part in parts):
        yield "no table of the manifest asks for a GPU: those of the cluster stand idle (`resources: {gpus: 1}`)"
