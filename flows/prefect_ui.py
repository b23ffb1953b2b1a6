"""What Prefect's UI shows of a run and of each film: names, the states they ended in, logs, plan, progress, failures.

Names, states and logs are made from plans and reports alone, so that they are the same whether Prefect ran the film or
is told of it afterwards. Artifacts are for people to look at: where the server refuses one, the run continues without
it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from cinelake.manifest.document import Manifest
from cinelake.plan.build import Planning
from cinelake.plan.plan import Plan
from cinelake.run.cells import StepReport
from cinelake.spec.markdown import as_text
from cinelake.spec.names import counted
from cinelake.tracking.addresses import shown
from flows.run_summary import group_failures
from flows.server_record import read_up, state_folder

FinalState = Literal["COMPLETED", "FAILED"]
"""A type of state, as Prefect spells it."""
NAMED_TABLES = 3
"""A task run's name lists so many tables at most; its log and state list all."""
SHOWN_CHARS = 300
SENT_WITHIN_S = 5.0
UPDATE_EVERY_S = 5.0
SHOWN_FAILURES = 500
LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


@dataclass(frozen=True)
class LogLine:
    """A line of a run's log. level: as in `logging`."""

    level: int
    text: str


def catalogue_run_name(plan: Plan) -> str:
    """A flow run's name, for what it does: `run: 12 films, 3 tables`."""
    tables = {cell.table for cell in plan.stale}
    if not tables:
        return "run: nothing to do"
    return f"run: {counted(len(plan.by_film()), 'film')}, {counted(len(tables), 'table')}"


def film_run_name(movie_id: str, tables: Sequence[str]) -> str:
    """A task run's name: the film and its tables, or how many they are."""
    return f"{movie_id}: {', '.join(tables) if len(tables) <= NAMED_TABLES else counted(len(tables), 'table')}"


def film_state(report: StepReport) -> tuple[FinalState, str]:
    """The type of a film's final state, and its message: failed where a table failed, so that its bar is red.

    The message names all tables with their seconds, and what was wrong.
    """
    failed = _failures(report)
    return "FAILED" if failed else "COMPLETED", "; ".join([*failed, _made(report)])


def film_log(report: StepReport) -> list[LogLine]:
    """The log of a film's task run: what was made in how much time, what was left out, what went wrong."""
    lines = [LogLine(logging.INFO, _made(report))]
    if report.film_s or report.frames_decoded:
        decoded = f"decoded {counted(report.frames_decoded, 'frame')} of {report.film_s:.1f} s of film"
        staged = f", copied in {report.staged_s:.1f} s" if report.staged_bytes else ""
        lines.append(LogLine(logging.INFO, f"{decoded}{staged}"))
    skipped = [f"{cell.table} ({cell.message})" for cell in report.cells if cell.outcome == "skipped"]
    lines += [LogLine(logging.WARNING, f"left out: {', '.join(skipped)}")] if skipped else []
    return lines + [LogLine(logging.ERROR, text) for text in _failures(report)]


def _made(report: StepReport) -> str:
    made = [cell for cell in report.cells if cell.outcome == "made"]
    each = ", ".join(f"{cell.table} {cell.wall_s:.1f} s ({counted(cell.rows, 'row')})" for cell in made)
    same = ", ".join(cell.table for cell in report.cells if cell.outcome == "rekeyed")
    kept = f"; not made again, as what they read came out the same: {same}" if same else ""
    return f"{counted(len(made), 'table')} made in {report.wall_s:.1f} s{f': {each}' if each else ''}{kept}"


def _failures(report: StepReport) -> list[str]:
    """Each thing that went wrong once, with the tables that it cost."""
    rows = [(report.movie_id, cell.table, cell.reason, cell.message) for cell in report.failed()]
    return [f"{', '.join(each.tables)}: {each.reason}: {each.message[:SHOWN_CHARS]}" for each in group_failures(rows)]


def write_log(log: Any, lines: Iterable[LogLine]) -> None:
    """Write lines into the log of the present run."""
    for line in lines:
        log.log(line.level, "%s", line.text)


def name_run(name: str) -> None:
    """Rename the present flow run, once it is known what it does; where the server refuses, it keeps its name."""
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    with refusals_ignored(), get_client(sync_client=True) as client:
        client.set_flow_run_name(flow_run.id, name)


def send_what_waits() -> None:
    """Have the server receive the last lines of logs and the last states, before it is ended or left."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=SENT_WITHIN_S)


def keep_logs_off_the_terminal() -> None:
    """Prefect's logs of runs go to its server alone: what a command prints is its own progress."""
    for name in LOGGERS:
        logging.getLogger(name).propagate = False


class Artifacts(Protocol):
    """Where artifacts of a flow run are shown; what is refused there stops nothing."""

    def create(self, kind: str, key: str, data: Any, words: str) -> Any:
        """Show an artifact; returns what `update` takes. kind: `table`, `markdown` or `progress`."""

    def update(self, artifact: Any, data: Any) -> None:
        """Show other data of an artifact."""


class ArtifactsOfThisRun:
    """Artifacts of the flow run that this code runs in, by Prefect's own client."""

    def create(self, kind: str, key: str, data: Any, words: str) -> Any:
        """As `Artifacts` has it."""
        from prefect.runtime import flow_run

        body = {"type": kind, "key": key, "data": data, "description": words, "flow_run_id": flow_run.id}
        made = None
        with refusals_ignored():
            made = self._sent("POST", "/artifacts/", body).json()["id"]
        return made

    def update(self, artifact: Any, data: Any) -> None:
        """As `Artifacts` has it."""
        with refusals_ignored():
            self._sent("PATCH", f"/artifacts/{artifact}", {"data": data})

    def _sent(self, method: Any, path: Any, body: Mapping[str, Any]) -> Any:
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            return client.request(method, path, json=body)


@contextlib.contextmanager
def refusals_ignored() -> Iterator[None]:
    """Continue without an artifact that the server refuses or cannot take."""
    import httpx
    from prefect.exceptions import PrefectException

    with contextlib.suppress(httpx.HTTPError, PrefectException):
        yield


class ProgressArtifact:
    """The progress bar of a catalogue run, by cells, and its failures. artifacts: where they are shown."""

    def __init__(self, planning: Planning, artifacts: Artifacts | None = None):
        self._artifacts = artifacts or ArtifactsOfThisRun()
        self._total = len(planning.plan.stale)
        self._done = 0
        self._failures: list[dict[str, str]] = []
        self._updated = time.monotonic()
        self._artifact: Any = None
        show_plan(planning, self._artifacts)
        words = f"{self._total} cells of {len(planning.plan.by_film())} films"
        self._artifact = self._artifacts.create("progress", "cinelake-progress", 0.0, words)

    def on_report(self, report: StepReport) -> None:
        """Count a film that has ended."""
        self._done += len(report.cells)
        self._failures += [
            {"film": report.movie_id, "task": cell.table, "reason": cell.reason, "message": cell.message}
            for cell in report.failed()
        ]
        if time.monotonic() - self._updated > UPDATE_EVERY_S:
            self._update()

    def end(self) -> None:
        """Show the final progress, and what failed."""
        self._update()
        if self._failures:
            words = f"{len(self._failures)} cells failed; `cinelake status` lists all that are known"
            rows = json.dumps(self._failures[:SHOWN_FAILURES])
            self._artifacts.create("table", "cinelake-failures", rows, words)

    def _update(self) -> None:
        self._updated = time.monotonic()
        if self._artifact is not None:
            self._artifacts.update(self._artifact, 100.0 * self._done / max(self._total, 1))


def show_plan(planning: Planning, artifacts: Artifacts | None = None) -> None:
    """Show the plan as a table: how many cells of each table, in which state, and why."""
    counts = Counter((cell.table, cell.state, cell.reason) for cell in planning.plan.cells if cell.state != "fresh")
    rows = [
        {"table": table, "state": state, "why": reason, "films": films}
        for (table, state, reason), films in counts.items()
    ]
    words = ", ".join(f"{count} {state}" for state, count in planning.plan.counts().items())
    rows = rows or [{"table": "all", "state": "fresh"}]
    (artifacts or ArtifactsOfThisRun()).create("table", "cinelake-plan", json.dumps(rows), words)


def show_end(manifest: Manifest, facts: Mapping[str, Any], mlflow_page: str, failures: Sequence[str] = ()) -> None:
    """Show the outcome of a run in words, with links to its record in MLflow and to reports."""
    lines = [f"- {name}: {as_text(str(value))}" for name, value in facts.items() if value not in ("", None, [], {})]
    up = read_up(state_folder(manifest.folder)).get("mlflow", "")
    uri = shown(manifest.tracking.uri)
    server = uri if uri.startswith("http") else up
    record = f"[{mlflow_page}]({server}/#/{mlflow_page})" if server else f"`{mlflow_page}` in {uri}"
    lines += [f"- MLflow: {record}"] if mlflow_page else []
    lines += [f"- lake: `{manifest.lake.uri}`", f"- report: `{manifest.folder / 'report'}`"]
    lines += [f"- failed: {as_text(failure)}" for failure in failures]
    ArtifactsOfThisRun().create("markdown", "cinelake-summary", "\n".join(lines), "What the run did")
