"""The engine on Dask: a cluster started on this machine, or the one at `engine.address` (`tcp://HOST:8786`).

| manifest             | Dask                                                                                  |
| -------------------- | ------------------------------------------------------------------------------------- |
| cpus, memory_gb      | worker resources of these names; a worker that declares none gets its threads and memory |
| gpus                 | the worker resource `gpus`, as in `dask worker --resources "gpus=1"`; a thread for each job |
| a worker's death     | the run itself retries what is not made                                               |

A cluster that is started here has no dashboard, and its files are removed with it. It speaks TLS with a certificate of
its own, kept in memory: Dask has no other door, and who reaches a scheduler or a worker runs code as this user. To
workers of an existing cluster this checkout's packages are uploaded; what they import beyond must be in their image.
The scheduler of an existing cluster may itself retry a step after a worker's death, up to its
`distributed.scheduler.allowed-failures` times.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from hashlib import blake2b
from importlib.util import find_spec
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
from distributed import Client, KilledWorker, LocalCluster, Security, Status, WorkerPlugin, get_worker

from cinelake.engines.cluster import (
    ADVICE,
    ANSWERS_WITHIN_S,
    BYTES_PER_GB,
    ENDS_WITHIN_S,
    ClusterEngine,
    WorkerGone,
    check_answers,
    ended,
    make_cluster_engine,
    this_machine,
)
from cinelake.engines.job import Job, Result
from cinelake.engines.process_tree import await_end, process_tree
from cinelake.engines.processes import Pools, shares, visible
from cinelake.engines.shipping import SHIPPED
from cinelake.engines.versions import check_joined, check_same, compared_with, versions_of
from cinelake.errors import CinelakeError, EngineUnavailable
from cinelake.events import OnEvent
from cinelake.spec.task import Resources
from cinelake.storage.files import temporary_folder

if TYPE_CHECKING:
    from cinelake.manifest.sections import EngineSettings

PORT = 8786
SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.worker.daemon": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
"""Of a cluster that is started here: deaths are reported at once, and steps see the environment of local ones.

Scheduler and worker answer HTTP even without a dashboard, and ask nobody who he is: names of films, logs and stacks.
"""


def make(settings: EngineSettings, needs: Mapping[str, Resources], on_event: OnEvent) -> ClusterEngine:
    """The engine. Raises `EngineUnavailable` where the address does not answer or has less than what is needed."""
    gpus = [resources.gpus for resources in needs.values()]
    return make_cluster_engine(DaskCluster(settings.address, settings.workers, gpus), settings, needs, on_event)


class DaskCluster:
    """Dask, started here or connected to. `gpus`: how many GPUs each kind of job needs."""

    def __init__(self, address: str | None, workers: int | None, gpus: Sequence[float]):
        self._address, self._workers, self._gpus = address, workers, gpus
        self._folder = ""
        self._ending = ExitStack()
        self._pools = f"cinelake-{uuid.uuid4().hex}"
        self._cluster: Any = None
        self._client: Any = None
        self._versions: dict[str, str] = {}
        """Versions that the machines of an existing cluster must have too."""

    def start(self, events: str) -> None:
        """Start or connect, and start the processes for steps on every worker. Raises `EngineUnavailable`."""
        self._folder = str(self._ending.enter_context(temporary_folder("cinelake-dask-")))
        place = f"the Dask cluster at {self._address}" if self._address else "Dask on this machine"
        try:
            if self._address:
                check_answers("Dask", self._address, PORT)
            with _deaf_to_interrupts():
                self._connect(self._address or self._own())
                self._client.register_plugin(WorkerPools(self._pools, events, self._gpus))
        except (OSError, ValueError, RuntimeError) as error:
            self.close(now=True)
            raise EngineUnavailable(f"{place} cannot be used: {error}. {ADVICE}") from error

    def _own(self) -> Any:
        machine = this_machine(self._workers)
        resources = {"cpus": machine.processors, "gpus": machine.gpus, "memory_gb": machine.memory_gb}
        on_gpus = shares(machine.gpus, self._gpus, visible())
        with dask.config.set(SETTINGS):
            self._cluster = LocalCluster(
                n_workers=1,
                threads_per_worker=int(machine.processors) + on_gpus.each * len(on_gpus.groups),
                host="127.0.0.1",
                security=Security.temporary(),
                dashboard_address=None,
                memory_limit=0,
                resources=resources,
                local_directory=self._folder,
                silence_logs=logging.CRITICAL,
            )
        return self._cluster

    def _connect(self, cluster: Any) -> None:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._client = Client(cluster, timeout=ANSWERS_WITHIN_S, set_as_default=False)
        if self._address:
            self._client.get_versions(check=True)
            self._client.upload_file(str(packed(Path(self._folder))))
            packages = compared_with("distributed")
            self._versions = versions_of(packages)
            check_same(self._address, self._versions, self._client.run(versions_of, packages))

    def nodes(self) -> Sequence[Resources]:
        """The resources of each worker."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        has = [worker["resources"] for worker in workers]
        return [Resources(r.get("cpus", 0.0), r.get("gpus", 0.0), r.get("memory_gb", 0.0)) for r in has]

    def submit(self, job: Job[Result]) -> Future[Result | CinelakeError]:
        """Submit a job to Dask."""
        required = job.resources
        needs = {"cpus": required.processors, "gpus": required.gpus, "memory_gb": required.memory_gb}
        running = self._client.submit(
            _work,
            job,
            self._pools,
            self._versions,
            key=f"{job.what} {uuid.uuid4().hex}",
            resources={name: amount for name, amount in needs.items() if amount},
            pure=False,
        )
        future: Future[Result | CinelakeError] = Future()
        running.add_done_callback(lambda done: _pass_on(done, future))
        return future

    def close(self, *, now: bool) -> None:
        """End the cluster that was started here, or this run's jobs on an existing one."""
        with suppress(OSError, RuntimeError, ValueError, TimeoutError):
            if self._client is not None:
                self._client.unregister_worker_plugin(self._pools)
        ours = process_tree(nanny.pid for nanny in self._cluster.workers.values() if nanny.pid) if self._cluster else []
        for one in (self._client, self._cluster):
            if one is not None:
                with suppress(OSError, RuntimeError, TimeoutError):
                    one.close(timeout=ENDS_WITHIN_S)
        await_end(ours, ENDS_WITHIN_S)
        self._ending.close()


def _pass_on(done: Any, future: Future[Any]) -> None:
    """Copy the outcome of Dask's future to Python's own, with errors of this project."""
    if done.status == "finished":
        future.set_result(done.result())
        return
    error = done.exception() if done.status == "error" else EngineUnavailable("the Dask scheduler is gone")
    if isinstance(error, KilledWorker):
        error = WorkerGone(str(error).splitlines()[0])
    future.set_exception(error)


def packed(folder: Path) -> Path:
    """The packages that workers need, as a zip file that Python imports from, named for its content."""
    files: dict[str, bytes] = {}
    for name in SHIPPED:
        spec = find_spec(name)
        root = Path(str(spec and spec.origin)).parent
        files |= {f"{name}/{p.relative_to(root)}": p.read_bytes() for p in sorted(root.rglob("*.py"))}
    digest = blake2b(repr(sorted(files.items())).encode(), digest_size=8).hexdigest()
    path = folder / f"cinelake-{digest}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Threads and processes started within never see Ctrl-C: the driver ends them."""
    resource_tracker.ensure_running()  # its own start would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerPools(WorkerPlugin):  # type: ignore[misc]  # Dask brings no types
    """Keeps processes for jobs on each worker, and declares the resources of a worker that declares none itself."""

    def __init__(self, name: str, events: str, gpus: Sequence[float]):
        self.name, self._events, self._gpus = name, events, gpus

    async def setup(self, worker: Any) -> None:
        """Start them; until then the worker is paused: what waits for it is scheduled again when it resumes."""
        before, worker.status = worker.status, Status.paused
        try:
            await self._start(worker)
        finally:
            worker.status = before

    async def _start(self, worker: Any) -> None:
        multiprocessing.current_process().daemon = False  # a nanny's worker may start processes too
        has = dict(worker.state.total_resources)
        on_gpus = shares(has.get("gpus", 0.0), self._gpus, visible())
        memory_gb = (worker.memory_manager.memory_limit or 0) / BYTES_PER_GB or this_machine(None).memory_gb
        threads = max(worker.state.nthreads - on_gpus.each * len(on_gpus.groups), 0)
        more = {n: v for n, v in {"cpus": threads, "memory_gb": memory_gb}.items() if n not in has}
        if more:
            await worker.set_resources(**more)
        self.pools = Pools(int(has.get("cpus", threads)), on_gpus, self._events)

    def teardown(self, worker: Any) -> None:
        """Kill them with their running jobs."""
        self.pools.stop(now=True)


def _work(job: Job[Result], name: str, versions: Mapping[str, str]) -> Result | CinelakeError:
    """What a Dask worker does, in one of its threads."""
    pools: Pools = get_worker().plugins[name].pools

    def work() -> Result:
        check_joined("distributed", versions)
        return pools.place(job)

    return ended(work)
