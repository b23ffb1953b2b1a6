"""One catalogue run, from a plan to a summary: the engine, the record in MLflow, the events at its end.

The flow stands above this: `flows.catalogue` for deployed runs, `flows.start_catalogue` for those of the command.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from cinelake.engines import Engine, make_engine
from cinelake.errors import FilmError
from cinelake.events import (
    Event,
    FilmRetried,
    Note,
    OnEvent,
    RecordBegan,
    RunBegan,
    RunEnded,
    RunPaused,
    RunResumed,
    WorkerDied,
    death_words,
    retry_words,
)
from cinelake.lake.format import note_format
from cinelake.plan.build import CATALOGUE, Planning
from cinelake.query.quality import measure_new, watched_tables
from cinelake.run.cells import FilmEnded, StepReport
from cinelake.run.staging import sweep_staged
from cinelake.spec.names import counted
from cinelake.storage.content import digest
from cinelake.storage.objects import is_remote
from flows.events import catalogue_ran
from flows.monitoring import monitored
from flows.run_summary import (
    RunSummary,
    count_film,
    failure_row,
    finish_record,
    group_failures,
    recount,
    start_record,
    start_summary,
)

Server = Callable[[OnEvent], AbstractContextManager[Callable[[], None]]]
"""Provides a Prefect server while it is entered; what it yields waits until that server answers."""
LOG_EVERY_S = 30.0
PAUSE_WORDS = {
    "paused": "paused: films that are worked on end, nothing new starts (`cinelake resume`)",
    "resumed": "resumed",
}


READ_OTHERWISE = (
    "{films} of these films are read otherwise than when other tables of them were made (light, fields, cropping, "
    "streams): the next run makes those anew"
)


@dataclass(frozen=True)
class FilmWork:
    """What a flow needs to make the films of a plan. on_report: called with each film's report as it ends."""

    planning: Planning
    engine: Engine
    on_report: Callable[[StepReport], None]
    on_event: OnEvent


def run_plan(
    planning: Planning, on_event: OnEvent, server: Server, hand_out: Callable[[FilmWork], object]
) -> RunSummary:
    """Make what is stale in the plan.

    server: entered if anything is stale. hand_out: submits the plan's films as Prefect tasks and waits for all of them.
    Raises `StorageError` when the lake cannot be written, `EngineUnavailable` when the engine or server is missing
    (the engine before anything is started).
    An interrupt (Ctrl-C) stops the running steps and returns the summary of what was done.
    """
    summary = start_summary(planning)
    started = time.monotonic()
    with monitored(planning, summary.run, counting(summary, on_event)) as emit:
        try:
            for warning in summary.warnings:
                emit(Note(warning))
            summary.failures += record_catalogue_problems(planning)
            _sweep(planning)
            if planning.plan.stale:
                planning.lake.storage.check_writable()
                note_format(planning.lake)
                _make_stale(planning, server, hand_out, summary, emit)
            if summary.read_otherwise:
                emit(Note(READ_OTHERWISE.format(films=summary.read_otherwise)))
        except KeyboardInterrupt as stopped:  # before the films began
            summary.stop(stopped)
        summary.wall_s = time.monotonic() - started
        if (summary.made or summary.failures) and not summary.interrupted:
            reasons = [failure["reason"] for failure in summary.failures]
            catalogue_ran(planning.manifest, sum(summary.made.values()), reasons, lambda text: emit(Note(text)))
        emit(RunEnded(summary.to_json()))
    return summary


def counting(summary: RunSummary, on_event: OnEvent) -> OnEvent:
    """`on_event`, which also counts deaths of workers and retries in the summary."""

    def count(event: Event) -> None:
        if isinstance(event, WorkerDied):
            summary.worker_deaths.append(event.as_json())
        elif isinstance(event, FilmRetried):
            summary.retries.append(event.as_json())
        on_event(event)

    return count


def _make_stale(
    planning: Planning,
    server: Server,
    hand_out: Callable[[FilmWork], object],
    summary: RunSummary,
    on_event: OnEvent,
) -> None:
    engine = make_engine(planning.manifest, on_event, films=len(planning.plan.by_film()))
    try:
        with server(on_event) as wait:
            work = FilmWork(planning, engine, lambda report: _add(planning, summary, report, on_event), on_event)
            _make_films(work, wait, hand_out, summary)
    finally:
        engine.stop(now=True)
    if not summary.interrupted:
        _measure(planning, summary)


def _measure(planning: Planning, summary: RunSummary) -> None:
    """Measure what was made; a damaged file of the lake becomes a failure and stops nothing else."""
    try:
        summary.measured = measure_new(planning.lake, planning.index, watched_tables(planning.manifest))
    except FilmError as error:
        summary.failures.append(failure_row("", "quality", error.reason, str(error)))


def _make_films(
    work: FilmWork, wait: Callable[[], None], hand_out: Callable[[FilmWork], object], summary: RunSummary
) -> None:
    planning, engine, on_event = work.planning, work.engine, work.on_event
    record = start_record(planning)
    clean = False
    try:
        films = planning.plan.by_film()
        engine.warm({m: path for m in films if not is_remote(path := planning.films[m].path)})
        wait()
        on_event(RunBegan(len(films), len(planning.plan.stale)))
        began = time.monotonic()
        try:
            hand_out(work)
            clean = True
        finally:
            summary.work_s = time.monotonic() - began
    except KeyboardInterrupt as stopped:
        summary.stop(stopped)
        recount(planning, summary)
    except BaseException as error:
        if not isinstance(error, Exception):  # what Prefect raises in a deployed run that is cancelled
            summary.stop(error)
            recount(planning, summary)
        raise
    finally:
        engine.stop(now=not clean)
        _sweep(planning)
        if record:
            on_event(RecordBegan(summary.interrupted))
            summary.mlflow = finish_record(record, summary, clean)


def _sweep(planning: Planning) -> None:
    """Remove what killed processes of this machine left unfinished: files of the lake, copies of films."""
    planning.lake.storage.sweep()
    sweep_staged(str(planning.manifest.staging.folder))


class FlowLog:
    """Writes a run into a short log, as Prefect's UI shows it: failures at once, progress periodically.

    log: a flow run's logger, or what tells a server of the run.
    """

    def __init__(self, log: Any):
        self._log = log
        self._logged = time.monotonic()
        self._ended = 0

    def _write(self, level: int, text: str) -> None:
        self._log.log(level, "%s", text)

    def on_event(self, event: Event) -> None:
        """Handle one event of the run."""
        match event:
            case RunBegan():
                self._write(logging.INFO, event.words())
            case Note():
                self._write(logging.WARNING, event.text)
            case RunPaused() | RunResumed():
                self._write(logging.WARNING, PAUSE_WORDS[event.kind])
            case WorkerDied():
                self._write(logging.WARNING, death_words(event))
            case FilmRetried():
                self._write(logging.WARNING, retry_words(event))
            case FilmEnded():
                self._film_ended(event.report)

    def _film_ended(self, report: StepReport) -> None:
        self._ended += 1
        rows = [(report.movie_id, cell.table, cell.reason, cell.message) for cell in report.failed()]
        for failure in group_failures(rows):
            tables = ", ".join(failure.tables)
            self._write(logging.ERROR, f"{tables} of {report.movie_id}: {failure.reason}: {failure.message}")
        if time.monotonic() - self._logged > LOG_EVERY_S:
            self._logged = time.monotonic()
            self._write(logging.INFO, f"{counted(self._ended, 'film')} ended")


def _add(planning: Planning, summary: RunSummary, report: StepReport, on_event: OnEvent) -> None:
    count_film(planning, summary, report)
    on_event(FilmEnded(report.movie_id, len(report.failed()), report))


def record_catalogue_problems(planning: Planning) -> list[dict[str, str]]:
    """Write films that the catalogue cannot provide as rows of `failures`; returns those not known before.

    Rows of films that are readable again, or no longer listed, are deleted.
    """
    problems, known = planning.problems(), planning.index.failures(CATALOGUE)
    for movie_id in known.keys() - problems.keys():
        planning.lake.forget_failure(CATALOGUE, movie_id)
    new = {m: error for m, error in problems.items() if known.get(m, {}).get("key") != _problem_key(error)}
    for movie_id, error in new.items():
        planning.lake.record_failure(CATALOGUE, movie_id, _problem_key(error), error)
    return [failure_row(movie_id, CATALOGUE, error.reason, str(error)) for movie_id, error in new.items()]


def _problem_key(error: FilmError) -> str:
    return digest([error.reason, str(error)])
