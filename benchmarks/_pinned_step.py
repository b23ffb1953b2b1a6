"""A film's step that keeps to one processor: what an engine places for `benchmarks.scaling`."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cinelake.engines.job import Job
from cinelake.events import Event, OnEvent
from cinelake.run.cells import StepReport
from cinelake.spec.task import Resources

LOOKED_EVERY_S = 0.005


@dataclass(frozen=True)
class StepPinned(Event):
    """Where and when a step ran (CLOCK_MONOTONIC, one for the whole machine)."""

    kind = "pinned"
    processor: int
    began: float
    ended: float


@dataclass(frozen=True)
class Pinned:
    """A film's step on one processor, ffmpeg and all threads included."""

    step: Job[StepReport]
    claims: str
    processors: tuple[int, ...]

    @property
    def what(self) -> str:
        """The step's."""
        return self.step.what

    @property
    def resources(self) -> Resources:
        """The step's."""
        return self.step.resources

    def limit_s(self) -> float:
        """The step's."""
        return self.step.limit_s()

    def run(self, on_event: OnEvent) -> StepReport:
        """The step, then an event that says where and when it ran."""
        with one_of(self.processors, self.claims) as processor:
            began = time.monotonic()
            report = self.step.run(on_event)
            on_event(StepPinned(processor, began, time.monotonic()))
        return report

    def sweep(self) -> None:
        """The step's."""
        self.step.sweep()


@contextmanager
def one_of(processors: Sequence[int], claims: str) -> Iterator[int]:
    """Claim a processor that no other process has, and keep all threads of this one to it; waits for one to be free."""
    with ExitStack() as stack:
        while (processor := next((p for p in processors if _claimed(Path(claims) / str(p), stack)), None)) is None:
            time.sleep(LOOKED_EVERY_S)
        for thread in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), {processor})
        yield processor


def _claimed(claim: Path, stack: ExitStack) -> bool:
    """Lock a file until the stack ends; False where another process has it."""
    file = stack.enter_context(claim.open("w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
