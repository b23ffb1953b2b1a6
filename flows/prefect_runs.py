"""What Prefect's UI shows of a run and of each film: its name, the state it ended in, and the lines of its log.

Everything is made from plans and reports alone, so that it is the same whether Prefect ran the film or is told of it
afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cinelake.plan.plan import Plan
from cinelake.run.cells import StepReport
from flows.run_summary import group_failures

FinalState = Literal["COMPLETED", "FAILED"]
"""A type of state, as Prefect spells it."""
NAMED_TABLES = 3
"""A task run's name lists so many tables at most; its log and state list all."""
SHOWN_CHARS = 300
SENT_WITHIN_S = 5.0
LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


@dataclass(frozen=True)
class LogLine:
    """A line of a run's log. level: as in `logging`."""

    level: int
    text: str


def counted(count: int, what: str) -> str:
    """`1 film`, `12 films`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


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

    from flows.artifacts import refusals_ignored

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
