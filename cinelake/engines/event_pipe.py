"""Events of workers on this machine reach the driver through a named pipe, each as one line of JSON."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import threading
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from cinelake.events import Event, OnEvent
from cinelake.storage.owners import owned_folder, sweep_abandoned

ATOMIC_BYTES = 4096
"""PIPE_BUF of Linux: lines shorter than this are written whole or not at all."""
PREFIX = "cinelake-events-"
END = "\n"
"""The line after which the driver no longer listens."""
log = logging.getLogger(__name__)


class EventPipe:
    """A named pipe from the workers to the driver.

    No lock of the pipe is held, so that a killed worker cannot block the others; a full pipe drops events, which only
    progress bars see. A line that is no event known here is logged. Its folder is removed at the end, and that of
    a killed driver by the next.
    """

    def __init__(self, on_event: OnEvent):
        temporary = Path(tempfile.gettempdir())
        sweep_abandoned(temporary, PREFIX)
        self._owned = ExitStack()
        self._folder = self._owned.enter_context(owned_folder(temporary, PREFIX))
        self.path = self._folder / "events"
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
        shutil.rmtree(self._folder, ignore_errors=True)
        self._owned.close()


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
