"""Films made at once, for a person who waits: on this machine, with no server, no tracking, no flow.

The engine, the steps and the lake are those of every run; what is left out is what several machines, schedules and
records need. A film's pictures are decoded once; then what needs only tables is made on all processors at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from cinelake.engines import Engine, make_engine
from cinelake.errors import FilmError
from cinelake.events import OnEvent, RunBegan
from cinelake.plan.build import Planning
from cinelake.run.cells import FilmEnded, StepReport
from cinelake.run.step import Step, reads_film, report_lost
from cinelake.spec.task import Resources
from flows.run import record_catalogue_problems
from flows.run_summary import RunSummary, count_film, recount, start_summary


def make_at_once(planning: Planning, on_event: OnEvent) -> RunSummary:
    """Make what is stale in the plan, on the local engine of its manifest.

    Raises `StorageError` when the lake cannot be written, `EngineUnavailable`. An interrupt stops the running steps
    and returns the summary of what was done.
    """
    summary, began = start_summary(planning), time.monotonic()
    summary.failures += record_catalogue_problems(planning)
    planning.lake.storage.sweep()
    if planning.plan.stale:
        planning.lake.storage.check_writable()
        engine = make_engine(planning.manifest, on_event)
        try:
            on_event(RunBegan(len(planning.plan.by_film()), len(planning.plan.stale)))
            _make_films(planning, engine, summary, on_event)
        except KeyboardInterrupt:
            summary.interrupted = True
            recount(planning, summary)
        finally:
            engine.stop(now=True)
            planning.lake.storage.sweep()
    summary.wall_s = summary.work_s = time.monotonic() - began
    return summary


def _make_films(planning: Planning, engine: Engine, summary: RunSummary, on_event: OnEvent) -> None:
    """Make the films one after another: each has the whole machine, and the first one is there soonest."""
    for movie_id, cells in planning.plan.by_film().items():
        report = StepReport(movie_id)
        for parts in in_turns(planning.step(movie_id, cells)):
            lost = tuple(report.lost())
            for made in _placed([replace(part, lost=lost) for part in parts], engine):
                report.add(made)
        count_film(planning, summary, report)
        on_event(FilmEnded(movie_id, len(report.failed()), report))


def in_turns(step: Step) -> Iterator[list[Step]]:
    """A film's step in parts: first all that reads the film, in one decode; then, turn by turn, each table by itself.

    The parts of one turn need nothing of each other. Together they have the step's cells.
    """
    turns: dict[str, int] = {}
    for cell in step.cells:
        turns[cell.table] = 0 if reads_film(cell) else 1 + max(turns.get(name, 0) for name in cell.inputs.values())
    for turn in sorted(set(turns.values())):
        cells = [cell for cell in step.cells if turns[cell.table] == turn]
        for_one = [cells] if turn == 0 else [[cell] for cell in cells]
        yield [
            replace(step, cells=tuple(some), resources=Resources.most(cell.resources for cell in some))
            for some in for_one
        ]


def _placed(parts: list[Step], engine: Engine) -> list[StepReport]:
    """The reports of parts that are made at the same time."""
    with ThreadPoolExecutor(len(parts)) as threads:
        placed = [threads.submit(_made, part, engine) for part in parts]
        try:
            return [part.result() for part in placed]
        except BaseException:  # Ctrl-C too: no thread waits for a process that goes on
            engine.stop(now=True)
            raise


def _made(part: Step, engine: Engine) -> StepReport:
    """The report of a part; where its process was lost or killed, its cells become rows of `failures`."""
    try:
        return engine.place(part)
    except FilmError as error:
        return report_lost(part, error)
