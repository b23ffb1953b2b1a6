"""The catalogue flow: makes every stale cell, film by film, with a bounded number of films in flight.

Prefect sees one task a film, never a frame. What is done is on disk, in the lake; an interrupted run is
resumed by the same command.
"""

from __future__ import annotations

import datetime
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from prefect import Flow, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.states import Cancelled, Completed, Failed, State
from prefect.utilities.annotations import quote

from cinelake.engines import Engine
from cinelake.engines.dispatch import RETRY_DELAY_S, place_watched, worth_retrying
from cinelake.errors import EngineStopped, FilmError, TaskFailed
from cinelake.events import FilmRetried, OnEvent, QueueMoved, RunPaused, RunResumed
from cinelake.lake.control import LOOK_EVERY_S, Gate
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.plan.build import Planning, plan_manifest
from cinelake.plan.scope import restrict
from cinelake.run.cells import CellReport, StepReport
from cinelake.run.lost import not_yet_made, report_lost
from cinelake.run.stages import run_stages
from cinelake.run.step import Step
from cinelake.tracking.runs import mlflow_page
from flows.artifacts import ProgressArtifact, show_end, show_plan
from flows.events import failed_too_much, flow_started
from flows.lake_lock import lake_lock, make_limit
from flows.prefect_runs import catalogue_run_name, film_log, film_run_name, film_state, name_run, write_log
from flows.run import FilmWork, FlowLog, run_plan
from flows.run_summary import RunSummary

CatalogueWork = Callable[[Path, Sequence[str], Sequence[str], bool, Path | None, datetime.datetime | None], Any]


def catalogue_flow(work: CatalogueWork) -> Flow[..., Any]:
    """The flow `catalogue` around what it does. work: takes the flow's parameters in order; returns its result."""

    @flow(name="catalogue", validate_parameters=True)
    def catalogue(
        manifest: str = "pipeline.yaml",
        select: Sequence[str] = (),
        movies: Sequence[str] = (),
        failed: bool = False,
        films_from: str | None = None,
        since: datetime.datetime | None = None,
    ) -> Any:
        """Make what is stale of a manifest's catalogue.

        Args:
            manifest: The manifest's file, on the worker's machine.
            select: Only these tables, as in `cinelake run --select`; empty: all.
            movies: Only these films, by id; empty: all.
            failed: Try again what is known to be bad.
            films_from: Only the films that this file names, one a line.
            since: Only films that arrived since then.
        """
        return work(Path(manifest), select, movies, failed, Path(films_from) if films_from else None, since)

    return catalogue


def make_films(work: FilmWork) -> dict[str, int]:
    """Make the films of a plan within a flow, shown in Prefect's UI; returns the number of cells by outcome."""
    counts: dict[str, int] = {"made": 0, "failed": 0, "skipped": 0}
    make_limits(work.planning.manifest)
    shown = ProgressArtifact(work.planning)
    try:
        for report in fan_out(work.planning, work.engine, work.on_event):
            work.on_report(report)
            shown.on_report(report)
            for cell in report.cells:
                counts[cell.outcome] += 1
    except BaseException:  # Ctrl-C too: no worker goes on
        work.engine.stop(now=True)
        raise
    finally:
        shown.end()
    return counts


def _make_deployed(
    manifest: Path,
    select: Sequence[str],
    movies: Sequence[str],
    failed: bool,
    films_from: Path | None,
    since: datetime.datetime | None,
) -> State[Any]:
    """A run of a deployment: what `cinelake run` does, written to Prefect's log, with a state that says what failed."""
    log = get_run_logger()
    loaded = load_manifest(manifest)
    with lake_lock(loaded.lake.place, log.warning):
        flow_started(loaded, "catalogue")
        planning = restrict(plan_manifest(loaded, retry_failed=failed), select, movies, films_from, since)
        name_run(catalogue_run_name(planning.plan))
        if not planning.plan.stale:
            show_plan(planning)
        summary = run_plan(planning, FlowLog(log).on_event, _running_server, make_films)
    show_end(loaded, _facts(summary), mlflow_page(loaded.tracking, summary.mlflow))
    return _end(planning, summary)


def _running_server(_: OnEvent) -> AbstractContextManager[Callable[[], None]]:
    """The server that runs this flow: it is running already."""
    return nullcontext(lambda: None)


def _facts(summary: RunSummary) -> dict[str, Any]:
    known = {"films": summary.films, "fresh before": summary.fresh, "known bad": summary.known}
    return {"cells made": sum(summary.made.values()), "new failures": len(summary.failures), **known}


def _end(planning: Planning, summary: RunSummary) -> State[Any]:
    """Completed, or failed when more failed than the manifest allows."""
    made, failed = sum(summary.made.values()), len(summary.failures)
    ended = completed(made, failed, summary.fresh, data=summary.to_json())
    if failed_too_much(planning.manifest, made, failed):
        return Failed(message=f"{ended.message}: more than notifications.failure_rate allows")
    return ended


def completed(made: int, failed: int, fresh: int, data: Any = None) -> State[Any]:
    """The final state of a run that came to its end; named otherwise where cells failed."""
    words = f"{made} cells made, {failed} failed, {fresh} were fresh"
    return Completed(name="CompletedWithFailures" if failed else "Completed", message=words, data=data)


def make_limits(manifest: Manifest) -> None:
    """Make limits of the manifest that the server does not have; `cinelake deploy` changes those that it has."""
    if not manifest.limits:
        return
    with get_client(sync_client=True) as client:
        for name, limit in manifest.limits.items():
            make_limit(client, name, limit.slots)


def fan_out(planning: Planning, engine: Engine, on_event: OnEvent) -> Iterator[StepReport]:
    """Hand films to the engine, never more than its window at once, and yield each film's report as it ends.

    While runs on the lake are paused, the films in flight end and no other starts.
    """
    reports: dict[str, StepReport] = {}
    film_task = _film_task(engine, planning.manifest, reports, on_event)
    waiting = deque(planning.plan.by_film().items())
    in_flight: dict[Any, Step] = {}
    ended: SimpleQueue[Any] = SimpleQueue()
    gate = Gate(planning.lake, lambda paused: on_event(RunPaused() if paused else RunResumed()))
    while waiting or in_flight:
        while waiting and len(in_flight) < engine.window and gate.is_open():
            movie_id, cells = waiting.popleft()
            step = planning.step(movie_id, cells)
            film = film_task.submit(film_run_name(movie_id, [cell.table for cell in cells]), quote(step))
            in_flight[film] = step
            film.add_done_callback(ended.put)
        on_event(QueueMoved(len(waiting), len(in_flight)))
        if not in_flight:
            time.sleep(LOOK_EVERY_S)
        elif done := _next_of(ended, None if gate.is_open() else LOOK_EVERY_S):
            step = in_flight.pop(done)
            movie_id = step.film.movie_id
            yield reports.pop(movie_id) if movie_id in reports else _report_of_lost(done, step)
    on_event(QueueMoved(waiting=0, in_flight=0))


def _next_of(ended: SimpleQueue[Any], timeout_s: float | None) -> Any | None:
    """The next film's future that ends; None on timeout."""
    try:
        return ended.get(timeout=timeout_s)
    except Empty:
        return None


def _film_task(engine: Engine, manifest: Manifest, reports: dict[str, StepReport], on_event: OnEvent) -> Any:
    """The Prefect task of one film: retried when its worker died, for what is not yet in the lake.

    reports: where the film's report is put; the task itself returns the state that Prefect shows.
    """
    tries: Counter[str] = Counter()

    def place(stage: Step) -> StepReport:
        with _slots(limits_of(manifest, stage)):
            return place_watched(engine, stage, on_event)

    @task(
        name="film",
        task_run_name="{name}",
        retries=manifest.defaults.retries,
        retry_delay_seconds=RETRY_DELAY_S,
        retry_condition_fn=worth_retrying,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    def film(name: str, step: Any) -> State[Any]:
        wanted = step.value if isinstance(step, quote) else step
        movie_id, left = wanted.film.movie_id, not_yet_made(wanted)
        tries[movie_id] += 1
        if tries[movie_id] > 1:
            on_event(FilmRetried(movie_id, tries[movie_id], len(left.cells)))
        try:
            report = run_stages(left, place)
        except EngineStopped:
            return Cancelled(message="the run was stopped: the film's tables that were made stay")
        write_log(get_run_logger(), film_log(report))
        kind, message = film_state(report)
        done = {cell.table for cell in left.cells}
        report.cells += [CellReport(cell.table, "made") for cell in wanted.cells if cell.table not in done]
        reports[movie_id] = report
        return Failed(message=message) if kind == "FAILED" else Completed(message=message)

    return film


def limits_of(manifest: Manifest, step: Step) -> list[str]:
    """The shared limits of which a step takes a slot."""
    tables = {cell.table for cell in step.cells}
    return [name for name, limit in manifest.limits.items() if not limit.tasks or tables & set(limit.tasks)]


def _slots(limits: list[str]) -> Any:
    """Acquire a slot of each limit; without limits the server is not called."""
    return concurrency(limits, strict=True) if limits else nullcontext()


def _report_of_lost(future: Any, step: Step) -> StepReport:
    """The report of a film whose process was lost or killed: its unmade cells become rows of `failures`."""
    error = future.result(raise_on_failure=False)
    if not isinstance(error, FilmError):
        raise error if isinstance(error, BaseException) else TaskFailed(f"{step.film.movie_id}: {error!r}")
    return report_lost(step, error)


catalogue = catalogue_flow(_make_deployed)
"""What a deployment runs: entrypoint `flows.catalogue.catalogue`."""
