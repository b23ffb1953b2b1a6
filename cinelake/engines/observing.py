"""What is seen of workers from outside: the events that they report, the memory that they hold, which of them died.

Events of workers on this machine reach the driver through a named pipe, each as one line of JSON. The memory of a
process that was killed cannot be asked for any more, so it is looked at while it lives; where the system killed it for
want of memory, the last look says most. Reading `/proc` costs some tenths of a millisecond a process.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import cache
from multiprocessing.process import BaseProcess
from pathlib import Path

from cinelake.events import Event, OnEvent
from cinelake.storage.files import temporary_folder

PREFIX = "cinelake-events-"
ATOMIC_BYTES = 4096
"""PIPE_BUF of Linux: lines shorter than this are written whole or not at all."""
END = "\n"
"""The line after which the driver no longer listens."""
LOOK_EVERY_S = 0.25
TOLD_WITHIN_LOOKS = 8
"""So long after a death its job may still tell that the process was at work."""
EXPECTED = (0, -signal.SIGALRM)
"""How a process ends that is replaced after many steps, and one past its deadline, which its job reports."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
log = logging.getLogger(__name__)


class EventPipe:
    """A named pipe from the workers to the driver.

    No lock is held, so that a killed worker cannot block the others; a full pipe drops events, which only progress
    bars see. A line that is no event known here is logged.
    """

    def __init__(self, on_event: OnEvent):
        self._ending = ExitStack()
        self.path = self._ending.enter_context(temporary_folder(PREFIX)) / "events"
        os.mkfifo(self.path)
        self._keep_open = os.open(self.path, os.O_RDWR)
        self._thread = threading.Thread(target=self._read, args=(on_event,), daemon=True)
        self._thread.start()

    def _read(self, on_event: OnEvent) -> None:
        with self.path.open() as lines:
            for line in lines:
                if line == END:
                    return
                try:
                    event = from_line(line)
                except UnknownEvent as error:
                    log.warning("%s", error)
                else:
                    on_event(event)

    def close(self) -> None:
        """Stop listening and remove the pipe."""
        os.write(self._keep_open, END.encode())
        self._thread.join(timeout=5)
        os.close(self._keep_open)
        self._ending.close()


@cache
def event_writer(events: str) -> OnEvent:
    """Writes events into the pipe at this path; where it does not exist (another machine), events are dropped."""
    try:
        pipe = os.open(events, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return lambda _: None

    def write(event: Event) -> None:
        line = to_line(event).encode()
        if len(line) < ATOMIC_BYTES:
            try:
                os.write(pipe, line)
            except (BlockingIOError, BrokenPipeError):
                return

    return write


class UnknownEvent(Exception):
    """A line of the pipe that is no event of a class known in this process."""


def to_line(event: Event) -> str:
    """An event as a line of JSON."""
    return json.dumps(event.as_json()) + "\n"


def from_line(line: str) -> Event:
    """The event that `to_line` wrote. Raises `UnknownEvent`."""
    kinds = {known.kind: known for known in Event.__subclasses__()}
    try:
        fields = json.loads(line)
        event: Event = kinds[fields.pop("kind")](**fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnknownEvent(f"a worker reported what is no event here: {line.strip()[:200]} ({error!r})") from error
    return event


class WorkerWatch:
    """Looks at processes in a thread until `stop`.

    workers: number → process, of those that live or died a moment ago. on_idle_death: called with the exit code and the
    memory last held of one that died without a job.
    """

    def __init__(
        self,
        workers: Callable[[], Mapping[int, BaseProcess]],
        on_idle_death: Callable[[int, float | None], None],
    ):
        self._workers, self._on_idle_death = workers, on_idle_death
        self._known: dict[int, BaseProcess] = {}
        self._held_gb: dict[int, float] = {}
        self._dead: dict[int, int] = {}
        self._explained: set[int] = set()
        self._lock, self._stopped = threading.Lock(), threading.Event()
        threading.Thread(target=self._run, name="worker watch", daemon=True).start()

    def lost_at_work(self, pid: int | None) -> float | None:
        """A process died with its job, whose error tells of it. Returns what it held in GB, None if that is unknown."""
        with self._lock:
            if pid is not None:
                self._explained.add(pid)
            return self._held_gb.get(pid or 0)

    def expect_end(self, workers: Mapping[int, BaseProcess]) -> None:
        """Those of these processes that live are about to be ended on purpose."""
        with self._lock:
            self._explained |= {pid for pid, process in workers.items() if process.exitcode is None}

    def stop(self) -> None:
        """Look no more: what ends from now on was ended on purpose."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_S):
            self._look()

    def _look(self) -> None:
        with suppress(RuntimeError):  # the pool changed its processes at this moment; the next look sees them
            self._known.update(self._workers())
        for pid, process in list(self._known.items()):
            exitcode = process.exitcode
            if exitcode is None:
                if (held := held_bytes(pid)) is not None:
                    with self._lock:
                        self._held_gb[pid] = held / 1e9
            else:
                self._has_died(pid, exitcode)

    def _has_died(self, pid: int, exitcode: int) -> None:
        """Tell of a death once its job, if it had one, would have."""
        self._dead[pid] = self._dead.get(pid, 0) + 1
        if self._dead[pid] < TOLD_WITHIN_LOOKS and pid not in self._explained:
            return
        del self._known[pid], self._dead[pid]
        with self._lock:
            held_gb, at_work = self._held_gb.pop(pid, None), pid in self._explained
            self._explained.discard(pid)
        if not at_work and exitcode not in EXPECTED and not self._stopped.is_set():
            self._on_idle_death(exitcode, held_gb)


def held_bytes(pid: int) -> int | None:
    """The memory of a process and of what it started (resident pages); None where it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
        children = {int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in _children(task)}
    except (OSError, ValueError, IndexError):
        return None
    if not pages:  # it has died, and nobody has asked how
        return None
    return pages * PAGE_BYTES + sum(held_bytes(child) or 0 for child in children)


def _children(task: Path) -> list[bytes]:
    try:
        return (task / "children").read_bytes().split()
    except OSError:
        return []
