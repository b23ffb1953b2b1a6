"""A PostgreSQL server on loopback, from Debian's package `postgresql`: made in a folder of its own, gone at the end.

It refuses to run as root, so root runs it as the package's user. A password is required of everybody, as elsewhere, so
that what is shown or kept of it can be looked for. Nothing is flushed to disk (`fsync=off`): these data are nobody's.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from cinelake.storage.processes import start_child
from flows.server import free_port

PACKAGE_USER = "postgres"
OWNER = "cinelake"
START_TIMEOUT_S = 60.0
CONNECTIONS = 200
"""A Prefect server, an MLflow server and the runs of a test each keep a handful."""


@dataclass(frozen=True)
class Postgres:
    """A running server. Passwords have characters that addresses must write otherwise, as real ones do."""

    port: int
    log: Path
    password: str = field(repr=False)

    def url(self, database: str = "postgres", driver: str = "") -> str:
        """The address of a database, as SQLAlchemy takes it: with `driver`, `postgresql+DRIVER://…`."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{OWNER}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{database}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be seen nowhere: the password, as it is and as addresses write it."""
        return self.password, self.url().split(":")[2].split("@")[0]

    def make(self, database: str) -> Postgres:
        """Make a database, still empty."""
        self.ask(f'CREATE DATABASE "{database}"')
        return self

    def ask(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """The rows that a statement returns; empty for statements without rows."""
        import psycopg2

        with closing(psycopg2.connect(self.url(database))) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


def programs() -> Path | None:
    """The folder of the server's programs, of the newest version that is installed; Debian keeps them off the path."""
    binary = shutil.which("postgres")
    folders = [Path(binary).resolve().parent] if binary else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def why_not() -> str:
    """Why there can be no server here; empty where there can."""
    if programs() is None:
        return "PostgreSQL is not installed here (Debian's package is called postgresql)"
    if os.geteuid() == 0 and not _has_package_user():
        return f"PostgreSQL refuses to run as root, and there is no user {PACKAGE_USER}"
    return ""


def _has_package_user() -> bool:
    return any(known.pw_name == PACKAGE_USER for known in pwd.getpwall())


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A fresh server that answers; raises `FileNotFoundError` with `why_not`."""
    if why := why_not():
        raise FileNotFoundError(why)
    folder = Path(tempfile.mkdtemp(prefix="cinelake-postgres-", dir="/tmp"))  # paths of its sockets must stay short
    server = Postgres(free_port(), folder / "server.log", f"{secrets.token_hex(8)}@/ {secrets.token_hex(4)}")
    try:
        _make(folder, server.password)
        with _running(folder, server):
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str | None:
    return PACKAGE_USER if os.geteuid() == 0 else None


def _make(folder: Path, password: str) -> None:
    """The server's files, with one user who has a password."""
    kept = folder / "password"
    kept.write_text(password)
    if user := _user():
        for path in (folder, kept):
            shutil.chown(path, user)
    options = ["--username", OWNER, "--pwfile", kept, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync"]
    command = [str(programs() / "initdb"), "--pgdata", str(folder / "data"), "--locale", "C.UTF-8", *map(str, options)]
    subprocess.run(command, user=_user(), cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=START_TIMEOUT_S)
    kept.unlink()


@contextmanager
def _running(folder: Path, server: Postgres) -> Iterator[None]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": server.port,
        "unix_socket_directories": folder,
        "fsync": "off",
        "max_connections": CONNECTIONS,
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with server.log.open("wb") as log:
        process = start_child(
            [str(programs() / "postgres"), "-D", str(folder / "data"), *options],
            user=_user(),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            by=signal.SIGINT,  # SIGTERM would wait for its clients
        )
    try:
        _wait(server, process)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(START_TIMEOUT_S)


def _wait(server: Postgres, process: subprocess.Popen[bytes]) -> None:
    import psycopg2

    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            server.ask("SELECT 1")
            return
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
