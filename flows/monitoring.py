"""What a run reports to machines: a line of JSON for every event, and metrics for Prometheus.

Both listen to the run's events; neither can stop it: a log or a port that cannot be opened is reported before
work starts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cinelake.errors import UsageError
from cinelake.events import (
    Event,
    FilmBegan,
    FilmRetried,
    MetricsServed,
    Note,
    OnEvent,
    QueueMoved,
    RunBegan,
    RunEnded,
    RunPaused,
    RunResumed,
    TaskBegan,
    WorkerDied,
)
from cinelake.manifest.document import MonitoringSettings
from cinelake.plan.build import Planning
from cinelake.run.cells import CellReport, FilmEnded, StepReport

WRITE_EVERY_S = 5.0
LEVELS = {"made": logging.INFO, "rekeyed": logging.INFO, "skipped": logging.WARNING, "failed": logging.ERROR}


@contextmanager
def monitored(planning: Planning, run: str, on_event: OnEvent) -> Iterator[OnEvent]:
    """`on_event`, extended by the manifest's log and metrics. Raises `UsageError` where one cannot be opened."""
    settings = planning.manifest.monitoring
    with ExitStack() as stack:
        listeners = [on_event]
        if settings.log_json:
            listeners.append(stack.enter_context(json_log(Path(settings.log_json), run)).on_event)
        if settings.metrics_port is not None or settings.metrics_file:
            listeners.append(stack.enter_context(served_metrics(settings, planning, on_event)).on_event)

        def emit(event: Event) -> None:
            for listener in listeners:
                listener(event)

        yield emit


# --- a line of JSON an event


@contextmanager
def json_log(file: Path, run: str) -> Iterator[JsonLog]:
    """A log that appends to `file`. Raises `UsageError`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(file, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the log {file} cannot be written: {error.strerror or error}") from error
    try:
        yield JsonLog(handler, run)
    finally:
        handler.close()


class JsonLog:
    """One JSON object a line, each with time, level, event, run, film and task (null where it does not apply)."""

    def __init__(self, handler: logging.Handler, run: str):
        from pythonjsonlogger.json import JsonFormatter

        handler.setFormatter(
            JsonFormatter(
                ["levelname", "message"],
                rename_fields={"levelname": "level", "message": "event"},
                timestamp="time",
                json_ensure_ascii=False,
            )
        )
        self._logger = logging.Logger("cinelake.run")
        self._logger.addHandler(handler)
        self._run = run

    def on_event(self, event: Event) -> None:
        """Handle one event of the run."""
        match event:
            case FilmEnded():
                self._film_ended(event.report)
            case TaskBegan():
                self._log("task begins", film=event.movie_id, task=event.table)
            case FilmBegan():
                self._log("film begins", film=event.movie_id, film_s=event.film_s)
            case RunBegan():
                self._log("run begins", films=event.films, cells=event.cells)
            case RunEnded():
                self._log("run ends", **event.summary)
            case RunPaused() | RunResumed():
                self._log(f"run {event.kind}", level=logging.WARNING)
            case WorkerDied():
                died: dict[str, Any] = {"what": event.what, "text": event.why, "memory_gb": event.memory_gb}
                self._log("worker died", level=logging.WARNING, **died)
            case FilmRetried():
                again: dict[str, Any] = {"attempt": event.attempt, "tables": event.tables}
                self._log("film retried", film=event.movie_id, level=logging.WARNING, **again)
            case Note():
                self._log("note", level=logging.WARNING, text=event.text)

    def _film_ended(self, report: StepReport) -> None:
        for cell in report.cells:
            seconds = {"seconds": round(cell.wall_s, 3), "processor_seconds": round(cell.processor_s, 3)}
            facts: dict[str, Any] = {"outcome": cell.outcome, **seconds, "rows": cell.rows}
            if cell.outcome in ("failed", "skipped"):
                facts |= {"reason": cell.reason, "text": cell.message}
            self._log("cell ends", film=report.movie_id, task=cell.table, level=LEVELS[cell.outcome], **facts)
        facts = {"film_s": report.film_s, "seconds": round(report.wall_s, 3), "frames_decoded": report.frames_decoded}
        if report.staged_bytes:
            facts |= {"staged_bytes": report.staged_bytes, "staged_seconds": round(report.staged_s, 3)}
        self._log("film ends", film=report.movie_id, **facts)

    def _log(
        self, event: str, *, film: str | None = None, task: str | None = None, level: int = logging.INFO, **facts: Any
    ) -> None:
        self._logger.log(level, event, extra={**facts, "run": self._run, "film": film, "task": task})


# --- metrics


@contextmanager
def served_metrics(settings: MonitoringSettings, planning: Planning, on_event: OnEvent) -> Iterator[RunMetrics]:
    """The metrics of a run: over HTTP on loopback while it lasts, and in a file that stays. Raises `UsageError`."""
    from prometheus_client import start_http_server

    file = Path(settings.metrics_file) if settings.metrics_file else None
    metrics = RunMetrics(planning, file)
    metrics.write()
    if settings.metrics_port is None:
        yield metrics
        metrics.write()
        return
    try:
        server, thread = start_http_server(settings.metrics_port, "127.0.0.1", metrics.registry)
    except OSError as error:
        raise UsageError(f"metrics cannot be served on port {settings.metrics_port}: {error.strerror}") from error
    on_event(MetricsServed(f"http://127.0.0.1:{server.server_port}/metrics"))
    try:
        yield metrics
    finally:
        metrics.write()
        server.shutdown()
        server.server_close()
        thread.join()


class RunMetrics:
    """Counters and gauges of one run, in a registry of their own."""

    def __init__(self, planning: Planning, file: Path | None):
        from prometheus_client import CollectorRegistry, Counter, Gauge

        self._planning, self._file = planning, file
        self._written = float("-inf")
        self.registry = registry = CollectorRegistry()

        def counter(name: str, words: str, *labels: str) -> Any:
            return Counter(f"cinelake_{name}", words, labels, registry=registry)

        self._cells = counter("cells", "Cells that ended, by task and outcome.", "task", "outcome")
        self._failures = counter("failures", "Cells that failed, by task and reason.", "task", "reason")
        self._seconds = counter("cell_seconds", "Seconds of work on cells that were made.", "task")
        words = "Processor seconds, ffmpeg's with them, of work on cells that were made."
        self._processor_seconds = counter("cell_processor_seconds", words, "task")
        self._rows = counter("cell_rows", "Rows of cells that were made.", "task")
        self._bytes = counter("cell_bytes", "Bytes of cells that were made, as they lie in the lake.", "task")
        self._films = counter("films", "Films that ended, by whether a cell of them failed.", "outcome")
        self._film_seconds = counter("film_seconds", "Seconds of film that were decoded.")
        self._film_bytes = counter("film_bytes", "Bytes of films that were decoded.")
        self._staged_bytes = counter("staged_bytes", "Bytes of films that were copied to this machine to be read.")
        self._staged_seconds = counter("staged_seconds", "Seconds of waiting for such copies, and for room for them.")
        self._frames = counter("frames_decoded", "Frames that were decoded.")
        self._deaths = counter(
            "worker_deaths", "Processes of workers that died, by whether they were at work.", "at_work"
        )
        for at_work in ("yes", "no"):
            self._deaths.labels(at_work)
        self._retries = counter("film_retries", "Films that were worked on again after their worker or machine failed.")
        self._held = Gauge(
            "cinelake_worker_death_memory_bytes", "What the worker that died last held in memory.", registry=registry
        )
        self._waiting = Gauge("cinelake_films_waiting", "Films that are not yet handed out.", registry=registry)
        self._in_flight = Gauge("cinelake_films_in_flight", "Films handed out and not yet ended.", registry=registry)
        self._paused = Gauge("cinelake_paused", "1 while the run is paused.", registry=registry)
        self._began = Gauge("cinelake_run_start_time_seconds", "When the run began, in Unix time.", registry=registry)
        self._began.set_to_current_time()
        self._waiting.set(len(planning.plan.by_film()))

    def on_event(self, event: Event) -> None:
        """Handle one event of the run."""
        match event:
            case QueueMoved():
                self._waiting.set(event.waiting)
                self._in_flight.set(event.in_flight)
            case RunPaused() | RunResumed():
                self._paused.set(isinstance(event, RunPaused))
            case WorkerDied():
                self._deaths.labels("yes" if event.what else "no").inc()
                self._held.set((event.memory_gb or 0.0) * 1e9)
            case FilmRetried():
                self._retries.inc()
            case FilmEnded():
                self._film_ended(event.report)
        if time.monotonic() - self._written > WRITE_EVERY_S:
            self.write()

    def _film_ended(self, report: StepReport) -> None:
        self._films.labels("failed" if report.failed() else "made").inc()
        for cell in report.cells:
            self._cells.labels(cell.table, cell.outcome).inc()
            if cell.outcome == "failed":
                self._failures.labels(cell.table, cell.reason).inc()
            elif cell.outcome == "made":
                self._cell_made(report.movie_id, cell)
        self._staged_bytes.inc(report.staged_bytes)
        self._staged_seconds.inc(report.staged_s)
        if report.frames_decoded or report.film_s:
            self._film_seconds.inc(report.film_s)
            self._frames.inc(report.frames_decoded)
            self._film_bytes.inc(self._planning.films[report.movie_id].look().size)

    def _cell_made(self, movie_id: str, cell: CellReport) -> None:
        self._seconds.labels(cell.table).inc(cell.wall_s)
        self._processor_seconds.labels(cell.table).inc(cell.processor_s)
        self._rows.labels(cell.table).inc(cell.rows)
        stamp = self._planning.lake.storage.stamp(cell.table, f"{movie_id}.parquet")
        self._bytes.labels(cell.table).inc(stamp.size if stamp else 0)

    def write(self) -> None:
        """Write the file of the textfile collector, if there is one, in one atomic operation. Raises `UsageError`."""
        from prometheus_client import write_to_textfile

        self._written = time.monotonic()
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_to_textfile(str(self._file), self.registry)
        except OSError as error:
            raise UsageError(f"the metrics {self._file} cannot be written: {error.strerror or error}") from error
