"""The local engine: a pool of processes on this machine (see `cinelake.engines.processes`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cinelake.engines.job import Job, Result
from cinelake.engines.observing import EventPipe
from cinelake.engines.processes import Pools, Shares, check_gpus, gpus_here, shares, visible
from cinelake.events import OnEvent
from cinelake.spec.task import Resources

if TYPE_CHECKING:
    from cinelake.manifest.sections import EngineSettings

PROBED_AHEAD = 2000


def make(
    settings: EngineSettings, needs: Mapping[str, Resources], on_event: OnEvent, films: int | None = None
) -> LocalEngine:
    """The engine with the manifest's number of workers; by default one per processor.

    films: how many there are to make. No more processes are started, each of which costs half a second; the processors
    that have none help with the tables of these films.
    """
    requested = [resources.gpus for resources in needs.values()]
    check_gpus(max(requested, default=0.0))
    processors = len(os.sched_getaffinity(0))
    workers = settings.workers or processors
    gpus = shares(gpus_here(), requested, visible())
    window = settings.window or 2 * (workers + gpus.each * len(gpus.groups))
    return LocalEngine(workers, gpus, window, on_event, films, threads=max(1, processors // workers))


class LocalEngine:
    """Places steps on processes of this machine. Use `stop` at the end.

    threads: of one inference in a process, the same however many films there are: sums depend on it.
    """

    def __init__(self, workers: int, gpus: Shares, window: int, on_event: OnEvent, films: int | None, threads: int):
        self.window = max(window, workers)
        self._stopped = False
        self._events = EventPipe(on_event)
        self._pools = Pools(workers, gpus, str(self._events.path), films, threads)

    def task_runner(self) -> Any:
        """Threads: each waits for a process."""
        from prefect.task_runners import ThreadPoolTaskRunner

        return ThreadPoolTaskRunner(max_workers=self.window)

    def warm(self, films: Mapping[str, str]) -> None:
        """Start the workers; they probe the films, so that the progress has a total."""
        for movie_id, path in list(films.items())[:PROBED_AHEAD]:
            self._pools.look(movie_id, path)

    def place(self, job: Job[Result]) -> Result:
        """Run a job in a process of the pool that it belongs to."""
        return self._pools.place(job)

    def stop(self, *, now: bool = False) -> None:
        """Let running steps finish, or kill them now."""
        if self._stopped:
            return
        self._stopped = True
        self._pools.stop(now=now)
        self._events.close()
