"""The catalogue flow: makes every stale cell, film by film, in a bounded window.

Prefect sees one task a film, never a frame. What is done is on disk, in the lake; a run that ends in the middle is
resumed by the same command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from prefect.utilities.annotations import quote

from cinelake.engines import Engine, make_engine
from cinelake.errors import FilmError, TaskFailed, WorkerLost
from cinelake.lake import Lake
from cinelake.manifest import load_manifest
from cinelake.planning import Planning, plan_manifest
from cinelake.step import CellReport, Step, StepReport

RETRY_DELAY_S = 1.0


@dataclass(frozen=True)
class Handed:
    """What a caller in the same process has ready: its plan, its engine, and who is told of each film's end."""

    planning: Planning
    engine: Engine
    on_report: Callable[[StepReport], None]


HANDED: ContextVar[Handed | None] = ContextVar("handed", default=None)


@flow(name="catalogue", validate_parameters=True)
def catalogue(
    manifest: str = "pipeline.yaml", select: Sequence[str] = (), movies: Sequence[str] = (), failed: bool = False
) -> dict[str, int]:
    """Make what is stale of a manifest's catalogue; gives the number of cells by outcome.

    manifest: the file. select, movies: as in `cinelake run`. failed: try again what is known to be bad.
    """
    handed = HANDED.get() or _plan_here(manifest, select, movies, failed)
    counts: dict[str, int] = {"made": 0, "failed": 0, "skipped": 0}
    try:
        for report in fan_out(handed.planning, handed.engine):
            handed.on_report(report)
            for cell in report.cells:
                counts[cell.outcome] += 1
    except BaseException:
        handed.engine.stop(now=True)
        raise
    return counts


def _plan_here(manifest: str, select: Sequence[str], movies: Sequence[str], failed: bool) -> Handed:
    loaded = load_manifest(Path(manifest))
    planning = plan_manifest(loaded, retry_failed=failed).selected(select, movies)
    return Handed(planning, make_engine(loaded, lambda _: None), lambda _: None)


def fan_out(planning: Planning, engine: Engine) -> Iterator[StepReport]:
    """Hand films to the engine, never more than its window at once, and give each film's report as it ends."""
    film_task = _film_task(engine, planning.manifest.defaults.retries)
    waiting = iter(planning.plan.by_film().items())
    in_flight: dict[Any, Step] = {}
    while True:
        while len(in_flight) < engine.window and (film := next(waiting, None)):
            step = planning.step(*film)
            in_flight[film_task.submit(film[0], quote(step))] = step
        if not in_flight:
            return
        ended = next(as_completed(list(in_flight)))
        yield _report_of(ended, in_flight.pop(ended))


def _film_task(engine: Engine, retries: int) -> Any:
    """The Prefect task of one film: retried when its worker died, for what is not yet in the lake."""

    @task(
        name="film",
        task_run_name="{movie_id}",
        retries=retries,
        retry_delay_seconds=RETRY_DELAY_S,
        retry_condition_fn=_worth_retrying,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    def film(movie_id: str, step: Any) -> StepReport:
        wanted = step.value if isinstance(step, quote) else step
        left = not_yet_made(wanted)
        report = engine.place(left) if left.cells else StepReport(movie_id)
        done = {cell.table for cell in left.cells}
        report.cells += [CellReport(cell.table, "made") for cell in wanted.cells if cell.table not in done]
        return report

    return film


def _worth_retrying(_task: Any, _run: Any, state: Any) -> bool:
    return isinstance(state.result(raise_on_failure=False), WorkerLost)


def not_yet_made(step: Step) -> Step:
    """The step without the cells that the lake already has (a worker died after committing them)."""
    lake = Lake(step.lake)
    left = [cell for cell in step.cells if not _is_made(lake, step, cell.table, cell.key)]
    return replace(step, cells=tuple(left))


def _is_made(lake: Lake, step: Step, table: str, key: str) -> bool:
    footer = lake.footer(table, step.film.movie_id)
    return footer is not None and footer.key == key


def _report_of(future: Any, step: Step) -> StepReport:
    """A film's report; when its process was lost or killed, its unmade cells become rows of `failures`."""
    result = future.result(raise_on_failure=False)
    if isinstance(result, StepReport):
        return result
    if not isinstance(result, FilmError):
        raise result if isinstance(result, BaseException) else TaskFailed(f"{step.film.movie_id}: {result!r}")
    lake, report = Lake(step.lake), StepReport(step.film.movie_id)
    for cell in not_yet_made(step).cells:
        lake.record_failure(cell.table, step.film.movie_id, cell.key, result)
        report.cells.append(CellReport(cell.table, "failed", result.reason, str(result)))
    return report
