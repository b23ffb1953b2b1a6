"""Jobs for processes of steps: one whose process is ended by a signal, one without end, and some that tell how their
process was prepared."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from cinelake.events import Event, OnEvent
from cinelake.lake.onnx import inference_threads
from cinelake.spec.task import Resources
from cinelake.storage.slots import borrow_slot


@dataclass(frozen=True)
class Deadly:
    """Ends its process by a signal, as the kernel does."""

    number: int
    what = "the step of heidi"
    resources = Resources()

    def limit_s(self) -> float:
        """As long as it likes."""
        return 0

    def run(self, on_event: OnEvent) -> None:
        """End."""
        os.kill(os.getpid(), self.number)

    def sweep(self) -> None:
        """Nothing is left."""


@dataclass(frozen=True)
class Scored(Deadly):
    """Tells its process's place among those that the system kills where memory is short."""

    number: int = 0

    def run(self, on_event: OnEvent) -> int:
        """The kernel's figure."""
        return int(Path("/proc/self/oom_score_adj").read_text())


@dataclass(frozen=True)
class Located(Deadly):
    """Tells its process's number: into `folder`, where there is one, and then waits there for `open`."""

    number: int = 0
    folder: Path | None = None

    def run(self, on_event: OnEvent) -> int:
        """The process's number."""
        if self.folder:
            (self.folder / "started").write_text(str(os.getpid()))
            ends = time.monotonic() + 60
            while not (self.folder / "open").exists() and time.monotonic() < ends:
                time.sleep(0.01)
        return os.getpid()


@dataclass(frozen=True)
class Borrowing(Deadly):
    """Tells how many processors it could borrow beside its own."""

    number: int = 0

    def run(self, on_event: OnEvent) -> int:
        """So many slots."""
        slots = iter(borrow_slot, None)
        return len(list(slots))


@dataclass(frozen=True)
class Inferring(Deadly):
    """Tells how many threads an inference would have."""

    number: int = 0

    def run(self, on_event: OnEvent) -> int:
        """So many."""
        return inference_threads()


@dataclass(frozen=True)
class Resizing(Deadly):
    """Tells how many threads OpenCV would resize a picture with."""

    number: int = 0

    def run(self, on_event: OnEvent) -> int:
        """So many."""
        import cv2

        return int(cv2.getNumThreads())


@dataclass(frozen=True)
class LimitShown(Event):
    """Progress whose data happen to be named as a deadline's."""

    kind = "limit shown"
    movie_id: str
    limit_s: float


@dataclass(frozen=True)
class Endless:
    """Reports these events, then works on in Python for longer than a test may take, or for so many seconds."""

    first_limit_s: float
    events: tuple[Event, ...] = ()
    ends_after_s: float = 3600.0
    what = "the step of heidi"
    resources = Resources()

    def limit_s(self) -> float:
        """As it was made."""
        return self.first_limit_s

    def run(self, on_event: OnEvent) -> str:
        """Report, then work."""
        for event in self.events:
            on_event(event)
        ends = time.monotonic() + self.ends_after_s
        while time.monotonic() < ends:
            time.sleep(0.01)
        return "ended"

    def sweep(self) -> None:
        """Nothing is left."""
