"""One long film on all processors: a table is made in pieces of its input, as far as processors are idle.

A task that looks at so many rows of its input by themselves (`apart` of its declaration) gives the same rows for a
piece of the input as for the same part of the whole. So pieces are made by this process and, beside it, by helpers
(`cinelake.run.helpers`), each for as long as it holds a slot that no job has (`cinelake.storage.slots`); rows are
written in the order of the pieces, so that the table is the same whatever the number of helpers. A task whose rows go
over several pieces gathers them from what was found in each (`parts`, `gather`). A piece whose helper fails, or dies,
is made by this process, and says here what is wrong with it; no other helper is started for the table then.

Whoever finds no piece of a table left begins with those of the next (`then`): no processor waits for another's last
piece, nor for a table that is made whole.
"""

from __future__ import annotations

import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.errors import FilmError
from cinelake.lake.cells import CellReader, CellWriter, Lake
from cinelake.lake.champions import open_applied
from cinelake.run.cells import Clocks, Spent, StepCell
from cinelake.run.helpers import Helper, Helpers
from cinelake.run.isolation import as_film_errors
from cinelake.spec.task import Film, TableReader, find_task
from cinelake.storage.slots import BorrowedSlot
from cinelake.storage.store import StorageLocation, storage_errors

ROWS = 256
"""A piece has about so many rows: some seconds of work, beside which starting it does not count."""
FEWEST_PIECES = 2
"""A table of fewer pieces is made whole."""


@dataclass(frozen=True)
class PieceOf:
    """What a helper needs to make pieces of a cell; picklable."""

    lake: str | StorageLocation
    film: Film
    cell: StepCell

    def worker(self) -> Any:
        """What makes the cell."""
        learned = [open_applied(Lake(self.lake), self.cell.model)] if self.cell.model else []
        return find_task(self.cell.task).make(self.cell.params, self.film, *learned)

    def rows(self, start: int, stop: int) -> tuple[list[pa.RecordBatch], dict[str, Any]]:
        """What is made from rows `start` to `stop` of the first input, and the facts of what made it: rows, or what the
        task gathers them from."""
        lake, worker = Lake(self.lake), self.worker()
        tables: dict[str, TableReader] = {
            name: lake.reader(entry, self.film.movie_id) for name, entry in self.cell.inputs.items()
        }
        first = next(iter(tables))
        tables[first] = PieceReader(lake.reader(self.cell.inputs[first], self.film.movie_id), start, stop)
        batches = list(getattr(worker, "parts", worker.run)(tables))
        return batches, dict(getattr(worker, "facts", {}) or {})


class PieceReader:
    """Some rows of a committed table; satisfies `cinelake.spec.task.TableReader`."""

    def __init__(self, whole: CellReader, start: int, stop: int):
        self._whole, self._start, self._stop = whole, start, stop

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, in batches of bounded size; only row groups that have some of them are read."""
        with self._whole.open() as file:
            group_ends = 0
            for group in range(file.num_row_groups):
                at, group_ends = group_ends, group_ends + file.metadata.row_group(group).num_rows
                if group_ends <= self._start or at >= self._stop:
                    continue
                for batch in file.iter_batches(batch_size=1024, row_groups=[group], columns=columns):
                    first, last = max(self._start, at), min(self._stop, at + len(batch))
                    if first < last:
                        yield batch.slice(first - at, last - first)
                    at += len(batch)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """All of these rows."""
        with self._whole.open() as file:
            schema = file.schema_arrow
        kept = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        return pa.Table.from_batches(self.batches(columns), schema=kept)


def pieces_of(cell: StepCell, lake: Lake, movie_id: str) -> list[tuple[int, int]]:
    """The pieces in which a cell can be made, as bounds of rows of its first input; none: it is to be made whole."""
    apart = find_task(cell.task).apart(cell.params)
    if not apart or not cell.inputs or cell.resources.gpus:
        return []
    size = apart * max(1, ROWS // apart)
    with lake.reader(next(iter(cell.inputs.values())), movie_id).open() as file:
        rows = file.metadata.num_rows
    pieces = [(start, min(rows, start + size)) for start in range(0, rows, size)]
    return pieces if len(pieces) >= FEWEST_PIECES else []


class Pieces:
    """A cell while it is made in pieces.

    facts: of the task, of the piece that was made last, and of what gathered the rows; and how many `helpers` made a
    piece, how many failed.
    failures: why each helper that failed did.
    then: the table whose pieces are made where none of this one is left.
    ahead: what was spent on pieces before the table's turn; of seconds of a clock those of this process.
    """

    def __init__(self, of: PieceOf, pieces: list[tuple[int, int]], scratch: Path, helpers: Helpers):
        self.facts: dict[str, Any] = {}
        self.failures: list[str] = []
        self.then: Pieces | None = None
        self.ahead = Spent()
        self._of, self._pieces, self._scratch, self._all_helpers = of, pieces, scratch, helpers
        self._waiting = deque(range(len(pieces)))
        self._made: dict[int, Callable[[], list[pa.RecordBatch]]] = {}
        self._helped: set[int] = set()
        self._changed = threading.Condition()
        self._has_begun = self._stopped = self._fails_ahead = False

    def write(self, writer: CellWriter) -> None:
        """Make all pieces and write their rows in order. Raises what the task raises."""
        self._has_begun = True
        gatherer = self._of.worker() if hasattr(find_task(self._of.cell.task).make, "gather") else None
        try:
            batches = self._in_order()
            for batch in gatherer.gather(batches) if gatherer else batches:
                writer.write(batch)
        finally:
            self._stopped = True
        self.facts |= getattr(gatherer, "facts", None) or {}
        self.facts.update(helpers=len(self._helped), helpers_failed=len(self.failures))

    def _in_order(self) -> Iterator[pa.RecordBatch]:
        for number in range(len(self._pieces)):
            while number not in self._made:
                self._borrow()
                self._make_or_wait(number)
            yield from self._made.pop(number)()

    def _make_or_wait(self, number: int) -> None:
        """Make the next piece here; where all have been taken, one of the next table, or wait for the one wanted."""
        if (taken := self._take()) is not None:
            self._make(taken, is_wanted=taken == number)
        elif self.then and (ahead := self.then.take()):
            of, first = ahead
            of.make_ahead(first)
        else:
            with self._changed:
                self._changed.wait_for(lambda: number in self._made or bool(self._waiting), timeout=1.0)

    def _make(self, number: int, *, is_wanted: bool) -> None:
        """Make a piece here.

        Rows made before their turn wait in a file: memory never holds more than a piece, however slow another is.
        """
        batches, self.facts = self._of.rows(*self._pieces[number])
        if is_wanted:
            self._end(number, lambda: batches)
            return
        with storage_errors(f"writing rows of {self._of.cell.table} of {self._of.film.movie_id}"):
            write_piece(self._path(number), batches)
        self._end(number, partial(_read_and_remove, self._path(number)))

    def make_ahead(self, number: int) -> None:
        """Make a piece here before the table's turn; in its turn, one that fails is made again and says what is wrong.

        Raises `StorageError`.
        """
        before = Clocks()
        try:
            with as_film_errors(self._of.cell.table):
                self._make(number, is_wanted=False)
        except FilmError:
            self._fails_ahead = True
            self._give_back(number)
        now = Clocks()
        self._count(Spent(now.wall_s - before.wall_s, now.cpu_s - before.cpu_s))

    def _path(self, number: int) -> Path:
        return self._scratch / f"{self._of.cell.table}.{number}.arrow"

    def take(self) -> tuple[Pieces, int] | None:
        """The next piece that nobody makes yet, and whose it is: of this table or of one after it."""
        fails = self._fails_ahead and not self._has_begun
        if not fails and (number := self._take()) is not None:
            return self, number
        return self.then.take() if self.then else None

    def _take(self) -> int | None:
        with self._changed:
            return self._waiting.popleft() if self._waiting and not self._stopped else None

    def _end(self, number: int, batches: Callable[[], list[pa.RecordBatch]]) -> None:
        with self._changed:
            self._made[number] = batches
            self._changed.notify_all()

    def _give_back(self, number: int) -> None:
        with self._changed:
            self._waiting.appendleft(number)
            self._changed.notify_all()

    def _borrow(self) -> None:
        """Have a helper where a processor is idle and enough is left to do.

        None after one has failed: what ended it (want of memory, most likely) would end the next.
        """
        slot = self._all_helpers.slot() if self._left() > 1 and not self.failures else None
        if slot is None:
            return
        try:
            helper = self._all_helpers.take()
        except (OSError, subprocess.SubprocessError) as error:
            self.failures.append(f"it could not be started: {error}")
            slot.give_back()
            return
        self._all_helpers.start(partial(self._help, helper, slot))

    def _left(self) -> int:
        """Pieces of this table and of those after it that nobody makes yet."""
        return len(self._waiting) + (self.then._left() if self.then else 0)

    def _help(self, helper: Helper, slot: BorrowedSlot) -> None:
        """Have pieces made by a helper, and count what came of it before others may borrow the slot."""
        try:
            self._hand_out(helper, slot)
        except OSError as error:
            self.failures.append(f"what it said cannot be read: {error}")
        finally:
            slot.give_back()

    def _hand_out(self, helper: Helper, slot: BorrowedSlot) -> None:
        """Have pieces made until none waits, or a job needs the slot; a helper ends then, and where it has failed."""
        is_wanted = False
        while not (is_wanted := slot.is_wanted() or self._all_helpers.are_ending) and (taken := self.take()):
            of, number = taken
            if not of.make_by(helper, number):
                of.failures.append(self._all_helpers.end(helper))
                return
        if is_wanted:
            self._all_helpers.end(helper)
        else:
            self._all_helpers.wait(helper)

    def make_by(self, helper: Helper, number: int) -> bool:
        """Have a piece made by a helper; whether it was."""
        answer = helper.make(self._of, *self._pieces[number], self._path(number))
        if answer is None:
            self._give_back(number)
            return False
        self.facts = answer["facts"]
        self._helped.add(helper.pid)
        self._count(Spent(cpu_s=answer["cpu_s"]), helper)
        self._end(number, partial(_read_and_remove, self._path(number)))
        return True

    def _count(self, spent: Spent, helper: Helper | None = None) -> None:
        """Count what a helper has spent, or before the table's turn this process."""
        is_ahead = not self._has_begun
        self._all_helpers.count(spent, helper, is_ahead=is_ahead)
        if is_ahead:
            self.ahead += spent


def write_piece(path: Path, batches: list[pa.RecordBatch]) -> None:
    """Write a piece's rows into an Arrow file."""
    schema = batches[0].schema if batches else pa.schema([])
    with pa.ipc.new_file(str(path), schema) as file:
        for batch in batches:
            file.write_batch(batch)


def _read_and_remove(path: Path) -> list[pa.RecordBatch]:
    with pa.ipc.open_file(str(path)) as file:
        batches = [file.get_batch(number) for number in range(file.num_record_batches)]
    path.unlink()
    return batches
