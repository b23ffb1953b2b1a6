"""What the engines `dask` and `ray` have in common: a job is submitted to a cluster, and its end is awaited.

A Prefect task stays in a thread of the driver and submits its step to plain Dask or plain Ray. Prefect's own runners
(prefect-dask, prefect-ray) take the whole Prefect task to the worker; that costs four to seven times as much a film
(`python -m benchmarks.engines` prints both), every worker then talks to the Prefect server, and retries that follow a
worker's death would be configured in two places. So `engine.kind` picks what a thread waits for, and nothing else.

On the worker, a job runs in a process of its own (`cinelake.engines.processes`), as with the local engine: a step past
its deadline is killed without ending a worker that others may share, and fails with the same errors everywhere.

Progress inside a film (decoded seconds, cells) reaches a driver on the same machine; from other machines come the
films' ends only.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, TimeoutError
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from cinelake.engines.job import Job, Result
from cinelake.engines.observing import EventPipe
from cinelake.engines.processes import STOP_NOTICED_S, check_gpus, gpus_here
from cinelake.errors import CinelakeError, DiskFull, EngineStopped, EngineUnavailable, NodeDiffers, WorkerLost
from cinelake.events import OnEvent
from cinelake.spec.task import Resources

if TYPE_CHECKING:
    from cinelake.manifest.sections import EngineSettings

ANSWERS_WITHIN_S = 10.0
ENDS_WITHIN_S = 5.0
UNFIT_PAUSE_S = 10.0
BYTES_PER_GB = 10**9
ADVICE = "Check `engine: {address: …}`, or leave it out to let a run bring its own."


class WorkerGone(Exception):
    """A cluster reports that the worker of a job died."""


class Cluster(Protocol):
    """A cluster of one kind. All but `nodes` and `submit` may block for seconds."""

    def start(self, events: str) -> None:
        """Connect, or start a cluster; `events`: the pipe to which its workers on this machine report progress."""

    def nodes(self) -> Sequence[Resources]:
        """The total resources of each node or worker."""

    def submit(self, job: Job[Result]) -> Future[Result | CinelakeError]:
        """Submit a job to a worker with the resources that it needs. The future raises `WorkerGone` when it dies."""

    def close(self, *, now: bool) -> None:
        """End what was started here; on an existing cluster, only the jobs of this run that are still running."""


def make_cluster_engine(
    cluster: Cluster, settings: EngineSettings, needs: Mapping[str, Resources], on_event: OnEvent
) -> ClusterEngine:
    """The engine on this cluster; with an address it is connected, and its resources are compared with the needs.

    Raises `EngineUnavailable`. Nodes that a cluster adds by itself are counted where the manifest names them.
    """
    if settings.address is None:
        check_gpus(max((required.gpus for required in needs.values()), default=0.0))
        check_fits(needs, [this_machine(settings.workers)], "this machine (`engine: {workers: …}` counts as cpus)")
    engine = ClusterEngine(cluster, settings, needs, on_event)
    if settings.address is not None:
        engine.start()
    return engine


def this_machine(workers: int | None) -> Resources:
    """What a cluster that is started on this machine has; as many processors as films are wanted at the same time."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Resources(float(workers or len(os.sched_getaffinity(0))), float(gpus_here()), memory / BYTES_PER_GB)


def check_answers(kind: str, address: str, default_port: int) -> None:
    """Raise `EngineUnavailable` when nothing listens at `SCHEME://HOST:PORT` or `HOST:PORT`."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        with socket.create_connection((parts.hostname or "", parts.port or default_port), timeout=ANSWERS_WITHIN_S):
            return
    except (OSError, ValueError) as error:
        raise EngineUnavailable(f"no {kind} cluster answers at {address}: {error}. {ADVICE}") from error


def check_fits(needs: Mapping[str, Resources], nodes: Sequence[Resources], where: str) -> None:
    """Raise `EngineUnavailable` when an entry requires more than any node has."""
    for entry, required in needs.items():
        if not any(
            required.gpus <= node.gpus
            and required.memory_gb <= node.memory_gb
            and required.processors <= node.processors
            for node in nodes
        ):
            raise EngineUnavailable(
                f"{entry} asks for {_words(required)}, and no node of {where} has that: "
                f"{'; '.join(dict.fromkeys(map(_words, nodes))) or 'it has no workers'}. "
                "Change its resources, or the engine; nodes that it adds by itself belong into `engine.autoscaling`."
            )


def at_once(settings: EngineSettings, needs: Mapping[str, Resources], nodes: Sequence[Resources]) -> tuple[int, int]:
    """How many films are worked on at the same time, and how many are submitted.

    As many as there are processors, and as many waiting; more where GPUs work on some of them. A cluster that adds
    nodes by itself adds them for what waits: it is sent as much as all of them could run.
    """
    whole = [nodes, _added(settings)]
    processors, gpus = (
        max(sum(getattr(node, what) for node in some) for some in whole) for what in ("processors", "gpus")
    )
    workers = settings.workers or max(1, int(processors))
    least = min((required.gpus for required in needs.values() if required.gpus), default=0.0)
    return workers, max(settings.window or 2 * (workers + (int(gpus / least) if least else 0)), workers)


def _added(settings: EngineSettings) -> list[Resources]:
    """All nodes that the cluster adds by itself when steps wait for them."""
    kinds = settings.autoscaling
    return [node for kind in kinds for node in [Resources(kind.cpus, kind.gpus, kind.memory_gb)] * kind.most]


def _words(resources: Resources) -> str:
    return f"{resources.processors:g} cpus, {resources.gpus:g} gpus, {resources.memory_gb:.3g} GB"


class ClusterEngine:
    """Places jobs on a cluster. Use `stop` at the end."""

    def __init__(self, cluster: Cluster, settings: EngineSettings, needs: Mapping[str, Resources], on_event: OnEvent):
        self._cluster, self._settings, self._needs, self._on_event = cluster, settings, needs, on_event
        self._events: EventPipe | None = None
        self._stopped = threading.Event()
        self._size([this_machine(settings.workers)])

    def _size(self, nodes: Sequence[Resources]) -> None:
        workers, self.window = at_once(self._settings, self._needs, nodes)
        self._working = threading.BoundedSemaphore(workers)

    def start(self) -> None:
        """Start or connect, once. Raises `EngineUnavailable`."""
        if self._events is not None:
            return
        self._events = EventPipe(self._on_event)
        address = self._settings.address
        try:
            self._cluster.start(str(self._events.path))
            nodes = self._cluster.nodes()
            where = f"the cluster at {address}" if address else "the cluster on this machine"
            check_fits(self._needs, [*nodes, *_added(self._settings)], where)
        except EngineUnavailable:
            self.stop(now=True)
            raise
        self._size(nodes)

    def warm(self, films: Mapping[str, str]) -> None:
        """Start the cluster; the films are not probed."""
        self.start()

    def task_runner(self) -> Any:
        """Threads: each waits for a film's steps on the cluster."""
        from prefect.task_runners import ThreadPoolTaskRunner

        self.start()
        return ThreadPoolTaskRunner(max_workers=self.window)

    def place(self, job: Job[Result]) -> Result:
        """Run a job on a worker that has what it needs."""
        try:
            with self._working_slot(job):
                outcome = self._outcome(job)
        except WorkerGone as error:
            raise WorkerLost(f"the worker of {job.what} died ({error})") from error
        if isinstance(outcome, CinelakeError):
            raise outcome
        return outcome

    @contextmanager
    def _working_slot(self, job: Job[Result]) -> Iterator[None]:
        """A slot for one of the films that are worked on; what runs on a GPU waits for the GPU alone."""
        if job.resources.gpus:
            yield
            return
        while not self._working.acquire(timeout=STOP_NOTICED_S):
            if self._stopped.is_set():
                raise _stopped_before(job)
        try:
            yield
        finally:
            self._working.release()

    def _outcome(self, job: Job[Result]) -> Result | CinelakeError:
        future = None if self._stopped.is_set() else self._cluster.submit(job)
        while future and not self._stopped.is_set():
            try:
                return future.result(timeout=STOP_NOTICED_S)
            except TimeoutError:
                continue
        raise _stopped_before(job)

    def stop(self, *, now: bool = False) -> None:
        """End the cluster, or leave it. Jobs still running are ended; a flow that ended well has none."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        if self._events is not None:
            self._cluster.close(now=now)
            self._events.close()


def _stopped_before(job: Job[Result]) -> EngineStopped:
    return EngineStopped(f"the engine was stopped before {job.what} ended")


def ended(work: Callable[[], Result]) -> Result | CinelakeError:
    """A result, or the error in its place: a `CinelakeError` travels as a value, so that no cluster wraps it.

    A machine that is unfit for work fails at once, and so would be sent every film that waits: it answers late.
    """
    try:
        return work()
    except (DiskFull, NodeDiffers) as error:
        time.sleep(UNFIT_PAUSE_S)
        return error
    except CinelakeError as error:
        return error
