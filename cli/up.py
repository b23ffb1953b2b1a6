"""`cinelake up`: Prefect, MLflow and a worker for deployments kept running on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from cinelake.errors import EngineUnavailable, UsageError
from cinelake.manifest.document import load_manifest
from cinelake.manifest.sections import TrackingSettings
from cinelake.tracking.experiments import artifact_folder
from cli.options import HERE, ManifestOption, example
from cli.screen import err, out
from flows.server import (
    QUIET,
    answers,
    die_with_parent,
    start_prefect,
    state_folder,
    worker_command,
    worker_environment,
)

app = typer.Typer(add_completion=False)


@app.command(epilog=example("cinelake up", "cinelake up --prefect-port 4200 --mlflow-port 5000"))
def up(
    manifest: ManifestOption = HERE,
    prefect_port: Annotated[int, typer.Option(help="Port of Prefect's UI on loopback.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Port of MLflow's UI on loopback.")] = 5000,
) -> None:
    """Keep Prefect, MLflow and a worker for deployments running, until Ctrl-C."""
    loaded = load_manifest(manifest)
    folder = state_folder(loaded.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for port in (prefect_port, mlflow_port):
        _check_free(port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    prefect = start_prefect(folder, prefect_port, services=True)
    mlflow = _start_mlflow(folder, loaded.tracking, mlflow_port)
    note = folder / "up.json"
    worker: subprocess.Popen[bytes] | None = None
    try:
        with err.status("starting Prefect and MLflow"):
            prefect.wait()
            _wait(mlflow, f"http://127.0.0.1:{mlflow_port}/health", folder / "mlflow.log")
        note.write_text(json.dumps({"prefect": prefect.url, "mlflow": f"http://127.0.0.1:{mlflow_port}"}))
        worker = _start_worker(folder, prefect.url, loaded.deploy.work_pool)
        out.print(f"Prefect  http://127.0.0.1:{prefect_port}\nMLflow   http://127.0.0.1:{mlflow_port}")
        out.print("         (its switch `Model training`, at the upper left, shows runs and models)", markup=False)
        out.print(f"runs of this manifest use them, a worker runs what `cinelake deploy` deploys to pool "
                  f"{loaded.deploy.work_pool}; Ctrl-C ends all three", markup=False)  # fmt: skip
        while prefect.own and prefect.own.poll() is None and mlflow.poll() is None and worker.poll() is None:
            time.sleep(0.5)
        raise EngineUnavailable(f"a server or the worker ended by itself: see the logs in {folder}")
    except KeyboardInterrupt:
        pass  # Ctrl-C is how it ends
    finally:
        note.unlink(missing_ok=True)
        for process in (worker, mlflow):
            _end(process)
        prefect.stop()


def _check_free(port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(f"port {port} is taken: name another with --prefect-port or --mlflow-port") from error


def _start_mlflow(folder: Path, tracking: TrackingSettings, port: int) -> subprocess.Popen[bytes]:
    artifacts = artifact_folder(tracking) or folder / "mlruns"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
               "--default-artifact-root", str(artifacts)]  # fmt: skip
    # The database may hold a password: everybody on the machine sees commands, nobody environments
    env = {**os.environ, **QUIET, "MLFLOW_BACKEND_STORE_URI": tracking.uri}
    with (folder / "mlflow.log").open("wb") as log:
        return subprocess.Popen(
            command, env=env, stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent
        )


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise EngineUnavailable(f"MLflow did not start: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.2)


def _start_worker(folder: Path, url: str, pool: str) -> subprocess.Popen[bytes]:
    with (folder / "worker.log").open("wb") as log:
        return subprocess.Popen(
            worker_command(pool),
            env=worker_environment(url),
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )


def _end(process: subprocess.Popen[bytes] | None) -> None:
    """End a process and what it started; a worker passes the signal on to its runs."""
    if process is None or process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
