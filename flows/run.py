"""One catalogue run, from a plan to a summary: the server, the engine, the record in MLflow, what is told at the end.

Nothing stale means that neither Prefect nor MLflow is started, nor imported.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from cinelake.engines import Engine, make_engine
from cinelake.errors import FilmError
from cinelake.events import Event, Note, OnEvent, RecordBegan, RunBegan, RunEnded, RunPaused, RunResumed, ServerFound
from cinelake.plan.build import CATALOGUE, Planning
from cinelake.query.quality import measure_new, watched_tables
from cinelake.run.cells import FilmEnded, StepReport
from cinelake.run.staging import sweep_staged
from cinelake.storage.content import digest
from cinelake.storage.interrupts import interrupts_held
from cinelake.storage.objects import is_remote
from cinelake.tracking.runs import RunRecord
from flows.events import catalogue_ran
from flows.monitoring import monitored
from flows.server import prefect_server, state_folder

if TYPE_CHECKING:
    from flows.catalogue import Handed

Work = Callable[["Handed"], object]
"""Hands out a plan's films, within a flow."""
LOG_EVERY_S = 30.0
PAUSE_WORDS = {
    "paused": "paused: films that are worked on end, nothing new starts (`cinelake resume`)",
    "resumed": "resumed",
}


@dataclass
class RunSummary:
    """What a run did. `failures` are the new ones; `known` counts cells that were already known to be bad."""

    films: int = 0
    made: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, str]] = field(default_factory=list)
    skipped: int = 0
    fresh: int = 0
    known: int = 0
    blocked: int = 0
    orphans: int = 0
    film_s: float = 0.0
    wall_s: float = 0.0
    work_s: float = 0.0
    frames_decoded: int = 0
    mlflow: str = ""
    measured: int = 0
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    interrupted: bool = False

    @property
    def times_real(self) -> float:
        """Seconds of film per second of work (start of servers not counted)."""
        return self.film_s / self.work_s if self.work_s else 0.0

    def exit_code(self, *, strict: bool = False) -> int:
        """0 done; 1 new failures, or with `strict` any; 130 interrupted."""
        if self.interrupted:
            return 130
        return int(bool(self.failures) or (strict and bool(self.known)))

    def to_json(self) -> dict[str, Any]:
        """The summary for machines."""
        return {**asdict(self), "made": dict(self.made), "cells_made": sum(self.made.values()),
                "times_real": round(self.times_real, 2)}  # fmt: skip


def run_catalogue(planning: Planning, on_event: OnEvent, work: Work | None = None) -> RunSummary:
    """Make what is stale in the plan.

    work: how films are handed out, within a flow that already runs; without it a flow is started, under a server.
    Raises `StorageError` when the lake cannot be written, `EngineUnavailable` when engine or server is not there
    (an engine before anything is started).
    An interrupt (Ctrl-C) ends the running steps and gives the summary of what was done.
    """
    summary = _start_summary(planning)
    started = time.monotonic()
    with monitored(planning, summary.run, on_event) as tell:
        summary.failures += record_catalogue_problems(planning)
        _sweep(planning)
        if planning.plan.stale:
            planning.lake.storage.check_writable()
            _make_stale(planning, work, summary, tell)
        summary.wall_s = time.monotonic() - started
        if (summary.made or summary.failures) and not summary.interrupted:
            reasons = [failure["reason"] for failure in summary.failures]
            catalogue_ran(planning.manifest, sum(summary.made.values()), reasons, partial(_say, tell))
        tell(RunEnded(summary.to_json()))
    return summary


def _say(tell: OnEvent, text: str) -> None:
    tell(Note(text))


def _make_stale(planning: Planning, work: Work | None, summary: RunSummary, on_event: OnEvent) -> None:
    engine = make_engine(planning.manifest, on_event)
    try:
        with _server(planning, work, on_event) as wait:
            _run_flow(planning, engine, wait, summary, on_event, work)
    except KeyboardInterrupt:  # before the flow began, or a second one while the first was obeyed
        summary.interrupted = True
    finally:
        engine.stop(now=True)
    if not summary.interrupted:
        _measure(planning, summary)


@contextmanager
def _server(planning: Planning, work: Work | None, on_event: OnEvent) -> Iterator[Callable[[], None]]:
    """A Prefect server, and how to wait until it answers; within a flow there is one."""
    if work is not None:
        yield lambda: None
        return
    with prefect_server(state_folder(planning.manifest.folder)) as server:
        on_event(ServerFound(server.url, server.own is not None))
        yield server.wait


def _measure(planning: Planning, summary: RunSummary) -> None:
    """Measure what was made; a damaged file of the lake is a failure, and costs nothing else."""
    try:
        summary.measured = measure_new(planning.lake, planning.index, watched_tables(planning.manifest))
    except FilmError as error:
        summary.failures.append(_failure("", "quality", error.reason, str(error)))


def _start_summary(planning: Planning) -> RunSummary:
    counts = planning.plan.counts()
    return RunSummary(
        films=len(planning.catalogue.films),
        fresh=counts["fresh"],
        known=counts["failed"],
        blocked=counts["blocked"],
        orphans=len(planning.plan.orphans),
    )


def _run_flow(
    planning: Planning,
    engine: Engine,
    wait: Callable[[], None],
    summary: RunSummary,
    on_event: OnEvent,
    work: Work | None,
) -> None:
    record = _record(planning)
    clean = False
    try:
        films = planning.plan.by_film()
        engine.warm({m: path for m in films if not is_remote(path := planning.films[m].path)})
        with interrupts_held():
            from flows.catalogue import Handed

        wait()
        on_event(RunBegan(len(films), len(planning.plan.stale)))
        began = time.monotonic()
        handed = Handed(planning, engine, lambda report: _add(summary, report, on_event), on_event)
        try:
            (work or _start_flow)(handed)
            clean = True
        finally:
            summary.work_s = time.monotonic() - began
    except KeyboardInterrupt:
        summary.interrupted = True
        summary.made = made_so_far(planning)
    finally:
        engine.stop(now=not clean)
        _sweep(planning)
        if record:
            on_event(RecordBegan())
            summary.mlflow = _finish(record, summary, clean)


def _sweep(planning: Planning) -> None:
    """Remove what killed processes of this machine left unfinished: files of the lake, copies of films."""
    planning.lake.storage.sweep()
    sweep_staged(str(planning.manifest.staging.folder))


def _start_flow(handed: Handed) -> None:
    """Start the catalogue flow in this process."""
    from flows.catalogue import HANDED, catalogue

    planning = handed.planning
    token = HANDED.set(handed)
    try:
        run = catalogue.with_options(task_runner=handed.engine.task_runner())
        run(manifest=str(planning.manifest.path), select=planning.plan.selection.split())
    finally:
        HANDED.reset(token)


class FlowLog:
    """Tells a run in a log of few lines, as Prefect's UI shows it: what goes wrong at once, progress now and then."""

    def __init__(self, log: Any):
        self._log = log
        self._told = time.monotonic()
        self._ended = 0

    def on_event(self, event: Event) -> None:
        """Take one event of the run."""
        match event:
            case RunBegan():
                self._log.info("%d cells of %d films to make", event.cells, event.films)
            case Note():
                self._log.warning("%s", event.text)
            case RunPaused() | RunResumed():
                self._log.warning("%s", PAUSE_WORDS[event.kind])
            case FilmEnded():
                self._film_ended(event.report)

    def _film_ended(self, report: StepReport) -> None:
        self._ended += 1
        for cell in report.failed():
            self._log.error("%s of %s: %s: %s", cell.table, report.movie_id, cell.reason, cell.message)
        if time.monotonic() - self._told > LOG_EVERY_S:
            self._told = time.monotonic()
            self._log.info("%d films ended", self._ended)


def made_so_far(planning: Planning) -> Counter[str]:
    """The cells of the plan that are in the lake by now, by table."""
    stale = planning.plan.stale
    footers = ((cell, planning.lake.footer(cell.table, cell.movie_id)) for cell in stale)
    return Counter(cell.table for cell, footer in footers if footer and footer.key == cell.key)


def _add(summary: RunSummary, report: StepReport, on_event: OnEvent) -> None:
    summary.film_s += report.film_s
    summary.frames_decoded += report.frames_decoded
    for cell in report.cells:
        if cell.outcome == "made":
            summary.made[cell.table] += 1
        elif cell.outcome == "failed":
            summary.failures.append(_failure(report.movie_id, cell.table, cell.reason, cell.message))
        else:
            summary.skipped += 1
    on_event(FilmEnded(report.movie_id, len(report.failed()), report))


def _failure(movie_id: str, table: str, reason: str, message: str) -> dict[str, str]:
    return {"movie_id": movie_id, "task": table, "reason": reason, "message": message}


def record_catalogue_problems(planning: Planning) -> list[dict[str, str]]:
    """Write films that the catalogue cannot give as rows of `failures`; gives those not known before.

    Rows of films that are all right again, or are no longer listed, are deleted.
    """
    problems, known = planning.problems(), planning.index.failures(CATALOGUE)
    for movie_id in known.keys() - problems.keys():
        planning.lake.forget_failure(CATALOGUE, movie_id)
    new = {m: error for m, error in problems.items() if known.get(m, {}).get("key") != _problem_key(error)}
    for movie_id, error in new.items():
        planning.lake.record_failure(CATALOGUE, movie_id, _problem_key(error), error)
    return [_failure(movie_id, CATALOGUE, error.reason, str(error)) for movie_id, error in new.items()]


def _problem_key(error: FilmError) -> str:
    return digest([error.reason, str(error)])


def _record(planning: Planning) -> RunRecord | None:
    tracking = planning.manifest.tracking
    if not tracking.enabled:
        return None
    counts = planning.plan.counts()
    plan = [
        {"movie_id": c.movie_id, "task": c.table, "state": c.state, "reason": c.reason} for c in planning.plan.stale
    ]
    return RunRecord(
        tracking=tracking,
        name=time.strftime("catalogue %Y-%m-%d %H:%M:%S"),
        texts={"pipeline.yaml": planning.manifest.text, "plan.json": json.dumps({"cells": plan}, indent=1)},
        params={
            "manifest_digest": planning.manifest.digest,
            "engine": planning.manifest.engine.kind,
            "selection": planning.plan.selection or "everything",
            "films": str(len(planning.catalogue.films)),
            **{f"cells_{state}": str(count) for state, count in counts.items()},
        },
    ).start()


def _finish(record: RunRecord, summary: RunSummary, clean: bool) -> str:
    metrics = {
        "cells_made": sum(summary.made.values()),
        "cells_failed": len(summary.failures),
        "cells_skipped": summary.skipped,
        "film_s": summary.film_s,
        "work_s": summary.work_s,
        "times_real": summary.times_real,
        "frames_decoded": summary.frames_decoded,
        **{f"made_{table}": count for table, count in summary.made.items()},
    }
    status = "FINISHED" if clean else "KILLED" if summary.interrupted else "FAILED"
    return record.finish(status, metrics, summary.failures, {"summary.json": json.dumps(summary.to_json(), indent=1)})
