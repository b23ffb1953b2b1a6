"""One film's step: every stale cell of a film, with one decode for all that read pictures or sound.

This is what an engine places on a worker, in stages where its cells change between processors and GPUs. It knows no
orchestrator: it reads the lake and the film, commits cells, records failures, and returns a report. A failing cell
stops only what depends on it, for this film; a `StorageError` (the lake cannot be written) leaves the step and stops
the run. Of a step whose process died or was killed, which wrote nothing of that itself, the driver asks here what is
left to do, and reports it (`not_yet_made`, `report_lost`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cinelake.errors import DamagedFilm, FilmError, StorageError
from cinelake.events import Deadline, OnEvent, Outcome, StagingMoved, TaskBegan, WorkerDied
from cinelake.lake.cells import CellWriter, Footer, Lake, write_all
from cinelake.lake.champions import open_applied
from cinelake.run.cells import REKEYED, CellReport, Clocks, FilmCells, StepCell, StepReport, held_inputs, rule_for
from cinelake.run.helpers import Helpers
from cinelake.run.isolation import as_film_errors, disk_full
from cinelake.run.pieces import PieceOf, Pieces, pieces_of
from cinelake.run.staging import Staging, check_as_planned, staged, sweep_staged
from cinelake.spec.film import SLOWEST_BYTES_PER_S, limit_deadline, rule_of, stored_keys
from cinelake.spec.task import Film, Resources, find_task
from cinelake.storage.store import StorageLocation, is_disk_full

Side = Literal["processors", "gpus"]


@dataclass(frozen=True)
class Step:
    """All stale cells of one film, in dependency order, and where the lake is. Picklable.

    `resources`: what an engine that counts resources reserves for it. `lost`: tables of the film that an earlier part
    of the step could not make; what needs them is skipped. `staging`: how the film is copied to the machine that reads
    it; None where it is read in place.
    """

    lake: str | StorageLocation
    film: Film
    cells: tuple[StepCell, ...]
    deadline_s: float = 600.0
    deadline_per_film_second: float = 10.0
    resources: Resources = field(default_factory=Resources)
    lost: tuple[str, ...] = ()
    staging: Staging | None = None

    @property
    def what(self) -> str:
        """What it is, for errors."""
        return f"the step of {self.film.movie_id}"

    def run(self, on_event: OnEvent) -> StepReport:
        """Make the cells. Raises `StorageError`, `DiskFull`."""
        return run_step(self, on_event)

    def sweep(self) -> None:
        """Remove the unfinished files of a process that was killed."""
        Lake(self.lake).storage.sweep()
        if self.staging:
            sweep_staged(self.staging.folder)

    def limit_s(self, film_s: float | None = None) -> float:
        """How long the step may take. Where the film's length is unknown: what its size could hold at most."""
        longest_s = self.film.size_bytes / SLOWEST_BYTES_PER_S
        wanted_s = self.deadline_s + self.deadline_per_film_second * (longest_s if film_s is None else film_s)
        return limit_deadline(wanted_s, self.deadline_s)


def stages(step: Step) -> list[Step]:
    """The step's stages in order; together they have its cells, each after all that it needs.

    A film that is decoded needs no GPU, and one whose pictures wait for a network no decoder. Placed apart, a GPU works
    on one film while processors decode the next; as one step, it would be idle during every decoding. So a step is cut
    wherever its cells change sides, and nowhere else: without GPU tasks it has one stage, and one decode in any case.
    """
    sides = _sides(step)
    first: Side = "processors"
    levels: dict[str, int] = {}
    for cell in step.cells:
        level = int(sides[cell.table] != first)
        for entry in cell.inputs.values():
            if entry in levels:
                level = max(level, levels[entry] + (sides[entry] != sides[cell.table]))
        levels[cell.table] = level
    by_level: defaultdict[int, list[StepCell]] = defaultdict(list)
    for cell in step.cells:
        by_level[levels[cell.table]].append(cell)
    parts = [by_level[level] for level in sorted(by_level)]
    return [
        replace(step, cells=tuple(cells), resources=Resources.most(cell.resources for cell in cells)) for cells in parts
    ]


def _sides(step: Step) -> Mapping[str, Side]:
    """Where each cell runs; those that share the film's one decode stay together."""
    asking = {cell.table for cell in step.cells if cell.resources.gpus}
    streams = {cell.table for cell in step.cells if find_task(cell.task).stream(cell.params) is not None}
    if asking & streams:
        asking |= streams
    return {cell.table: "gpus" if cell.table in asking else "processors" for cell in step.cells}


def run_stages(step: Step, place: Callable[[Step], StepReport]) -> StepReport:
    """Place a step stage by stage; tables that one could not make are lost to the next. Returns the report of all."""
    report, lost = StepReport(step.film.movie_id), frozenset(step.lost)
    for stage in stages(step):
        report.add(place(replace(stage, lost=tuple(sorted(lost)))))
        lost |= set(report.lost())
    return report


def run_step(step: Step, on_event: OnEvent | None = None) -> StepReport:
    """Make the step's cells. Raises `StorageError`, and `DiskFull` where only this machine has no room.

    Linear algebra runs on one thread: its matrices are small, its threads would spin beside ffmpeg's (a quarter of the
    step's own time), and sums come out the same whatever the number of processors.
    """
    from threadpoolctl import threadpool_limits

    run = StepRun(step, on_event or (lambda _: None))
    try:
        with threadpool_limits(1, user_api="blas"):
            return run.run()
    except StorageError as error:
        if run.lake.storage.local is None and is_disk_full(error.__cause__):  # in a bucket nothing is unfinished
            raise disk_full(f"the step of {step.film.movie_id}", error) from error
        raise


class StepRun(FilmCells):
    """The state of one running step."""

    _helpers: Helpers

    def __init__(self, step: Step, on_event: OnEvent):
        super().__init__(Lake(step.lake), step.film, step.lost, step.limit_s, on_event)
        self.step = step
        self._damage: DamagedFilm | None = None
        self._in_pieces: dict[str, Pieces] = {}

    def run(self) -> StepReport:
        """Make all cells: those that read the film first, in one decode, then those that read tables."""
        started = time.perf_counter()
        readers = self._not_rekeyed([cell for cell in self.step.cells if reads_film(cell)])
        with self.lake.scratch() as scratch, Helpers(scratch) as self._helpers:
            with self._film_at_hand(readers):
                self._read_film([cell for cell in readers if cell.table not in self.not_made], scratch)
            for cell in self.step.cells:
                if not reads_film(cell):
                    self._run_table(cell, scratch)
        self.report.wall_s = time.perf_counter() - started
        return self.report

    def _not_rekeyed(self, readers: Sequence[StepCell]) -> list[StepCell]:
        """Those for which the film is to be read; left out are those whose inputs are there, and are the same."""
        made_here = {cell.table for cell in self.step.cells}
        for cell in readers:
            if not made_here & set(cell.inputs.values()) and self._is_rekeyed(cell):
                made_here.remove(cell.table)
        return [cell for cell in readers if cell.table in made_here]

    def _is_rekeyed(self, cell: StepCell) -> bool:
        """Whether a cell needs nothing but a new key, and has it now; one whose inputs changed meanwhile has failed."""
        if not cell.inputs or cell.table in self.not_made or self.not_made & set(cell.inputs.values()):
            return False
        try:
            with as_film_errors(cell.table):
                return self.rekey(cell)
        except FilmError as error:
            self.fail(cell, error)
            return False

    @contextmanager
    def _film_at_hand(self, readers: Sequence[StepCell]) -> Iterator[None]:
        """Have the film on this machine for these cells, which fail if it cannot be copied."""
        if not readers or self.step.staging is None:
            yield
            return
        started, beside = time.perf_counter(), any(find_task(cell.task).beside for cell in readers)
        with ExitStack() as stack:
            try:
                with as_film_errors("copying the film"):
                    copy = staged(self.step.staging, self.film, self._report_staged, with_beside=beside)
                    self.film = stack.enter_context(copy)
                    check_as_planned(self.film)
                self.report.staged_bytes, self.report.staged_s = self.film.size_bytes, time.perf_counter() - started
            except FilmError as error:
                for cell in readers:
                    self.fail(cell, error)
            yield
        self.film = replace(self.step.film, probe=self.film.probe)

    def _report_staged(self, staged_bytes: int) -> None:
        """Report the copy's progress; the deadline starts again, as a slow store is not the film's fault."""
        self.on_event(Deadline(self.film.movie_id, self.step.limit_s()))
        self.on_event(StagingMoved(self.film.movie_id, staged_bytes, self.film.size_bytes))

    def _read_film(self, cells: Sequence[StepCell], scratch: Path) -> None:
        """Make the cells that read the film's file: all of its streams in one decode, then the others."""
        streams = [cell for cell in cells if find_task(cell.task).stream(cell.params) is not None]
        if streams:
            self._run_streams(streams, scratch)
        for cell in cells:
            if cell in streams:
                continue
            if self._damage is not None:
                self.fail(cell, self._damage)
            else:
                self._run_table(cell, scratch)

    def _run_streams(self, cells: Sequence[StepCell], scratch: Path) -> None:
        """Decode the film once for all stream cells."""
        from cinelake.run.streams import decode_for  # only here: a plan, which holds steps, loads no decoder

        done: set[str] = set()
        try:
            with as_film_errors("decoding"):
                decode_for(self, cells, scratch, done)
        except FilmError as error:
            self._damage = error if isinstance(error, DamagedFilm) else None
            for cell in cells:
                if cell.table not in done:
                    self.fail(cell, error)

    def _run_table(self, cell: StepCell, scratch: Path) -> None:
        """Run a task that reads tables of the film."""
        missing = [entry for entry in cell.inputs.values() if entry in self.not_made]
        if missing:
            self.skip(cell, f"needs {missing[0]}, which failed")
            return
        if self._has_ended(cell) or self._is_rekeyed(cell) or cell.table in self.not_made:
            return
        clocks, before = Clocks(), self._helpers.spent
        self.on_event(TaskBegan(self.film.movie_id, cell.table))
        spec = find_task(cell.task)
        writer = CellWriter(spec.contract, self.film.movie_id, scratch / f"{cell.table}.parquet")
        tables = {name: self.lake.reader(entry, self.film.movie_id) for name, entry in cell.inputs.items()}
        try:
            with as_film_errors(cell.table):
                if pieces := self._pieces_of(cell, scratch):
                    worker: Any = pieces
                    self._find_next(cell, pieces, scratch)
                    pieces.write(writer)
                    self._tell_of_helpers(cell, pieces.failures)
                else:
                    learned = [open_applied(self.lake, cell.model)] if cell.model else []
                    worker = spec.make(cell.params, self.film, *learned)
                    write_all(writer, worker.run(tables))
                spent = clocks.since(children_are_ffmpeg=reads_film(cell)) + self._helpers.spent - before
                self.commit(cell, writer, worker, spent + pieces.ahead if pieces else spent, {})
        except FilmError as error:
            writer.abandon()
            self.fail(cell, error)

    def _pieces_of(self, cell: StepCell, scratch: Path) -> Pieces | None:
        """A cell in pieces, some of which may have been made; None where it is to be made whole."""
        if cell.table not in self._in_pieces and (bounds := pieces_of(cell, self.lake, self.film.movie_id)):
            of = PieceOf(self.step.lake, self.film, cell)
            self._in_pieces[cell.table] = Pieces(of, bounds, scratch, self._helpers)
        return self._in_pieces.get(cell.table)

    def _find_next(self, cell: StepCell, pieces: Pieces, scratch: Path) -> None:
        """Have those cells follow one in pieces that can be made so too, and need nothing that is still to be made."""
        to_make = {cell.table for cell in self.step.cells if not self._has_ended(cell)}
        for later in self.step.cells[self.step.cells.index(cell) + 1 :]:
            if later.table not in to_make or set(later.inputs.values()) & (to_make | self.not_made):
                continue
            with suppress(FilmError), as_film_errors(later.table):  # in its turn it fails again, and that is told
                if self._is_rekeyed(later) or self._has_ended(later):
                    continue
                if following := self._pieces_of(later, scratch):
                    pieces.then, pieces = following, following

    def _has_ended(self, cell: StepCell) -> bool:
        """Whether a cell is reported."""
        return any(report.table == cell.table for report in self.report.cells)

    def _tell_of_helpers(self, cell: StepCell, failures: Sequence[str]) -> None:
        """Tell of processes that failed at pieces of a table, which was made without them."""
        what = f"a helper at {cell.table} of {self.film.movie_id}"
        for why in failures:
            self.on_event(WorkerDied(what, f"{what} died, and the table was made without it: {why}", None))


def reads_film(cell: StepCell) -> bool:
    """Whether a task opens the film's file: for a stream, or because it reads no table."""
    return not cell.inputs or find_task(cell.task).stream(cell.params) is not None


def not_yet_made(step: Step) -> Step:
    """The step without the cells that the lake already has (a worker died after committing them)."""
    lake, movie_id = Lake(step.lake), step.film.movie_id
    left = (c for c in step.cells if not outcome_of(lake.footer(c.table, movie_id), c.key, c.rule))
    return replace(step, cells=tuple(left))


def outcome_of(footer: Footer | None, key: str, rule: str) -> Outcome | None:
    """How a cell that was stale came to be in the lake by its planned key; None where it is not."""
    if footer is None or footer.key not in stored_keys(key, rule):
        return None
    return "rekeyed" if REKEYED in footer.run else "made"


def report_lost(step: Step, error: FilmError) -> StepReport:
    """Write the cells that were not made as rows of `failures`; returns the report of them."""
    lake, movie_id, report = Lake(step.lake), step.film.movie_id, StepReport(step.film.movie_id)
    left = not_yet_made(step).cells
    made = [footer for cell in step.cells if cell not in left and (footer := lake.footer(cell.table, movie_id))]
    read_otherwise = any(rule_of(footer.key) for footer in made)
    for cell in left:
        rule = cell.rule or rule_for(cell, held_inputs(lake, movie_id, cell), read_otherwise)
        lake.record_failure(cell.table, movie_id, cell.key + rule, error)
        report.cells.append(CellReport(cell.table, "failed", error.reason, str(error)))
    return report
