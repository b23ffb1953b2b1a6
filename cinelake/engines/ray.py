"""The engine on Ray: a cluster started on this machine, or the one at `engine.address` (`ray://HOST:10001`).

| manifest             | Ray                                                           |
| -------------------- | ------------------------------------------------------------- |
| cpus, gpus           | `num_cpus`, `num_gpus`                                        |
| memory_gb            | `memory`                                                      |
| a worker's death     | `max_retries=0`: the run itself retries what is not made      |

A cluster that is started here has no dashboard, no telemetry and no token file, and its logs are removed with it. To
workers of an existing cluster this checkout's packages travel in Ray's runtime environment; what they import beyond
must be in their image.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

import psutil

from cinelake.engines.cluster import (
    ADVICE,
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
from cinelake.engines.process_tree import await_end, children_with, process_tree
from cinelake.engines.processes import StepProcesses
from cinelake.engines.shipping import CLUSTER, QUIET, ray_token, shipped_folders
from cinelake.engines.versions import check_joined, check_same, compared_with, of_ray_nodes, versions_of
from cinelake.errors import CinelakeError, EngineUnavailable
from cinelake.events import OnEvent
from cinelake.spec.task import Resources
from cinelake.storage.files import short_temporary_folder
from cinelake.storage.processes import environment_variables

if TYPE_CHECKING:
    from cinelake.manifest.sections import EngineSettings

PORT = 10001
MAX_CONNECT_ATTEMPTS, CONNECT_AGAIN_WITHIN_S = 5, 20.0
GIVEN_UP = "already been cleaned up"
"""What a head answers a driver whose session it has ended, or never had."""
THREADS = "OMP_NUM_THREADS"
OBJECT_STORE_BYTES = 100_000_000
"""Steps and reports are small; films and tables never pass through Ray."""


def make(settings: EngineSettings, needs: Mapping[str, Resources], on_event: OnEvent) -> ClusterEngine:
    """The engine. Raises `EngineUnavailable` where the address does not answer or has less than what is needed."""
    return make_cluster_engine(RayCluster(settings.address, settings.workers), settings, needs, on_event)


class RayCluster:
    """Ray, started here or connected to."""

    def __init__(self, address: str | None, workers: int | None):
        self._address, self._workers = address, workers
        self._folder = ""
        self._ending = ExitStack()
        self._running: dict[object, Any] = {}
        """What Ray works on, unhashed: a reference's hash may wait for the thread that reports an end."""
        self._versions: dict[str, str] = {}
        """Versions that the machines of an existing cluster must have too."""

    def start(self, events: str) -> None:
        """Start or connect. Raises `EngineUnavailable`."""
        self._events = events
        place = f"the Ray cluster at {self._address}" if self._address else "Ray on this machine"
        with environment_variables({} if self._address else {**QUIET, "RAY_AUTH_TOKEN": ray_token()}):
            import ray

            logging.getLogger("ray").setLevel(logging.CRITICAL)
            try:
                if self._address:
                    check_answers("Ray", self._address, PORT)
                    runtime_env = {"py_modules": shipped_folders()}
                    packages = compared_with("ray")
                    self._versions = versions_of(packages)
                    options = {**_QUIET_INIT, "address": self._address, "runtime_env": runtime_env}
                    check_same(self._address, self._versions, _connect(options, lambda: of_ray_nodes(packages)))
                else:
                    own = self._own()
                    _connect(own, lambda: None)
            except Exception as error:  # Ray has no class for its own node that does not start within 30 s
                known = (OSError, RuntimeError, ValueError, ray.exceptions.RayError)
                if not isinstance(error, known) and type(error) is not Exception:
                    raise
                self._ending.close()
                words = " ".join(str(error).split())  # gRPC's are a block of lines
                raise EngineUnavailable(f"{place} cannot be used: {words}. {ADVICE}") from error
        self._work = ray.remote(_work)

    def _own(self) -> dict[str, Any]:
        private = self._ending.enter_context(short_temporary_folder("cinelake-ray-"))
        self._folder = str(private / "r")  # which Ray opens to everybody
        machine = this_machine(self._workers)
        return {
            **_QUIET_INIT,
            "num_cpus": int(machine.processors),
            "num_gpus": int(machine.gpus),
            "_memory": int(machine.memory_gb * BYTES_PER_GB),
            "object_store_memory": OBJECT_STORE_BYTES,
            "include_dashboard": False,
            "_temp_dir": self._folder,
        }

    def nodes(self) -> Sequence[Resources]:
        """The resources of each living node."""
        import ray

        has = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return [Resources(r.get("CPU", 0.0), r.get("GPU", 0.0), r.get("memory", 0.0) / BYTES_PER_GB) for r in has]

    def submit(self, job: Job[Result]) -> Future[Result | CinelakeError]:
        """Submit a job to Ray."""
        needs = job.resources
        ref = self._work.options(
            name=job.what,
            num_cpus=needs.processors,
            num_gpus=needs.gpus,
            memory=int(needs.memory_gb * BYTES_PER_GB),
            max_retries=0,
        ).remote(job, self._events, self._versions)
        number = object()
        self._running[number] = ref
        return self._translated(ref, number)

    def _translated(self, ref: Any, number: object) -> Future[Any]:
        """Ray's future with this project's errors; threads wait for it outside of Ray, which can be ended meanwhile."""
        from ray import exceptions

        died = (exceptions.WorkerCrashedError, exceptions.NodeDiedError, exceptions.OutOfMemoryError,
                exceptions.ObjectLostError, exceptions.LocalRayletDiedError)  # fmt: skip
        future: Future[Any] = Future()

        def pass_on(done: Future[Any]) -> None:
            self._running.pop(number, None)
            error = done.exception()
            if error is None:
                future.set_result(done.result())
            elif isinstance(error, died):
                future.set_exception(WorkerGone(str(error).strip().splitlines()[0]))
            else:
                future.set_exception(error)

        ref.future().add_done_callback(pass_on)
        return future

    def close(self, *, now: bool) -> None:
        """End the cluster that was started here, or this run's jobs on an existing one."""
        import ray

        running = list(self._running.values())
        if self._address:
            for ref in running:
                ray.cancel(ref, force=True)
        ours = process_tree(children_with(self._folder)) if self._folder else []
        ray.shutdown()
        await_end(ours, ENDS_WITHIN_S)
        self._ending.close()


_QUIET_INIT = {"log_to_driver": False, "logging_level": logging.CRITICAL}


def _connect(options: dict[str, Any], ask: Callable[[], Result]) -> Result:
    """`ray.init` and the first question; gives its answer.

    Retried where the connection is lost before the answer is there: a cluster's head had no time to start the process
    that serves this driver, or gave up a session that was being opened. Nothing runs yet. What took longer than
    `CONNECT_AGAIN_WITHIN_S` is no such loss, unless the head itself says that it could not serve this driver or that
    it gave up the session: a busy machine takes longer than that to say so.
    """
    import ray

    until, attempts = time.monotonic() + CONNECT_AGAIN_WITHIN_S, 0
    while True:
        attempts += 1
        try:
            ray.init(**options)
            return ask()
        except ConnectionError as error:
            is_told = isinstance(error, ConnectionAbortedError) or GIVEN_UP in str(error)
            if attempts == MAX_CONNECT_ATTEMPTS or (time.monotonic() > until and not is_told):
                raise
            ray.shutdown()


def _work(job: Job[Result], events: str, versions: Mapping[str, str]) -> Result | CinelakeError:
    """What a Ray worker does."""

    def work() -> Result:
        check_joined("ray", versions)
        _forget_threads_of_job()
        return _processes(events, os.environ.get("CUDA_VISIBLE_DEVICES", "")).place(job)

    return ended(work)


def _forget_threads_of_job() -> None:
    """Take back the number of threads that Ray sets for a job where the worker has none from whoever started it.

    Sums depend on how many threads make them, and so does what is learned; a step has the environment of a local one.
    """
    if THREADS not in psutil.Process().environ():  # as the worker began, without what was set since
        os.environ.pop(THREADS, None)


@cache
def _processes(events: str, gpus: str) -> StepProcesses:
    """This worker's process for jobs; one for each GPU that Ray may assign. Ray keeps workers of GPUs apart."""
    import ray

    os.environ[CLUSTER] = ray.get_runtime_context().gcs_address
    return StepProcesses(1, events)
