"""Films handed out one by one, never more than an engine's window at once, by a Prefect task or by a thread.

What is done is on disk, in the lake: a film that is handed out again is made for what is not yet there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from cinelake.errors import FilmError, TaskFailed
from cinelake.events import FilmRetried, OnEvent, QueueMoved, RunPaused, RunResumed
from cinelake.lake.cells import Lake
from cinelake.lake.control import LOOK_EVERY_S, Gate
from cinelake.manifest.document import Manifest
from cinelake.plan.build import Planning
from cinelake.run.cells import CellReport, StepReport
from cinelake.run.step import Step, not_yet_made, outcome_of, report_lost, run_stages
from cinelake.storage.interrupts import waited_for


class HandedOut(Protocol):
    """A film that is worked on."""

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        """Call this with the film itself once it has ended."""


def fan_out(
    planning: Planning,
    window: int,
    on_event: OnEvent,
    hand_out: Callable[[Step], HandedOut],
    outcome: Callable[[Any, Step], object],
) -> Iterator[StepReport]:
    """Hand films out, never more than `window` at once, and yield each film's report as it ends.

    hand_out: starts a film. outcome: of one that has ended its report, or what it raised. While runs on the
    lake are paused, the films in flight end and no other starts.
    """
    waiting = deque(planning.plan.by_film().items())
    in_flight: dict[Any, Step] = {}
    ended: SimpleQueue[Any] = SimpleQueue()
    gate = Gate(planning.lake, lambda paused: on_event(RunPaused() if paused else RunResumed()))
    while waiting or in_flight:
        while waiting and len(in_flight) < window and gate.is_open():
            step = planning.step(*waiting.popleft())
            film = hand_out(step)
            in_flight[film] = step
            film.add_done_callback(ended.put)
        on_event(QueueMoved(len(waiting), len(in_flight)))
        if not in_flight:
            time.sleep(LOOK_EVERY_S)
        elif done := _next_of(ended, None if gate.is_open() else LOOK_EVERY_S):
            step = in_flight.pop(done)
            yield _report_of(outcome(done, step), step)
    on_event(QueueMoved(waiting=0, in_flight=0))


def _next_of(ended: SimpleQueue[Any], timeout_s: float | None) -> Any | None:
    """The next film's future that ends; None on timeout."""
    found: list[Any] = []

    def is_there(wait_s: float) -> bool:
        with suppress(Empty):
            found.append(ended.get(timeout=wait_s))
        return bool(found)

    return found[0] if waited_for(is_there, timeout_s) else None


def make_film(wanted: Step, place: Callable[[Step], StepReport], attempt: int, on_event: OnEvent) -> StepReport:
    """Make what the lake does not have yet of a film.

    place: has the engine do a stage of it. attempt: from 1; further ones are reported.
    """
    left = not_yet_made(wanted)
    if attempt > 1:
        on_event(FilmRetried(wanted.film.movie_id, attempt, len(left.cells)))
    return run_stages(left, place)


def with_those_before(report: StepReport, wanted: Step) -> StepReport:
    """The report of an attempt, with the cells that earlier attempts made, or gave their new keys."""
    lake, movie_id, told = Lake(wanted.lake), wanted.film.movie_id, {cell.table for cell in report.cells}
    for cell in wanted.cells:
        if cell.table not in told:
            outcome = outcome_of(lake.footer(cell.table, movie_id), cell.key, cell.rule)
            report.cells.append(CellReport(cell.table, outcome or "made"))  # deleted since: made all the same
    return report


def limits_of(manifest: Manifest, step: Step) -> list[str]:
    """The shared limits of which a step takes a slot."""
    tables = {cell.table for cell in step.cells}
    return [name for name, limit in manifest.limits.items() if not limit.tasks or tables & set(limit.tasks)]


def _report_of(result: object, step: Step) -> StepReport:
    """A film's report; when its process was lost or killed, its unmade cells become rows of `failures`."""
    if isinstance(result, StepReport):
        return result
    if not isinstance(result, FilmError):
        raise result if isinstance(result, BaseException) else TaskFailed(f"{step.film.movie_id}: {result!r}")
    return report_lost(step, result)
