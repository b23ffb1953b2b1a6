"""A Prefect server on loopback for runs that have none configured, and the settings that keep Prefect quiet.

`PREFECT_API_URL` names a server of your own. Without it, the server that `cinelake up` keeps is used; without that, one
is started for this run alone, while the run already plans and probes, and ended with it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cinelake.errors import EngineUnavailable
from cinelake.storage.environment import environment_variables
from cinelake.storage.interrupts import interrupts_held
from cinelake.storage.locks import alone

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_LOGGERS_PREFECT_FLOW_RUNS_LEVEL": "INFO",
    "PREFECT_LOGGING_LOGGERS_PREFECT_TASK_RUNS_LEVEL": "INFO",
    "PREFECT_CLI_PROMPT": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
NOT_NEEDED = (
    "SCHEDULER",
    "LATE_RUNS",
    "FOREMAN",
    "CANCELLATION_CLEANUP",
    "PAUSE_EXPIRATIONS",
    "TRIGGERS",
    "REPOSSESSOR",
)
"""Services that the server of one run does not need; those that record its task runs stay."""
KEPT_LEASES = {
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
"""A restarted server still knows who holds which slot; with leases in memory, a slot would stay taken for ever."""
START_TIMEOUT_S = 120.0


def state_folder(manifest_folder: Path) -> Path:
    """Where the servers beside a manifest keep their state; nothing in it is needed to read the lake."""
    return manifest_folder / ".cinelake"


@dataclass
class PrefectServer:
    """The server that a run talks to; `own` when it was started for this run."""

    url: str
    own: subprocess.Popen[bytes] | None = None
    log: Path | None = None
    starting: ExitStack | None = None
    """Holds the lock of its folder while its database is being made, which two servers cannot do at once."""

    def wait(self) -> None:
        """Wait until it answers. Raises `EngineUnavailable` with the end of its log."""
        limit_s = START_TIMEOUT_S if self.own else 10.0
        deadline = time.monotonic() + limit_s
        while not answers(f"{self.url}/health"):
            if self.own and self.own.poll() is not None:
                raise EngineUnavailable(f"the Prefect server ended with {self.own.returncode}: {self._log_tail()}")
            if time.monotonic() > deadline:
                raise EngineUnavailable(
                    f"no Prefect server answers at {self.url} after {limit_s:.0f} s. Check PREFECT_API_URL, start one "
                    f"with `cinelake up`, or unset it to let a run bring its own. {self._log_tail()}"
                )
            time.sleep(0.1)
        self._started()

    def _started(self) -> None:
        if self.starting is not None:
            self.starting.close()
            self.starting = None

    def _log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-500:] if self.log and self.log.exists() else ""

    def stop(self) -> None:
        """End the server, if it is ours."""
        self._started()
        if self.own and self.own.poll() is None:
            os.killpg(self.own.pid, signal.SIGTERM)
            try:
                self.own.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.own.pid, signal.SIGKILL)
                self.own.wait()


@contextmanager
def prefect_server(folder: Path) -> Iterator[PrefectServer]:
    """The configured server, the one of `cinelake up`, or one of our own: starting when this yields, so `wait` for it.

    Sets `PREFECT_API_URL` and what keeps Prefect quiet; so Prefect is imported after this.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    server = configured_server(folder) or start_prefect(folder, free_port())
    os.environ["PREFECT_API_URL"] = server.url
    try:
        yield server
    finally:
        if server.own:
            del os.environ["PREFECT_API_URL"]
        server.stop()


def configured_server(folder: Path) -> PrefectServer | None:
    """The server that `PREFECT_API_URL` names, answering or not, or the one of a running `cinelake up`."""
    if os.environ.get("PREFECT_API_URL"):
        return PrefectServer(os.environ["PREFECT_API_URL"].rstrip("/"))
    kept = read_up(folder).get("prefect")
    return PrefectServer(kept) if kept and answers(f"{kept}/health") else None


@contextmanager
def kept_server(folder: Path) -> Iterator[str]:
    """The address of a server that outlives this process, for what is deployed on it; Prefect is imported within.

    Raises `EngineUnavailable` where there is none or it does not answer.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    server = configured_server(folder)
    if server is None:
        raise EngineUnavailable(
            f"no Prefect server: PREFECT_API_URL is not set, and no `cinelake up` runs in {folder.parent}. Start it, "
            "or name a server of your own"
        )
    server.wait()
    with environment_variables({"PREFECT_API_URL": server.url}):
        yield server.url


def start_prefect(folder: Path, port: int, *, services: bool = False) -> PrefectServer:
    """Start a server process on loopback; its database and log are below `folder`.

    Where another run's server is starting, this waits until that one answers.
    """
    home = folder / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}/api"
    off = () if services else NOT_NEEDED
    switched_off = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in off}
    log = home / "server.log"
    own = {**switched_off, "PREFECT_HOME": str(home), "PREFECT_API_URL": url}
    with ExitStack() as starting:
        starting.enter_context(alone(home))
        with log.open("wb") as output, interrupts_held():
            process = subprocess.Popen(
                command,
                env={**KEPT_LEASES, **os.environ, **QUIET, **own},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        return PrefectServer(url, process, log, starting.pop_all())


def die_with_parent(by: signal.Signals = signal.SIGTERM) -> None:
    """For `preexec_fn`: the process receives this signal when its parent has ended, however that ended."""
    ctypes.CDLL(None).prctl(1, by)


def read_up(folder: Path) -> dict[str, str]:
    """The addresses that a running `cinelake up` has recorded; empty without one."""
    try:
        return dict(json.loads((folder / "up.json").read_text()))
    except (OSError, ValueError):
        return {}


def answers(url: str) -> bool:
    """Whether an HTTP server on this address answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def worker_command(pool: str) -> list[str]:
    """The command of a worker that runs the deployments of a work pool, each in a process of its own."""
    return [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]


def worker_environment(url: str) -> dict[str, str]:
    """A worker's environment variables; unlike a command, a deployed run writes its log into Prefect's UI."""
    return {**os.environ, **QUIET, "PREFECT_API_URL": url, "PREFECT_LOGGING_LEVEL": "INFO"}
