"""The local engine: a pool of processes on this machine (see `cinelake.engines.processes`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinelake.engines.events import EventPipe
from cinelake.engines.processes import StepProcesses
from cinelake.errors import EngineUnavailable
from cinelake.step import OnEvent, Step, StepReport

if TYPE_CHECKING:
    from cinelake.manifest import Manifest

PROBED_AHEAD = 2000


def make(manifest: Manifest, on_event: OnEvent) -> LocalEngine:
    """The engine with the manifest's number of workers; by default one per processor."""
    check_gpus(max((entry.resources.gpus for entry in manifest.enabled.values()), default=0.0))
    workers = manifest.engine.workers or len(os.sched_getaffinity(0))
    return LocalEngine(workers, manifest.engine.window or 2 * workers, on_event)


def gpus_here() -> int:
    """How many NVIDIA devices this machine shows."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def check_gpus(gpus: float) -> None:
    """Raise `EngineUnavailable` when GPUs are asked for on a machine without any."""
    if gpus and not gpus_here():
        raise EngineUnavailable(
            f"a task asks for {gpus:g} GPU, and this machine has no NVIDIA device (/dev/nvidia0 is not there). "
            "Set its resources to {gpus: 0} and its device to cpu, or name an engine that has GPUs."
        )


class LocalEngine:
    """Places steps on a pool of processes. Use `stop` at the end."""

    def __init__(self, workers: int, window: int, on_event: OnEvent):
        self.window = max(window, workers)
        self._stopped = False
        self._events = EventPipe(on_event)
        self._processes = StepProcesses(workers, str(self._events.path))

    def task_runner(self) -> Any:
        """Threads: each waits for a process of the pool."""
        from prefect.task_runners import ThreadPoolTaskRunner

        return ThreadPoolTaskRunner(max_workers=self.window)

    def warm(self, films: Mapping[str, str]) -> None:
        """Start the workers; they probe the films, so that the progress knows how much there is."""
        for movie_id, path in list(films.items())[:PROBED_AHEAD]:
            self._processes.look(movie_id, path)

    def place(self, step: Step) -> StepReport:
        """Run a step in a process of the pool."""
        return self._processes.place(step)

    def stop(self, *, now: bool = False) -> None:
        """Let running steps finish, or kill them now."""
        if self._stopped:
            return
        self._stopped = True
        self._processes.stop(now=now)
        self._events.close()
