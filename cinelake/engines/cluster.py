"""What the engines `dask` and `ray` have in common: a film's step is handed to a cluster, and its end is waited for.

A Prefect task stays in a thread of the driver and hands its step to plain Dask or plain Ray. Prefect's own runners
(prefect-dask, prefect-ray) take the whole Prefect task to the worker; that costs about ten times as much a film
(`python -m benchmarks.engines` prints both), every worker then talks to the Prefect server, and retries that follow a
worker's death would be told of in two places. So `engine.kind` picks what a thread waits for, and nothing else.

On the worker, a step runs in a process of its own (`cinelake.engines.processes`), as with the local engine: a step past
its deadline is killed without ending a worker that others may share, and fails with the same errors everywhere.

Progress inside a film (decoded seconds, cells) reaches a driver on the same machine; from other machines come the
films' ends only.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, TimeoutError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from cinelake.engines.events import EventPipe
from cinelake.engines.local import check_gpus, gpus_here
from cinelake.engines.processes import STOP_NOTICED_S
from cinelake.errors import CinelakeError, EngineUnavailable, WorkerLost
from cinelake.step import OnEvent, Step, StepReport
from cinelake.task import Resources

if TYPE_CHECKING:
    from cinelake.manifest import Manifest

ANSWERS_WITHIN_S = 10.0
ENDS_WITHIN_S = 5.0
BYTES_PER_GB = 10**9
ADVICE = "Check `engine: {address: …}`, or leave it out to let a run bring its own."
SHIPPED = ("cinelake", "tasks", "models")
"""The packages that a worker needs of this checkout."""
Outcome = StepReport | CinelakeError
"""What a worker sends back: a step's report, or the error that ended it."""


class WorkerDied(Exception):
    """A cluster's word that the worker of a step is gone."""


class Cluster(Protocol):
    """A cluster of one kind. All but `nodes` and `submit` may block for seconds."""

    def start(self, events: str) -> None:
        """Connect, or start one of our own; `events`: where its workers on this machine tell of progress."""

    def nodes(self) -> Sequence[Resources]:
        """What each node or worker has in all."""

    def submit(self, step: Step) -> Future[Outcome]:
        """Hand a step to a worker that has room for what it needs. The future raises `WorkerDied` when it dies."""

    def close(self, *, now: bool) -> None:
        """End what was started here; on a cluster of others: what still runs of ours."""


@dataclass(frozen=True)
class Wanted:
    """What a manifest wants of a cluster."""

    address: str | None
    workers: int | None
    window: int | None
    needs: Mapping[str, Resources]

    @classmethod
    def by(cls, manifest: Manifest) -> Wanted:
        """Read it from a manifest; `needs` by entry."""
        engine = manifest.engine
        needs = {name: entry.resources for name, entry in manifest.enabled.items()}
        return cls(engine.address, engine.workers, engine.window, needs)


def make_cluster_engine(manifest: Manifest, cluster: Cluster, on_event: OnEvent) -> ClusterEngine:
    """The engine on this cluster; one with an address is connected, and what is asked for is compared with what it has.

    Raises `EngineUnavailable`. Nodes that a cluster might add by itself are not counted.
    """
    wanted = Wanted.by(manifest)
    if wanted.address is None:
        check_gpus(max((needs.gpus for needs in wanted.needs.values()), default=0.0))
        check_fits(wanted.needs, [this_machine(wanted.workers)], "this machine (`engine: {workers: …}` counts as cpus)")
    engine = ClusterEngine(cluster, wanted, on_event)
    if wanted.address is not None:
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
    """Raise `EngineUnavailable` when an entry asks for what no node has."""
    for entry, asked in needs.items():
        if not any(_fits(asked, node) for node in nodes):
            raise EngineUnavailable(
                f"{entry} asks for {_words(asked)}, and no node of {where} has that: "
                f"{'; '.join(map(_words, nodes)) or 'it has no workers'}. Change its resources, or the engine."
            )


def _fits(asked: Resources, node: Resources) -> bool:
    return asked.cpus <= node.cpus and asked.gpus <= node.gpus and asked.memory_gb <= node.memory_gb


def _words(resources: Resources) -> str:
    return f"{resources.cpus:g} cpus, {resources.gpus:g} gpus, {resources.memory_gb:.3g} GB"


class ClusterEngine:
    """Places steps on a cluster. Use `stop` at the end."""

    def __init__(self, cluster: Cluster, wanted: Wanted, on_event: OnEvent):
        self._cluster, self._wanted, self._on_event = cluster, wanted, on_event
        self._events: EventPipe | None = None
        self._stopped = threading.Event()
        self._size(wanted.workers or len(os.sched_getaffinity(0)))

    def _size(self, workers: int) -> None:
        self._workers = workers
        self.window = max(self._wanted.window or 2 * workers, workers)

    def start(self) -> None:
        """Start or connect, once. Raises `EngineUnavailable`."""
        if self._events is not None:
            return
        self._events = EventPipe(self._on_event)
        where = f"the cluster at {self._wanted.address}" if self._wanted.address else "the cluster on this machine"
        try:
            self._cluster.start(str(self._events.path))
            nodes = self._cluster.nodes()
            check_fits(self._wanted.needs, nodes, where)
        except EngineUnavailable:
            self.stop(now=True)
            raise
        self._size(self._wanted.workers or max(1, int(sum(node.cpus for node in nodes))))

    def warm(self, films: Mapping[str, str]) -> None:
        """Start the cluster."""
        self.start()

    def task_runner(self) -> Any:
        """Threads: each waits for a step on the cluster."""
        from prefect.task_runners import ThreadPoolTaskRunner

        self.start()
        return ThreadPoolTaskRunner(max_workers=self._workers)

    def place(self, step: Step) -> StepReport:
        """Run a step on a worker that has what it needs."""
        film = step.film.movie_id
        try:
            outcome = self._outcome(step)
        except WorkerDied as error:
            raise WorkerLost(f"the worker of {film} died ({error})") from error
        if isinstance(outcome, CinelakeError):
            raise outcome
        return outcome

    def _outcome(self, step: Step) -> Outcome:
        future = None if self._stopped.is_set() else self._cluster.submit(step)
        while future and not self._stopped.is_set():
            try:
                return future.result(timeout=STOP_NOTICED_S)
            except TimeoutError:
                continue
        raise EngineUnavailable(f"the engine was stopped before the step of {step.film.movie_id} ended")

    def stop(self, *, now: bool = False) -> None:
        """End the cluster, or leave it. Steps still running are ended; a flow that ended well has none."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        if self._events is not None:
            self._cluster.close(now=now)
            self._events.close()


def ended(work: Callable[[], StepReport]) -> Outcome:
    """A report, or the error in its place: errors of ours travel as values, so that no cluster wraps them."""
    try:
        return work()
    except CinelakeError as error:
        return error
