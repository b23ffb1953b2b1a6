"""The engine on Dask: of its own on this machine, or the cluster at `engine.address` (`tcp://HOST:8786`).

| manifest             | Dask                                                                                  |
| -------------------- | ------------------------------------------------------------------------------------- |
| cpus, memory_gb      | worker resources of these names; a worker that declares none gets its threads and memory |
| gpus                 | the worker resource `gpus`, as in `dask worker --resources "gpus=1"`                  |
| a worker's death     | the run itself tries again what is not made                                           |

A cluster of one's own has no dashboard, and its files go with it. To workers of another cluster this checkout's
packages are uploaded; what they import beyond must be in their image. A scheduler of yours may itself try a step again
after a worker's death, as often as its `distributed.scheduler.allowed-failures` says.
"""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import signal
import tempfile
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from hashlib import blake2b
from importlib.util import find_spec
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
from distributed import Client, KilledWorker, LocalCluster, WorkerPlugin, get_worker

from cinelake.engines.cluster import (
    ADVICE,
    ANSWERS_WITHIN_S,
    BYTES_PER_GB,
    ENDS_WITHIN_S,
    SHIPPED,
    ClusterEngine,
    Outcome,
    WorkerDied,
    check_answers,
    ended,
    make_cluster_engine,
    this_machine,
)
from cinelake.engines.families import await_end, family
from cinelake.engines.processes import StepProcesses
from cinelake.errors import EngineUnavailable
from cinelake.step import OnEvent, Step
from cinelake.task import Resources

if TYPE_CHECKING:
    from cinelake.manifest import Manifest

PORT = 8786
SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.worker.daemon": False,
}
"""Of a cluster of one's own: deaths are told at once, and steps see the environment that local ones see."""


def make(manifest: Manifest, on_event: OnEvent) -> ClusterEngine:
    """The engine; an address that does not answer or lacks what is asked for raises `EngineUnavailable`."""
    engine = manifest.engine
    return make_cluster_engine(manifest, DaskCluster(engine.address, engine.workers), on_event)


class DaskCluster:
    """Dask, started here or connected to."""

    def __init__(self, address: str | None, workers: int | None):
        self._address, self._workers = address, workers
        self._folder = ""
        self._pools = f"cinelake-{uuid.uuid4().hex}"
        self._cluster: Any = None
        self._client: Any = None

    def start(self, events: str) -> None:
        """Start or connect, and start the processes for steps on every worker. Raises `EngineUnavailable`."""
        self._folder = tempfile.mkdtemp(prefix="cinelake-dask-")
        place = f"the Dask cluster at {self._address}" if self._address else "Dask on this machine"
        try:
            if self._address:
                check_answers("Dask", self._address, PORT)
            with _deaf_to_interrupts():
                self._connect(self._address or self._own())
                self._client.register_plugin(StepPools(self._pools, events))
        except (OSError, ValueError, RuntimeError) as error:
            self.close(now=True)
            raise EngineUnavailable(f"{place} cannot be used: {error}. {ADVICE}") from error

    def _own(self) -> Any:
        machine = this_machine(self._workers)
        resources = {"cpus": machine.cpus, "gpus": machine.gpus, "memory_gb": machine.memory_gb}
        with dask.config.set(SETTINGS):
            self._cluster = LocalCluster(
                n_workers=1,
                threads_per_worker=int(machine.cpus),
                host="127.0.0.1",
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

    def nodes(self) -> Sequence[Resources]:
        """What each worker has."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        has = [worker["resources"] for worker in workers]
        return [Resources(r.get("cpus", 0.0), r.get("gpus", 0.0), r.get("memory_gb", 0.0)) for r in has]

    def submit(self, step: Step) -> Future[Outcome]:
        """Hand a step to Dask."""
        needs = {"cpus": step.resources.cpus, "gpus": step.resources.gpus, "memory_gb": step.resources.memory_gb}
        running = self._client.submit(
            _work,
            step,
            self._pools,
            key=f"film-{step.film.movie_id}-{uuid.uuid4().hex}",
            resources={name: amount for name, amount in needs.items() if amount},
            pure=False,
        )
        future: Future[Outcome] = Future()
        running.add_done_callback(lambda done: _pass_on(done, future))
        return future

    def close(self, *, now: bool) -> None:
        """End our cluster, or our steps on another."""
        with suppress(OSError, RuntimeError, ValueError, TimeoutError):
            if self._client is not None:
                self._client.unregister_worker_plugin(self._pools)
        ours = family(nanny.pid for nanny in self._cluster.workers.values() if nanny.pid) if self._cluster else []
        for one in (self._client, self._cluster):
            if one is not None:
                with suppress(OSError, RuntimeError, TimeoutError):
                    one.close(timeout=ENDS_WITHIN_S)
        await_end(ours, ENDS_WITHIN_S)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _pass_on(done: Any, future: Future[Outcome]) -> None:
    """Dask's future as Python's own, with our errors."""
    if done.status == "finished":
        future.set_result(done.result())
        return
    error = done.exception() if done.status == "error" else EngineUnavailable("the Dask scheduler is gone")
    if isinstance(error, KilledWorker):
        error = WorkerDied(str(error).splitlines()[0])
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


class StepPools(WorkerPlugin):  # type: ignore[misc]  # Dask brings no types
    """Keeps processes for steps on each worker, as many as it has threads, and says what an undeclaring worker has."""

    def __init__(self, name: str, events: str):
        self.name, self._events = name, events

    async def setup(self, worker: Any) -> None:
        """Start them."""
        multiprocessing.current_process().daemon = False  # a nanny's worker may start processes too
        self.processes = StepProcesses(worker.state.nthreads, self._events)
        memory_gb = worker.memory_manager.memory_limit or this_machine(None).memory_gb * BYTES_PER_GB
        has = {"cpus": worker.state.nthreads, "memory_gb": memory_gb / BYTES_PER_GB}
        more = {name: amount for name, amount in has.items() if name not in worker.state.total_resources}
        if more:
            await worker.set_resources(**more)

    def teardown(self, worker: Any) -> None:
        """End them with what they do."""
        self.processes.stop(now=True)


def _work(step: Step, pools: str) -> Outcome:
    """What a Dask worker does, in one of its threads."""
    processes: StepProcesses = get_worker().plugins[pools].processes
    return ended(lambda: processes.place(step))
