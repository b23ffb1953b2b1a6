"""Clusters as an operator runs them: plain processes on loopback, which know nothing of a checkout's folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from end_to_end._command import environment
from engines._waiting import await_that

from cinelake.errors import EngineUnavailable
from flows.server import free_port

BIN = Path(sys.executable).parent
PROCESSORS = "2"


@contextmanager
def dask_cluster(folder: Path, env: dict[str, str]) -> Iterator[str]:
    """A scheduler and one worker; gives the address."""
    address = f"tcp://127.0.0.1:{free_port()}"
    port = address.rpartition(":")[2]
    with ExitStack() as stack:
        start = stack.enter_context(_processes(folder, env))
        start("dask", "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", "--no-show")
        start("dask", "worker", address, "--nthreads", PROCESSORS, "--no-dashboard", "--local-directory", str(folder))
        await_that(lambda: _has_workers(address))
        yield address


def _has_workers(address: str) -> bool:
    from distributed import Client

    try:
        with Client(address, timeout=30, set_as_default=False) as client:
            return bool(client.scheduler_info()["workers"])
    except OSError:
        return False


@contextmanager
def ray_cluster(folder: Path, env: dict[str, str]) -> Iterator[str]:
    """A head node with two processors that listens for drivers; gives the address."""
    from cinelake.engines.cluster import check_answers

    short = tempfile.mkdtemp(prefix="cinelake-ray-", dir="/tmp")
    gcs, port = str(free_port()), str(free_port())
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, short, ignore_errors=True)
        start = stack.enter_context(_processes(folder, {**env, "RAY_USAGE_STATS_ENABLED": "0"}))
        start("ray", "start", "--head", "--block", "--port", gcs, "--ray-client-server-port", port, "--num-cpus",
              PROCESSORS, "--include-dashboard", "false", "--temp-dir", short, "--node-ip-address", "127.0.0.1",
              "--object-store-memory", "100000000")  # fmt: skip
        address = f"ray://127.0.0.1:{port}"
        await_that(lambda: _answers(lambda: check_answers("Ray", address, 0)))
        yield address


def _answers(check: Callable[[], None]) -> bool:
    try:
        check()
    except EngineUnavailable:
        return False
    return True


@contextmanager
def _processes(folder: Path, env: dict[str, str]) -> Iterator[Callable[..., None]]:
    """Starts commands, each in a group of its own, and ends them all."""
    started: list[subprocess.Popen[bytes]] = []

    def start(command: str, *words: str) -> None:
        log = (folder / f"{command} {len(started)}.log").open("wb")
        given = {**environment(), **env}
        with log:
            process = subprocess.Popen(
                [str(BIN / command), *words], cwd=folder, env=given, stdout=log, stderr=log, start_new_session=True
            )
        started.append(process)

    try:
        yield start
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in reversed(started):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


CLUSTERS = {"dask": dask_cluster, "ray": ray_cluster}
