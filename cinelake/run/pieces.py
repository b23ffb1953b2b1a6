"""One long film on all processors: a table is made in pieces of its input, as far as processors are idle.

A task that looks at so many rows of its input by themselves (`apart` of its declaration) gives the same rows for a
piece of the input as for the same part of the whole. So pieces are made by this process and, beside it, by helpers,
each for as long as it holds a slot of a process that has no job (`cinelake.storage.slots`); rows are written in the
order of the pieces, so that the table is the same whatever the number of helpers. A task whose rows go over several
pieces gathers them from what was found in each (`parts`, `gather`). A piece whose helper fails, or dies,
is made by this process, and says here what is wrong with it; no other helper is started for the table then.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.lake.cells import CellReader, CellWriter, Lake
from cinelake.lake.champions import open_applied
from cinelake.run.cells import StepCell
from cinelake.spec.task import Film, TableReader, find_task
from cinelake.storage.processes import import_path, module_command, start_child, why_died
from cinelake.storage.slots import BorrowedSlot, borrow_slot
from cinelake.storage.store import StorageLocation, storage_errors

ROWS = 256
"""A piece has about so many rows: some seconds of work, beside which starting it does not count."""
FEWEST_PIECES = 4
"""A table of fewer pieces is made whole: a helper takes a second or two to start."""
DONE = b"done\n"
"""What a helper answers."""
IDLE_S = 2.0
"""A slot is borrowed once it has been free for so long: between two films it is free for a moment."""


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

    facts: of the task, of the piece that this process made last, and of what gathered the rows; and how many `helpers`
    made a piece, how many failed.
    failures: why each helper that failed did.
    """

    def __init__(self, of: PieceOf, pieces: list[tuple[int, int]], scratch: Path):
        self.facts: dict[str, Any] = {}
        self.failures: list[str] = []
        self._of, self._pieces, self._scratch = of, pieces, scratch
        self._waiting = deque(range(len(pieces)))
        self._made: dict[int, Callable[[], list[pa.RecordBatch]]] = {}
        self._helpers: list[threading.Thread] = []
        self._helped = 0
        self._changed = threading.Condition()
        self._idle_since: float | None = None
        self._stopped = False

    def write(self, writer: CellWriter) -> None:
        """Make all pieces and write their rows in order. Raises what the task raises."""
        gatherer = self._of.worker() if hasattr(find_task(self._of.cell.task).make, "gather") else None
        try:
            batches = self._in_order()
            for batch in gatherer.gather(batches) if gatherer else batches:
                writer.write(batch)
        finally:
            self._stopped = True
            for helper in self._helpers:
                helper.join()
        self.facts |= getattr(gatherer, "facts", None) or {}
        self.facts.update(helpers=self._helped, helpers_failed=len(self.failures))

    def _in_order(self) -> Iterator[pa.RecordBatch]:
        for number in range(len(self._pieces)):
            while number not in self._made:
                self._borrow()
                self._make_or_wait(number)
            yield from self._made.pop(number)()

    def _make_or_wait(self, number: int) -> None:
        """Make the next piece here; where all have been taken, wait until the one wanted is there.

        Rows made before their turn wait in a file: memory never holds more than a piece, however slow another is.
        """
        taken = self._take()
        if taken is not None:
            batches, self.facts = self._of.rows(*self._pieces[taken])
            if taken == number:
                self._end(taken, lambda: batches)
            else:
                with storage_errors(f"writing rows of {self._of.cell.table} of {self._of.film.movie_id}"):
                    write_piece(self._path(taken), batches)
                self._end(taken, partial(_read_and_remove, self._path(taken)))
            return
        with self._changed:
            self._changed.wait_for(lambda: number in self._made or bool(self._waiting), timeout=1.0)

    def _path(self, number: int) -> Path:
        return self._scratch / f"{self._of.cell.table}.{number}.arrow"

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
        """Start a helper where a processor has been idle for a while and enough is left to do.

        None after one has failed: what ended it (want of memory, most likely) would end the next.
        """
        slot = borrow_slot() if len(self._waiting) > 1 and not self.failures else None
        if slot is None:
            self._idle_since = None
            return
        self._idle_since = self._idle_since or time.monotonic()
        if time.monotonic() - self._idle_since < IDLE_S:
            slot.give_back()
            return
        helper = threading.Thread(target=self._help, args=(slot, len(self._helpers)), name="pieces", daemon=True)
        self._helpers.append(helper)
        helper.start()

    def _help(self, slot: BorrowedSlot, helper: int) -> None:
        """Have pieces made by a process of its own, and count what came of it before others may borrow the slot."""
        log = self._scratch / f"{self._of.cell.table}.helper{helper}.log"
        try:
            with _started(self._of, log) as process:
                has_made, has_failed = self._hand_out(process, slot)
            with self._changed:
                self._helped += has_made
            if has_failed:
                self.failures.append(_why_failed(process.returncode, log))
        except (OSError, subprocess.SubprocessError) as error:
            self.failures.append(f"it could not be started: {error}")
        finally:
            slot.give_back()

    def _hand_out(self, process: subprocess.Popen[bytes], slot: BorrowedSlot) -> tuple[bool, bool]:
        """Have pieces made until none waits or a job needs the slot; whether one was made, and whether one was not."""
        has_made = False
        while not slot.is_wanted() and (number := self._take()) is not None:
            if not _asked(process, *self._pieces[number], self._path(number)):
                self._give_back(number)
                return has_made, True
            self._end(number, partial(_read_and_remove, self._path(number)))
            has_made = True
        return has_made, False


@contextmanager
def _started(of: PieceOf, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A helper's process, which ends with its standard input, with the block, and at once with this process.

    log: a file for what it and its libraries say.

    One inference has as many threads there as here: sums of some networks come out otherwise with another number.
    """
    with (
        log.open("wb") as words,
        start_child(
            module_command("cinelake.run.piece_worker"),
            by=signal.SIGKILL,
            env={**os.environ, **import_path()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
        ) as process,
    ):
        assert process.stdin is not None
        try:
            with suppress(OSError):  # dead already: what is asked of it fails next
                pickle.dump(of, process.stdin)
                process.stdin.flush()
            yield process
        finally:
            with suppress(OSError):
                process.stdin.close()


def _asked(process: subprocess.Popen[bytes], start: int, stop: int, path: Path) -> bool:
    """Have a helper make a piece into an Arrow file; whether it did."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps([start, stop, str(path)]).encode() + b"\n")
        process.stdin.flush()
        return process.stdout.readline() == DONE
    except OSError:
        return False


def _why_failed(exitcode: int, log: Path) -> str:
    """Why a helper ended without an answer: its signal, or the last line of what it said."""
    lines = log.read_text(errors="replace").split("\n") if exitcode > 0 else []
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else why_died(exitcode)


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
