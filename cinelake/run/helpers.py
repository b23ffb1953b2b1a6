"""Processes that help a step: they make pieces of its tables beside it, as far as processors are idle.

A helper starts with the first table that it makes a piece of, and waits without a slot between tables: libraries and
networks are loaded once for all of a film's tables. It ends with the step, and before where a job needs its slot.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypedDict

from cinelake.run.cells import Spent
from cinelake.storage.processes import import_path, module_command, start_child, why_died
from cinelake.storage.slots import BorrowedSlot, borrow_slot

IDLE_S = 2.0
"""A job's slot is borrowed once it has been free for so long: between two films it is free for a moment."""


class Answer(TypedDict):
    """What a helper says of a piece: the processor time that it took, and the facts of what made it."""

    cpu_s: float
    facts: dict[str, Any]


class Helper:
    """A process that makes pieces, and is killed at once with this process. Use `end`.

    log: a file for what it and its libraries say. cpu_s: processor time of what it has made, its start included.
    One inference has as many threads there as here: sums of some networks come out otherwise with another number.
    """

    def __init__(self, log: Path):
        self.cpu_s = 0.0
        self._log = log
        with log.open("wb") as words:
            self._process = start_child(
                module_command("cinelake.run.piece_worker"),
                by=signal.SIGKILL,
                env={**os.environ, **import_path()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def make(self, of: Any, start: int, stop: int, path: Path) -> Answer | None:
        """Have rows `start` to `stop` of a `cinelake.run.pieces.PieceOf` made into an Arrow file; None: it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((of, start, stop, str(path)), self._process.stdin)
            self._process.stdin.flush()
            answer: Answer = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):  # it has ended
            return None
        return answer

    def end(self) -> str:
        """Let it end, and wait for that; why it failed, if it did: its signal, or the last line of what it said."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        with self._process as process:
            exitcode = process.wait()
        lines = self._log.read_text(errors="replace").split("\n") if exitcode > 0 else []
        said = [line.strip() for line in lines if line.strip()]
        return said[-1] if said else why_died(exitcode)


class Helpers:
    """The helpers of a step; those that have nothing to do wait. A context: they end with it.

    scratch: a folder for what they say. are_ending: they are to end with what they are making.
    """

    def __init__(self, scratch: Path):
        self.are_ending = False
        self._scratch = scratch
        self._threads: list[threading.Thread] = []
        self._ahead = Spent()
        self._alive: list[Helper] = []
        self._waiting: list[Helper] = []
        self._started = 0
        self._lock = threading.Lock()
        self._idle_since: float | None = None

    def __enter__(self) -> Helpers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.are_ending = True
        for thread in self._threads:
            thread.join()
        self._end_waiting()

    @property
    def spent(self) -> Spent:
        """Processor time of those that have not ended, whom the system does not count among the children's, less all
        that this process and they have spent on tables whose turn had not come."""
        with self._lock:
            return Spent(cpu_s=sum(helper.cpu_s for helper in self._alive)) - self._ahead

    def count(self, spent: Spent, helper: Helper | None, *, is_ahead: bool) -> None:
        """Count what a helper or (None) this process has spent. is_ahead: on a table whose turn has not come."""
        with self._lock:
            if helper:
                helper.cpu_s += spent.cpu_s
            if is_ahead:
                self._ahead += spent

    def start(self, help_with: Callable[[], None]) -> None:
        """Have pieces handed out to a helper in a thread."""
        thread = threading.Thread(target=help_with, name="pieces", daemon=True)
        self._threads.append(thread)
        thread.start()

    def slot(self) -> BorrowedSlot | None:
        """A slot that has been idle for a while, or that no job can have. Where all are in use no helper waits on."""
        slot = borrow_slot()
        if slot is None:
            self._idle_since = None
            self._end_waiting()
            return None
        self._idle_since = self._idle_since or time.monotonic()
        if slot.is_spare or time.monotonic() - self._idle_since >= IDLE_S:
            return slot
        slot.give_back()
        return None

    def take(self) -> Helper:
        """One that waits, or a new one. Raises `OSError` and `subprocess.SubprocessError` where none can be started."""
        with self._lock:
            if self._waiting:
                return self._waiting.pop()
            self._started += 1
            log = self._scratch / f"helper{self._started}.log"
        helper = Helper(log)
        with self._lock:
            self._alive.append(helper)
        return helper

    def wait(self, helper: Helper) -> None:
        """Let one wait for the next table."""
        with self._lock:
            self._waiting.append(helper)

    def end(self, helper: Helper) -> str:
        """Let one end; why it failed, if it did."""
        why = helper.end()
        with self._lock:
            self._alive.remove(helper)
        return why

    def _end_waiting(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for helper in waiting:
            self.end(helper)
