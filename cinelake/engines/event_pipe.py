"""What workers of this machine tell while they work: progress, one line of JSON an event, through a named pipe."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from functools import cache
from pathlib import Path

from cinelake.run.step import Event, OnEvent

ATOMIC_BYTES = 4096
"""PIPE_BUF of Linux: lines shorter than this are written whole or not at all."""


class EventPipe:
    """A named pipe from the workers to the driver.

    No lock is held, so that a killed worker cannot block the others; a full pipe drops events, which only progress
    bars see.
    """

    def __init__(self, on_event: OnEvent):
        self._folder = tempfile.TemporaryDirectory(prefix="cinelake-events-")
        self.path = Path(self._folder.name) / "events"
        os.mkfifo(self.path)
        self._keep_open = os.open(self.path, os.O_RDWR)
        self._thread = threading.Thread(target=self._read, args=(on_event,), daemon=True)
        self._thread.start()

    def _read(self, on_event: OnEvent) -> None:
        with self.path.open() as lines:
            for line in lines:
                event = json.loads(line)
                if event.get("kind") == "closed":
                    return
                on_event(event)

    def close(self) -> None:
        """Stop listening and remove the pipe."""
        os.write(self._keep_open, b'{"kind": "closed"}\n')
        self._thread.join(timeout=5)
        os.close(self._keep_open)
        self._folder.cleanup()


@cache
def event_writer(events: str) -> OnEvent:
    """Writes events into the pipe at this path; where there is none (another machine), events are dropped."""
    try:
        pipe = os.open(events, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return lambda _: None

    def write(event: Event) -> None:
        line = (json.dumps(event) + "\n").encode()
        if len(line) < ATOMIC_BYTES:
            try:
                os.write(pipe, line)
            except (BlockingIOError, BrokenPipeError):
                return

    return write
