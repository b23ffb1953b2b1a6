"""Clusters as an operator runs them: plain processes on loopback, each node a group of its own that may be killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import psutil

from cinelake.engines.cluster import check_answers
from cinelake.errors import EngineUnavailable
from cinelake.storage.processes import start_child
from flows.server import free_port

BIN = Path(sys.executable).parent
START_TIMEOUT_S = 120.0


@dataclass
class RunningCluster:
    """A cluster with its address; `nodes` are those that work, beside the head (Ray) or scheduler (Dask)."""

    folder: Path
    env: Mapping[str, str]
    address: str
    new_node: tuple[str, ...]
    head: subprocess.Popen[bytes]
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_node(
        self, within: Sequence[str] = (), env: Mapping[str, str] = MappingProxyType({}), gpus: int = 0
    ) -> None:
        """Start a node that joins.

        within: a command that runs it; env: what it has beside the others' environment; gpus: where others have none.
        """
        program, *words = (*self.new_node, *declared(self.new_node[0], gpus))
        command = (*within, str(BIN / program)) if within else (program,)
        self.nodes.append(started(self.folder, {**self.env, **env}, *command, *words))

    def kill_node(self, number: int) -> None:
        """All processes of a node at once, as when its machine dies."""
        kill_tree(self.nodes.pop(number).pid)

    def workers(self) -> list[psutil.Process]:
        """The processes on nodes and head that are at work on a step."""
        trees = [child for node in (self.head, *self.nodes) for child in below(node.pid)]
        return [process for process in trees if _does_steps(process)]


def declared(program: str, gpus: int) -> tuple[str, ...]:
    """Words that declare GPUs to the program that starts a node."""
    words = {"dask": ("--resources", f"gpus={gpus}"), "ray": ("--num-gpus", str(gpus))}
    return words[program] if gpus else ()


@contextmanager
def dask_cluster(
    folder: Path, env: Mapping[str, str], nodes: int = 1, cpus: int = 2, gpus: int = 0
) -> Iterator[RunningCluster]:
    """A scheduler and workers below nannies; `gpus`: declared only, they stand for real ones."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    node = ("dask", "worker", address, "--nthreads", str(cpus + gpus), "--no-dashboard", "--local-directory",
            str(folder), *declared("dask", gpus))  # fmt: skip
    head = ("dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show")
    with _cluster(folder, env, address, head, node) as cluster:
        for _ in range(nodes):
            cluster.add_node()
        await_that(lambda: count_of_workers(address) >= nodes)
        yield cluster


@contextmanager
def ray_cluster(
    folder: Path, env: Mapping[str, str], nodes: int = 0, cpus: int = 2, gpus: int = 0
) -> Iterator[RunningCluster]:
    """A head node that listens for drivers and has processors too, and further nodes that join it.

    gpus: declared only, they stand for real ones.
    """
    gcs, port = str(free_port()), str(free_port())
    short = tempfile.mkdtemp(prefix="cinelake-ray-", dir="/tmp")
    memory = ("--object-store-memory", "100000000", "--num-cpus", str(cpus), "--node-ip-address", "127.0.0.1",
              *declared("ray", gpus))  # fmt: skip
    head = ("ray", "start", "--head", "--block", "--port", gcs, "--ray-client-server-port", port, *memory,
            "--include-dashboard", "false", "--temp-dir", short)  # fmt: skip
    node = ("ray", "start", "--block", "--address", f"127.0.0.1:{gcs}", *memory)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, short, ignore_errors=True)
        given = {**env, "RAY_USAGE_STATS_ENABLED": "0"}
        cluster = stack.enter_context(_cluster(folder, given, f"ray://127.0.0.1:{port}", head, node))
        await_that(lambda: _answers(cluster.address))
        for _ in range(nodes):
            cluster.add_node()
        yield cluster


CLUSTERS = {"dask": dask_cluster, "ray": ray_cluster}


@contextmanager
def _cluster(
    folder: Path, env: Mapping[str, str], address: str, head: tuple[str, ...], node: tuple[str, ...]
) -> Iterator[RunningCluster]:
    cluster = RunningCluster(folder, env, address, node, started(folder, env, *head))
    try:
        yield cluster
    finally:
        for process in (*cluster.nodes, cluster.head):
            end_tree(process)


def started(folder: Path, env: Mapping[str, str], command: str, *words: str) -> subprocess.Popen[bytes]:
    """A program of this environment, or one by its path, in a group of its own, its words in a log in `folder`."""
    with (folder / f"{Path(command).name} {time.monotonic_ns()}.log").open("wb") as log:
        return start_child(
            [str(BIN / command), *words],
            cwd=folder,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def below(pid: int) -> list[psutil.Process]:
    """All processes below one; none when it is gone."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill_tree(pid: int) -> None:
    """SIGKILL for a process and all below it."""
    processes = below(pid)
    for process in [*([psutil.Process(pid)] if psutil.pid_exists(pid) else []), *processes]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=10)


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """Ask a program to end, and kill what is left of it."""
    children = below(process.pid)
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            kill_tree(process.pid)
            process.wait()
    for child in children:
        if child.is_running():
            kill_tree(child.pid)


def await_that(is_so: Callable[[], bool], within_s: float = START_TIMEOUT_S) -> None:
    """Wait until something is so. Raises `TimeoutError`."""
    deadline = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"did not happen within {within_s:.0f} s")
        time.sleep(0.05)


def count_of_workers(address: str) -> int:
    """How many workers a Dask scheduler has."""
    from distributed import Client

    try:
        with Client(address, timeout=30, set_as_default=False) as client:
            return len(client.scheduler_info()["workers"])
    except OSError:
        return 0


def _answers(address: str) -> bool:
    try:
        check_answers("Ray", address, 0)
    except EngineUnavailable:
        return False
    return True


def _does_steps(process: psutil.Process) -> bool:
    """Whether it is a step's own process: below a cluster's worker, forked or spawned by our pool."""
    try:
        return "spawn_main" in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
