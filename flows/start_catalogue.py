"""A run of the catalogue as the command starts it: its films begin at once, Prefect is told of them beside it.

Nothing stale means that neither Prefect nor MLflow is started. Otherwise a server is found or started while the first
films are decoded, and shows each with its true times (`flows.run_report`). Prefect itself is imported only where the
manifest has limits that runs share: their slots are the server's, and no film begins without one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import get_args

from cinelake.engines import RETRIED, RETRY_DELAY_S, place_watched
from cinelake.errors import EngineUnavailable
from cinelake.events import DecodingMoved, Event, FilmBegan, OnEvent, Outcome, RunBegan, StagingMoved, TaskBegan
from cinelake.plan.build import Planning
from cinelake.run.cells import FilmEnded, StepReport
from cinelake.run.step import Step
from cinelake.storage.interrupts import interrupt, interrupts_held
from cinelake.storage.processes import environment_variables
from flows.cancelling import CANCELLED, INTERRUPTED
from flows.events import flow_started
from flows.fan_out import fan_out, limits_of, make_film, with_those_before
from flows.prefect_ui import ProgressArtifact, catalogue_run_name
from flows.run import FilmWork, FlowLog, run_plan
from flows.run_report import RESUMES, RunReport
from flows.run_summary import RunSummary
from flows.server import QUIET, PrefectServer, configured_server, project_server
from flows.server_record import state_folder

BEGINS = (StagingMoved, FilmBegan, DecodingMoved, TaskBegan)
"""Events of a worker that has begun with a film."""


def run_catalogue(planning: Planning, on_event: OnEvent) -> RunSummary:
    """Make what is stale in the plan. Raises what `run_plan` does."""
    run = CommandRun(planning, on_event)
    return run_plan(planning, run.hear, run.server, run.make)


class CommandRun:
    """One run: `server` and `make` are what `run_plan` calls, `hear` passes on events, which Prefect shows too."""

    def __init__(self, planning: Planning, on_event: OnEvent):
        self._planning, self._on_event = planning, on_event
        self._report = RunReport(
            find=self._find,
            run_name=catalogue_run_name(planning.plan),
            parameters={"manifest": str(planning.manifest.path), "select": planning.plan.selection.split()},
            on_cancel=self._cancel,
        )
        self._log = FlowLog(self._report)
        self._cancelled = False

    def hear(self, event: Event) -> None:
        """Handle an event of the run or of a worker."""
        self._on_event(event)
        if isinstance(event, BEGINS):
            self._report.film_began(event.movie_id)
        elif not isinstance(event, FilmEnded | RunBegan):  # these are told in their turn, by `make`
            self._log.on_event(event)

    def _cancel(self) -> None:
        self._cancelled = True
        interrupt(CANCELLED)

    def _find(self) -> PrefectServer:
        folder = state_folder(self._planning.manifest.folder)
        return configured_server(folder) or project_server(folder, self._planning.manifest.server.keep_s)

    @contextmanager
    def server(self, on_event: OnEvent) -> Iterator[Callable[[], None]]:
        """A server beside the run; what it yields waits for it where films need it.

        Raises `EngineUnavailable` where the server that `PREFECT_API_URL` names does not answer.
        """
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        if os.environ.get("PREFECT_API_URL"):
            self._find().wait()
        self._report.start(on_event)
        with ExitStack() as stack:
            stack.callback(self._report.close)

            def wait() -> None:
                if self._planning.manifest.limits:
                    stack.enter_context(environment_variables(self._report.ready().environment()))
                    with interrupts_held():
                        from flows.catalogue import make_limits
                    make_limits(self._planning.manifest)

            yield wait

    def make(self, work: FilmWork) -> None:
        """Make the films of the plan, each in a thread that waits for its worker."""
        flow_started(work.planning.manifest, "catalogue")
        self._log.on_event(RunBegan(len(work.planning.plan.by_film()), len(work.planning.plan.stale)))
        shown = ProgressArtifact(work.planning, self._report)
        counts = dict.fromkeys(get_args(Outcome), 0)
        threads = ThreadPoolExecutor(max(1, work.engine.window), thread_name_prefix="film")

        def hand_out(step: Step) -> Future[object]:
            self._report.film_handed_out(step.film.movie_id, [cell.table for cell in step.cells])
            return threads.submit(self._film, work, step)

        try:
            for report in fan_out(work.planning, work.engine.window, work.on_event, hand_out, _result):
                work.on_report(report)
                self._report.film_ended(report)
                self._log.on_event(FilmEnded(report.movie_id, len(report.failed()), report))
                shown.on_report(report)
                for cell in report.cells:
                    counts[cell.outcome] += 1
        except BaseException as error:  # Ctrl-C too: no worker goes on
            work.engine.stop(now=True)
            stopped = isinstance(error, KeyboardInterrupt)
            why = CANCELLED if self._cancelled else INTERRUPTED if stopped else f"{type(error).__name__}: {error}"
            words = f"{why}: what was made stays, the same command goes on"
            self._report.run_ended("CANCELLED" if stopped else "FAILED", words)
            raise
        finally:
            threads.shutdown(cancel_futures=True)
            shown.end()
        words = (
            f"{counts['made']} cells made, {counts['failed']} failed, {work.planning.plan.counts()['fresh']} were fresh"
        )
        self._report.run_ended("COMPLETED", words, "CompletedWithFailures" if counts["failed"] else "")

    def _film(self, work: FilmWork, step: Step) -> StepReport | BaseException:
        """A film's report, or what was raised; tried again where its worker died or its machine was at fault."""
        for attempt in range(1, work.planning.manifest.defaults.retries + 2):
            if attempt > 1:
                time.sleep(RETRY_DELAY_S)
            try:
                report = make_film(step, lambda stage: self._place(work, stage), attempt, work.on_event)
                return with_those_before(report, step)
            except RETRIED as error:
                lost: BaseException = error
            except BaseException as error:  # noqa: BLE001 - handed to the run, as a task's would be
                return error
        return lost

    def _place(self, work: FilmWork, stage: Step) -> StepReport:
        with self._slots(limits_of(work.planning.manifest, stage)):
            return place_watched(work.engine, stage, work.on_event)

    @contextmanager
    def _slots(self, limits: list[str]) -> Iterator[None]:
        """Hold a slot of each limit. Raises `EngineUnavailable` where the server that has them is gone."""
        if not limits:
            yield
            return
        import httpx
        from prefect.concurrency.sync import concurrency

        self._report.check()
        try:
            with concurrency(limits, strict=True):
                yield
        except httpx.HTTPError as error:
            raise EngineUnavailable(
                f"the Prefect server, which has the slots of {', '.join(limits)}, does not answer ({error or 'gone'}). "
                f"{RESUMES}"
            ) from error


def _result(ended: Future[object], _step: Step) -> object:
    return ended.result()
