"""`cinelake up`: Prefect, MLflow and a worker for deployments kept running on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from cinelake.engines.process_tree import await_end, process_tree
from cinelake.errors import EngineUnavailable, UsageError
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.manifest.sections import TrackingSettings
from cinelake.storage.processes import import_path, module_command, start_child
from cinelake.tracking.experiments import artifact_folder
from cinelake.tracking.own_server import PASSWORD as PASSWORD_VARIABLE
from cinelake.tracking.own_server import USER as USER_VARIABLE
from cli.options import HERE, ManifestOption, example
from cli.screen import err, out, table
from flows.deployments import Item
from flows.server import (
    QUIET,
    PrefectServer,
    answers,
    kept_server,
    refuse_second_up,
    start_prefect,
    worker_command,
    worker_environment,
)
from flows.server_record import MLFLOW_PASSWORD, PASSWORD, UP, password_of, private_folder, record_of, state_folder

app = typer.Typer(add_completion=False)


IDLE_ENDS_WITHIN_S, RUNS_END_WITHIN_S = 5.0, 15.0
TRAINING_VIEW = "#/experiments?workflowType=machine_learning"
"""The page of MLflow that opens with what belongs to trainings; its first page is one of language models."""


@app.command(epilog=example("cinelake up", "cinelake up --prefect-port 4200 --mlflow-port 5000"))
def up(
    manifest: ManifestOption = HERE,
    prefect_port: Annotated[int, typer.Option(help="Port of Prefect's UI on loopback.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Port of MLflow's UI on loopback.")] = 5000,
) -> None:
    """Keep Prefect, MLflow and a worker for deployments running, until Ctrl-C."""
    loaded = load_manifest(manifest)
    folder = private_folder(state_folder(loaded.folder))
    refuse_second_up(folder)
    for port in (prefect_port, mlflow_port):
        _check_free(port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # its terminal closes; `nohup` keeps it running
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    prefect = start_prefect(folder, prefect_port, services=True)
    note, ours = folder / UP, record_of(os.getpid(), prefect.url)
    mlflow: subprocess.Popen[bytes] | None = None
    worker: subprocess.Popen[bytes] | None = None
    try:
        ours.write(note, prefect=prefect.url)  # before it answers: a run that begins now waits, and starts no second
        mlflow = _start_mlflow(folder, loaded.tracking, mlflow_port)
        with err.status("starting Prefect and MLflow"):
            prefect.wait()
            _wait(mlflow, f"http://127.0.0.1:{mlflow_port}/health", folder / "mlflow.log")
        ours.write(note, prefect=prefect.url, mlflow=f"http://127.0.0.1:{mlflow_port}")
        worker = _start_worker(folder, prefect, loaded.deploy.work_pool)
        _say_what_it_does(loaded, folder, prefect_port, mlflow_port)
        while prefect.own and prefect.own.poll() is None and mlflow.poll() is None and worker.poll() is None:
            time.sleep(0.5)
        raise EngineUnavailable(f"a server or the worker ended by itself: see the logs in {folder}")
    except KeyboardInterrupt:
        pass  # Ctrl-C is how it ends
    finally:
        prefect.begin_to_end()  # before the record goes: a run that begins now waits for its own server
        note.unlink(missing_ok=True)
        for process, ends_within_s in ((worker, IDLE_ENDS_WITHIN_S), (mlflow, RUNS_END_WITHIN_S)):
            _end(process, ends_within_s)
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
    command = module_command("cinelake.tracking.own_server", "--port", str(port), "--artifacts", str(artifacts))
    user, _, word = password_of(folder, MLFLOW_PASSWORD).partition(":")
    # Everybody on the machine sees commands, nobody environments; the database's address may hold a password too
    secret = {USER_VARIABLE: user, PASSWORD_VARIABLE: word, "MLFLOW_BACKEND_STORE_URI": tracking.uri}
    with (folder / "mlflow.log").open("wb") as log:
        return start_child(
            command,
            env={**os.environ, **QUIET, **secret, **import_path()},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise EngineUnavailable(f"MLflow did not start: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.2)


def _start_worker(folder: Path, server: PrefectServer, pool: str) -> subprocess.Popen[bytes]:
    with (folder / "worker.log").open("wb") as log:
        return start_child(
            worker_command(pool),
            env=worker_environment(server),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _end(process: subprocess.Popen[bytes] | None, within_s: float) -> None:
    """End a process and what it started; a worker passes the signal on to its runs, which have time to stop.

    within_s: how long a process without any has; a worker that has some does not end before them.
    """
    if process is None or process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(within_s)
        return
    await_end(process_tree([process.pid])[1:], RUNS_END_WITHIN_S)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _say_what_it_does(manifest: Manifest, folder: Path, prefect_port: int, mlflow_port: int) -> None:
    """Print what serves where and keeps which log, what is deployed, and how to end it."""
    serves = [
        ("Prefect", f"http://127.0.0.1:{prefect_port}", "runs, their films and logs, schedules", "prefect/server.log"),
        (
            "MLflow",
            f"http://127.0.0.1:{mlflow_port}/{TRAINING_VIEW}",
            "experiments, models",
            "mlflow.log",
        ),
        ("worker", f"pool {manifest.deploy.work_pool}", "runs what is deployed, when it is due", "worker.log"),
    ]
    table(["", "where", "what for", "log"], [(*words, folder / log) for *words, log in serves])
    out.print("commands with this manifest use both servers while they run: `cinelake run`, `train`, `tune`")
    for server, name in (("Prefect", PASSWORD), ("MLflow", MLFLOW_PASSWORD)):
        what = "a password: the line" if server == "Prefect" else "a user and a password: before and after `:`"
        words = f"{server} asks for {what} in {folder / name}, which only you can read"
        out.print(words, markup=False, soft_wrap=True)
    for line in _deployments(manifest, folder):
        out.print(line, markup=False)
    out.print("Ctrl-C ends all three; what is deployed stays, and runs when `cinelake up` is started again")


def _deployments(manifest: Manifest, folder: Path) -> list[str]:
    """Lines on what of the manifest is deployed on the server, and what is not, or not as the manifest has it."""
    try:
        with kept_server(folder):
            from flows.deploy import deploy

            differences = [each for each in deploy(manifest, dry_run=True) if each.item.kind == "deployment"]
    except EngineUnavailable as error:
        return [f"what is deployed is not known: {error}"]
    deployed = [_when(each.item) for each in differences if each.change == "unchanged"]
    missing = [each.item.name for each in differences if each.change in ("new", "changed")]
    old = [each.item.name for each in differences if each.change == "unwanted"]
    lines = [f"deployed: {'; '.join(deployed)}"] if deployed else []
    lines += (
        [f"not deployed, or not as the manifest has it: {', '.join(missing)} (`cinelake deploy`)"] if missing else []
    )
    lines += [f"deployed and no longer in the manifest: {', '.join(old)} (`cinelake deploy --prune`)"] if old else []
    return lines or ["nothing is deployed, and the manifest has no `schedules` and no `triggers`"]


def _when(item: Item) -> str:
    cron, event = item.settings["cron"], item.settings["starts on"]
    return f"{item.name} ({f'cron {cron}' if cron else f'on {event}'})"
