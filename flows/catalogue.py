"""The catalogue flow: makes every stale cell, film by film, with a bounded number of films in flight.

Prefect sees one task a film, never a frame. What is done is on disk, in the lake; an interrupted run is
resumed by the same command.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, get_args

from prefect import Flow, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.states import Cancelled, Completed, Failed, State
from prefect.utilities.annotations import quote

from cinelake.engines import RETRY_DELAY_S, Engine, place_watched
from cinelake.engines.dispatch import worth_retrying
from cinelake.errors import EngineStopped
from cinelake.events import OnEvent, Outcome
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.plan.build import Planning, plan_manifest
from cinelake.plan.scope import restrict
from cinelake.run.cells import StepReport
from cinelake.run.step import Step
from cinelake.tracking.runs import mlflow_page
from flows.events import failed_too_much, flow_started
from flows.fan_out import fan_out, limits_of, make_film, with_those_before
from flows.lake_lock import lake_lock, make_limit
from flows.prefect_ui import (
    ProgressArtifact,
    catalogue_run_name,
    film_log,
    film_run_name,
    film_state,
    name_run,
    show_end,
    show_plan,
    write_log,
)
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
    counts: dict[str, int] = dict.fromkeys(get_args(Outcome), 0)
    make_limits(work.planning.manifest)
    shown = ProgressArtifact(work.planning)
    reports: dict[str, StepReport] = {}
    film = _film_task(work.engine, work.planning.manifest, reports, work.on_event)

    def hand_out(step: Step) -> Any:
        return film.submit(film_run_name(step.film.movie_id, [cell.table for cell in step.cells]), quote(step))

    def outcome(ended: Any, step: Step) -> object:
        return reports.pop(step.film.movie_id, None) or ended.result(raise_on_failure=False)

    try:
        for report in fan_out(work.planning, work.engine.window, work.on_event, hand_out, outcome):
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
        movie_id = wanted.film.movie_id
        tries[movie_id] += 1
        try:
            report = make_film(wanted, place, tries[movie_id], on_event)
        except EngineStopped:
            return Cancelled(message="the run was stopped: the film's tables that were made stay")
        write_log(get_run_logger(), film_log(report))
        kind, message = film_state(report)
        reports[movie_id] = with_those_before(report, wanted)
        return Failed(message=message) if kind == "FAILED" else Completed(message=message)

    return film


def _slots(limits: list[str]) -> Any:
    """Acquire a slot of each limit; without limits the server is not called."""
    return concurrency(limits, strict=True) if limits else nullcontext()


catalogue = catalogue_flow(_make_deployed)
"""What a deployment runs: entrypoint `flows.catalogue.catalogue`."""
