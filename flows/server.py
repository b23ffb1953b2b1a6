"""The Prefect server of a run: the one that is configured, that of `cinelake up`, or one of the project's own.

`PREFECT_API_URL` names a server of your own. Without it, the server that `cinelake up` keeps is used; without that, a
run starts one on loopback while it already plans and probes. That one stays for a while after the run, so that the next
one finds it; `server: {keep_s: 0}` in the manifest lets it end with the run, `cinelake down` ends it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cinelake.errors import EngineUnavailable, UsageError
from cinelake.storage.files import alone
from cinelake.storage.interrupts import interrupts_held
from cinelake.storage.processes import environment_variables, import_path, module_command, start_child
from flows.prefect_api import server_answers
from flows.server_record import (
    RECORD,
    UP,
    ServerRecord,
    in_use,
    is_unused,
    password_of,
    private_folder,
    read_record,
    server_version,
)

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
"""Services that the server of one project's runs does not need; those that record its task runs stay."""
NO_BLOCKS = {"PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false"}
"""Kinds of blocks are for notifications of deployments; to register them takes a second."""
KEPT_LEASES = {
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
"""A restarted server still knows who holds which slot; with leases in memory, a slot would stay taken for ever."""
START_TIMEOUT_S = 120.0
END_TIMEOUT_S = 5.0
UP_ENDS_WITHIN_S = 60.0
LOOPBACK = "127.0.0.1"


@dataclass
class PrefectServer:
    """The server that a run talks to; `own` when it was started for this run."""

    url: str
    password: str = field(default="", repr=False)
    """Empty for a configured server: Prefect's client takes `PREFECT_API_AUTH_STRING` from the environment."""
    own: subprocess.Popen[bytes] | None = None
    log: Path | None = None
    keep: bool = False
    """It stays when the run has ended, and ends by itself once nobody has used it for a while."""
    record: ServerRecord | None = None
    """Of a server that another run has started, and that stays for a while."""
    lock: ExitStack | None = None
    """Holds the lock of its folder while its database is being made, and while it ends, for two would write to that."""
    using: ExitStack = field(default_factory=ExitStack)
    """Says that it is used: it does not end by itself as long as this is open."""

    def environment(self) -> dict[str, str]:
        """What Prefect's client needs in its environment to talk to this server."""
        word = {"PREFECT_API_AUTH_STRING": self.password} if self.password else {}
        return {"PREFECT_API_URL": self.url, **word}

    def wait(self) -> None:
        """Wait until it answers. Raises `EngineUnavailable` with the end of its log."""
        limit_s = START_TIMEOUT_S if self.own or self.record else 10.0
        deadline = time.monotonic() + limit_s
        try:
            while not server_answers(self.url, self.password):
                if self.has_died():
                    ended = f" with {self.own.returncode}" if self.own else ""
                    raise EngineUnavailable(f"the Prefect server ended{ended}: {self._log_tail()}")
                if time.monotonic() > deadline:
                    raise EngineUnavailable(
                        f"no Prefect server answers at {self.url} after {limit_s:.0f} s. Check PREFECT_API_URL, start "
                        f"one with `cinelake up`, or unset it to let a run bring its own. {self._log_tail()}"
                    )
                time.sleep(0.1)
        except BaseException:
            self.keep = False
            raise
        self._let_others()

    def has_died(self) -> bool:
        """Whether it is known that its process has ended."""
        if self.own:
            return self.own.poll() is not None
        return self.record is not None and not self.record.lives()

    def begin_to_end(self) -> None:
        """Have runs that look for a server here wait until `stop` has ended this one, and start their own then."""
        if self.lock is None and self.log is not None:
            self.lock = ExitStack()
            self.lock.enter_context(alone(self.log.parent))

    def _let_others(self) -> None:
        if self.lock is not None:
            self.lock.close()
            self.lock = None

    def _log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-500:] if self.log and self.log.exists() else ""

    def stop(self) -> None:
        """End the server if it is ours and does not stay; one that stays is no longer used by us."""
        self.using.close()
        if self.own and not self.keep and self.own.poll() is None:
            os.killpg(self.own.pid, signal.SIGTERM)
            try:
                self.own.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.own.pid, signal.SIGKILL)
                self.own.wait()
        self._let_others()


@contextmanager
def prefect_server(folder: Path, keep_s: float = 0.0) -> Iterator[PrefectServer]:
    """The configured server, the one of `cinelake up`, or the project's own: perhaps starting, so `wait` for it.

    Sets `PREFECT_API_URL` and what keeps Prefect quiet; so Prefect is imported after this. keep_s: how long a server of
    the project's own stays after its last use.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    server = configured_server(folder) or project_server(folder, keep_s)
    try:
        with environment_variables(server.environment()):
            yield server
    finally:
        server.stop()


def configured_server(folder: Path) -> PrefectServer | None:
    """The server that `PREFECT_API_URL` names, or the one of a running `cinelake up`, answering or not yet."""
    if os.environ.get("PREFECT_API_URL"):
        return PrefectServer(os.environ["PREFECT_API_URL"].rstrip("/"))
    up = read_record(folder / UP)
    return PrefectServer(up.url, password_of(folder), record=up, log=folder / "prefect" / "server.log") if up else None


@contextmanager
def kept_server(folder: Path) -> Iterator[PrefectServer]:
    """A server that outlives this process, for what is deployed on it; Prefect is imported within.

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
    with environment_variables(server.environment()):
        yield server


def project_server(folder: Path, keep_s: float) -> PrefectServer:
    """The server that an earlier run has left, or a new one, which stays for `keep_s` after its last use.

    Where another run's server, or that of `cinelake up`, is starting, this waits until that one answers. Raises
    `EngineUnavailable` where others still use one of another version.
    """
    home = _home(folder)
    with ExitStack() as starting:
        starting.enter_context(alone(home))
        if found := configured_server(folder):  # a `cinelake up` that was faster: two would write to one database
            return found
        record = read_record(home / RECORD)
        if record and record.version != server_version():
            _end_other_version(home, record)
        elif record and not keep_s:
            end_if_unused(home, record)
        elif record:
            found = PrefectServer(record.url, password_of(folder), record=record, log=home / "server.log")
            found.using.enter_context(in_use(home))
            return found
        return _started(folder, 0, starting.pop_all(), keep_s=keep_s)


def _end_other_version(home: Path, record: ServerRecord) -> None:
    """End the server of another version. Raises `EngineUnavailable` where runs still use it."""
    if not end_if_unused(home, record):
        raise EngineUnavailable(
            f"the Prefect server in {home} (process {record.pid}) is of version {record.version}, not "
            f"{server_version()}, and is used by a run that has not ended"
        )


def end_if_unused(home: Path, record: ServerRecord) -> bool:
    """End a server that stayed; False where a run uses it. Others are kept from using it by the lock of its folder."""
    if not is_unused(home):
        return False
    end_process(record)
    (home / RECORD).unlink(missing_ok=True)
    return True


def end_servers(folder: Path) -> tuple[list[str], str]:
    """End the server that stayed and the `cinelake up` of a project: what was ended, and what a run still uses.

    Raises `EngineUnavailable` where the project's servers are another user's.
    """
    ended, used = [], ""
    if folder.is_dir():
        private_folder(folder)
    if up := read_record(folder / UP):
        end_process(up, UP_ENDS_WITHIN_S)
        ended.append(f"`cinelake up` (process {up.pid}) with its servers and its worker")
    home = folder / "prefect"
    if home.is_dir() and read_record(home / RECORD):
        with alone(home):
            record = read_record(home / RECORD)
            if record and end_if_unused(home, record):
                ended.append(f"the Prefect server at {record.url} (process {record.pid})")
            elif record:
                used = f"a run uses the Prefect server at {record.url} (process {record.pid})"
    return ended, used


def end_process(record: ServerRecord, within_s: float = END_TIMEOUT_S) -> None:
    """Tell a process to end, and kill it where it does not; a later process of its id is left alone."""
    deadline = time.monotonic() + within_s
    for told in (signal.SIGTERM, signal.SIGKILL):
        if record.lives():
            os.kill(record.pid, told)
        while record.lives() and time.monotonic() < deadline:
            time.sleep(0.05)
        deadline += END_TIMEOUT_S


def refuse_second_up(folder: Path) -> None:
    """Raise `UsageError` where a `cinelake up` runs for this project."""
    if up := read_record(folder / UP):
        raise UsageError(
            f"`cinelake up` runs already for {folder.parent} (process {up.pid}, Prefect at "
            f"{up.url.removesuffix('/api')}): `cinelake down` ends it"
        )


def start_prefect(folder: Path, port: int = 0, *, services: bool = False) -> PrefectServer:
    """Start a server process on loopback that ends with this one; its database and log are below `folder`.

    Port 0 is any that is free. Where another run's server is starting, this waits until that one answers; the one that
    a run has left is ended, as two would write to one database. Raises `UsageError` where the port is taken, a run
    still uses that one, or a `cinelake up` has one.
    """
    home = _home(folder)
    with ExitStack() as starting:
        starting.enter_context(alone(home))
        refuse_second_up(folder)
        record = read_record(home / RECORD)
        if record and not end_if_unused(home, record):
            raise UsageError(
                f"a run uses the Prefect server at {record.url} (process {record.pid}), and two would write to one "
                "database: wait until that run has ended"
            )
        return _started(folder, port, starting.pop_all(), services=services)


def _home(folder: Path) -> Path:
    return private_folder(private_folder(folder) / "prefect")


def _started(
    folder: Path, port: int, starting: ExitStack, *, services: bool = False, keep_s: float = 0.0
) -> PrefectServer:
    home, log = _home(folder), _home(folder) / "server.log"
    stays = ["--home", str(home), "--keep-s", str(keep_s)] if keep_s else []
    with ExitStack() as on_error, listening(port) as found:
        on_error.push(starting)
        url = f"http://{LOOPBACK}:{found.getsockname()[1]}/api"
        command = module_command("flows.own_prefect", "server", "--socket", str(found.fileno()), *stays)
        with log.open("wb") as output, interrupts_held():
            process = (subprocess.Popen if keep_s else start_child)(
                command,
                env=_server_environment(home, url, password_of(folder), services=services),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[found.fileno()],
            )
        on_error.pop_all()
    server = PrefectServer(url, password_of(folder), process, log, keep=keep_s > 0, lock=starting)
    if keep_s:
        server.using.enter_context(in_use(home))
    return server


@contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A socket that listens on loopback, to be inherited: nobody else can take the port before the server has it.

    Raises `UsageError` where it is taken.
    """
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((LOOPBACK, port))
            found.listen(128)
        except OSError as error:
            raise UsageError(f"port {port} of {LOOPBACK} cannot be used ({error.strerror}): name another") from error
        yield found


def _server_environment(home: Path, url: str, password: str, *, services: bool) -> dict[str, str]:
    """The environment of a server. Passwords are in no command: everybody on the machine sees commands."""
    off = {} if services else {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in NOT_NEEDED} | NO_BLOCKS
    origin = url.removesuffix("/api")
    doors = {
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"{origin},{origin.replace(LOOPBACK, 'localhost')}",
        "PREFECT_UI_API_URL": url,
    }
    places = {"PREFECT_HOME": str(home), "PREFECT_API_URL": url, **import_path()}
    return {**KEPT_LEASES, **os.environ, **QUIET, **off, **doors, **places}


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
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def worker_command(pool: str) -> list[str]:
    """The command of a worker that runs the deployments of a work pool, each in a process of its own."""
    return module_command("prefect", "worker", "start", "--pool", pool, "--type", "process")


def worker_environment(server: PrefectServer) -> dict[str, str]:
    """A worker's environment variables; unlike a command, a deployed run writes its log into Prefect's UI.

    The processes of its runs, too, import nothing from the folder they start in.
    """
    imports = {**import_path(), "PYTHONSAFEPATH": "1"}
    return {**os.environ, **QUIET, **imports, **server.environment(), "PREFECT_LOGGING_LEVEL": "INFO"}
