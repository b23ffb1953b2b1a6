"""Prefect and MLflow as an operator runs them: each a process on loopback, with its tables in a PostgreSQL database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._clusters import end_tree
from cinelake.storage.processes import environment_variables, start_child
from flows.server import QUIET, PrefectServer, answers, free_port, start_prefect

NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""MLflow's own jobs (judging answers of language models) are seven processes beside a server."""
START_TIMEOUT_S = 120.0


@contextmanager
def prefect_on(database: str, folder: Path) -> Iterator[PrefectServer]:
    """A Prefect server with all its services on `postgresql+asyncpg://…`."""
    with environment_variables({"PREFECT_SERVER_DATABASE_CONNECTION_URL": database}):
        server = start_prefect(folder, free_port(), services=True)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@contextmanager
def mlflow_on(database: str, folder: Path) -> Iterator[str]:
    """An MLflow server on `postgresql://…` that keeps files in `folder/artifacts`; returns `HOST:PORT`."""
    folder.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{free_port()}"
    host, port = address.split(":")
    words = ["server", "--host", host, "--port", port, "--workers", "1", "--artifacts-destination", "artifacts"]
    with (folder / "mlflow.log").open("wb") as log:
        process = start_child(
            [sys.executable, "-m", "mlflow", *words],
            cwd=folder,
            env={**os.environ, **QUIET, **NO_JOBS, "MLFLOW_BACKEND_STORE_URI": database},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait(process, f"http://{address}/health", folder / "mlflow.log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        end_tree(process)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError(f"MLflow did not start: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.1)
