"""`up`: keeps Prefect and MLflow running on loopback, for their UIs and for faster starts of runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cinelake.errors import EngineUnavailable, UsageError
from cinelake.manifest import load_manifest
from cinelake.tracking.store import sqlite_file
from cli.screen import err, out
from flows.server import QUIET, PrefectServer, answers, start_prefect, state_folder


def keep_up(manifest: Path, prefect_port: int, mlflow_port: int) -> int:
    """Run both servers until Ctrl-C; gives the exit code."""
    loaded = load_manifest(manifest)
    folder = state_folder(loaded.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for port in (prefect_port, mlflow_port):
        _check_free(port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    prefect = start_prefect(folder, prefect_port, services=True)
    mlflow = _start_mlflow(folder, loaded.tracking.uri, mlflow_port)
    note = folder / "up.json"
    try:
        with err.status("starting Prefect and MLflow"):
            prefect.wait()
            _wait(mlflow, f"http://127.0.0.1:{mlflow_port}/health", folder / "mlflow.log")
        note.write_text(json.dumps({"prefect": prefect.url, "mlflow": f"http://127.0.0.1:{mlflow_port}"}))
        out.print(f"Prefect  http://127.0.0.1:{prefect_port}\nMLflow   http://127.0.0.1:{mlflow_port}")
        out.print("runs of this manifest use them; Ctrl-C ends both")
        while prefect.own and prefect.own.poll() is None and mlflow.poll() is None:
            time.sleep(0.5)
        raise EngineUnavailable(f"a server ended by itself: see the logs in {folder}")
    except KeyboardInterrupt:
        return 0
    finally:
        note.unlink(missing_ok=True)
        _end(prefect, mlflow)


def _check_free(port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(f"port {port} is taken: name another with --prefect-port or --mlflow-port") from error


def _start_mlflow(folder: Path, uri: str, port: int) -> subprocess.Popen[bytes]:
    path = sqlite_file(uri)
    artifacts = (path.parent if path else folder) / "mlruns"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
               "--backend-store-uri", uri, "--default-artifact-root", str(artifacts)]  # fmt: skip
    with (folder / "mlflow.log").open("wb") as log:
        return subprocess.Popen(command, env={**os.environ, **QUIET}, stdout=log, stderr=log, start_new_session=True)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise EngineUnavailable(f"MLflow did not start: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.2)


def _end(prefect: PrefectServer, mlflow: subprocess.Popen[bytes]) -> None:
    prefect.stop()
    if mlflow.poll() is None:
        os.killpg(mlflow.pid, signal.SIGTERM)
        try:
            mlflow.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(mlflow.pid, signal.SIGKILL)
