"""The processes of one machine or worker: some for processors, and for each GPU those that share it.

A process of a GPU keeps its models between films, and no other process loads them: so many copies are in the GPU's
memory as its declared share allows, and no more.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue

from cinelake.engines.gpus import Shares
from cinelake.engines.job import Job, Result
from cinelake.engines.processes import STOP_NOTICED_S, StepProcesses
from cinelake.errors import EngineStopped


class Pools:
    """Places jobs by the resources that they need. Use `stop` at the end.

    events: the named pipe for progress. films: how many there are to make; no more processes than these are started.
    """

    def __init__(self, processors: int, gpus: Shares, events: str, films: int | None = None):
        self._stopped = False
        self._processors = StepProcesses(max(min(processors, films or processors), 1), events, slots=processors)
        self._gpus = [StepProcesses(gpus.each, events, devices) for devices in gpus.groups]
        self._free: SimpleQueue[StepProcesses] = SimpleQueue()
        for _ in range(gpus.each):
            for processes in self._gpus:
                self._free.put(processes)

    def look(self, movie_id: str, path: str) -> None:
        """Have a film's length reported as an event, asynchronously."""
        self._processors.look(movie_id, path)

    def place(self, job: Job[Result]) -> Result:
        """Run a job to its end, once a GPU is free if it needs one."""
        if not (job.resources.gpus and self._gpus):
            return self._processors.place(job)
        processes = self._next_gpu(job)
        try:
            return processes.place(job)
        finally:
            self._free.put(processes)

    def _next_gpu(self, job: Job[Result]) -> StepProcesses:
        while not self._stopped:
            try:
                return self._free.get(timeout=STOP_NOTICED_S)
            except Empty:
                continue
        raise EngineStopped(f"the engine was stopped before {job.what} ended")

    def stop(self, *, now: bool = False) -> None:
        """Let running jobs finish, or kill them now."""
        self._stopped = True
        for processes in (self._processors, *self._gpus):
            processes.stop(now=now)
