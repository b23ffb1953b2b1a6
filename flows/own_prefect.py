"""The process of a Prefect server: Prefect's own application, behind a check of the name that it is called by.

    python -m flows.own_prefect server [--socket DESCRIPTOR] [--home FOLDER --keep-s SECONDS]
    python -m flows.own_prefect database     # `make` does so once it has installed Prefect

Prefect asks for a password and a token of its pages (`PREFECT_SERVER_API_AUTH_STRING` and more, which are read from the
environment alone), but serves any `Host`: a page of a foreign name that is made to point at loopback would be served
too. `CINELAKE_PREFECT_HOSTS` has the names that are served, by default loopback's. Without a socket that the process
inherits, it listens at `PREFECT_SERVER_API_HOST` and `PREFECT_SERVER_API_PORT`.

With a folder it belongs to no process: it writes there where it is found, and ends once it was not used for so long, or
once that folder is gone.

The database of a new server is copied where this machine has laid one out before (`database` does), as that takes
seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cinelake.errors import UsageError
from cinelake.storage.files import alone, copy_database, unfinished_file, written_whole
from cinelake.storage.processes import cache_folder
from flows.server_record import RECORD, is_unused, read_record, record_of

HOSTS = "127.0.0.1,localhost"
LOOK_EVERY_S = 1.0
FINISH_REQUESTS_S = 3
OTHERS_WRITE = 0o022


class LastAsked:
    """Prefect's application, and when it was last asked for something: somebody may look at its pages."""

    def __init__(self, app: Any):
        self._app = app
        self.at_s = time.monotonic()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on."""
        self.at_s = time.monotonic()
        await self._app(scope, receive, send)


def serve(listening: socket.socket | None, home: Path | None, keep_s: float) -> None:
    """Serve until the process is told to end, or with a folder until nobody used it for `keep_s`."""
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    hosts = os.environ.get("CINELAKE_PREFECT_HOSTS", HOSTS).split(",")
    current = get_current_settings()
    settings = current.server
    file = current.home / "prefect.db"
    if settings.database.connection_url and settings.database.connection_url.get_secret_value().endswith(f"//{file}"):
        lay_out_database(file)
    app = LastAsked(TrustedHostMiddleware(create_app(final=True), allowed_hosts=hosts, www_redirect=False))
    config = uvicorn.Config(
        app,
        host=settings.api.host,
        port=settings.api.port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        timeout_graceful_shutdown=FINISH_REQUESTS_S,
        log_level=settings.logging_level.lower(),
    )
    server = uvicorn.Server(config)
    if home:
        watch = threading.Thread(target=_end_when_unused, args=(server, app, home, keep_s), daemon=True)
        watch.start()
    server.run(sockets=[listening] if listening else None)


def _end_when_unused(server: Any, app: LastAsked, home: Path, keep_s: float) -> None:
    used_s, is_given_up = time.monotonic(), False
    while home.is_dir() and not is_given_up:  # one that was removed: nobody finds the server any more
        time.sleep(LOOK_EVERY_S)
        with suppress(OSError):  # removed meanwhile; of a disk or a process at its limits it is asked again
            if not is_unused(home):
                used_s = time.monotonic()
            elif time.monotonic() - max(used_s, app.at_s) > keep_s:
                is_given_up = _is_given_up(home)
    server.should_exit = True
    time.sleep(2 * FINISH_REQUESTS_S)
    os._exit(0)  # a request or a service that does not end


def _is_given_up(home: Path) -> bool:
    """Whether no run has found the server in the meantime; from here on none will."""
    try:
        with alone(home, busy="a run looks for a server"):
            if not is_unused(home):
                return False
            record = read_record(home / RECORD)
            if record and record.pid == os.getpid():
                (home / RECORD).unlink(missing_ok=True)
            return True
    except UsageError:
        return False


def lay_out_database(file: Path) -> None:
    """Make a server's SQLite file with all tables and no rows, whole or not at all, unless it is there.

    Prefect's hundred migrations need four seconds of processor time. What they make is kept in the cache folder, by
    Prefect's version; a file there that others have made or can change is not used.
    """
    if file.exists():
        return
    known = _known_file()
    if _is_our_own(known):
        with written_whole(file) as unfinished:
            shutil.copyfile(known, unfinished)
        return
    with unfinished_file(file) as draft:
        _make_tables(draft)
        copy_database(draft, file)
    with suppress(OSError, sqlite3.Error):  # a cache that cannot be written costs the next server those seconds
        _keep(file, known)


def keep_empty_database() -> None:
    """Have the cache folder hold a database to copy from, unless it does; says where that fails."""
    try:
        if _is_our_own(_known_file()):
            return
        _known_file().parent.mkdir(parents=True, exist_ok=True)  # where that cannot be, nothing need be laid out
        with tempfile.TemporaryDirectory() as folder:
            _make_tables(Path(folder) / "prefect.db")
            _keep(Path(folder) / "prefect.db", _known_file())
    except Exception as error:  # noqa: BLE001 - of whichever library: the installation is whole without it
        print(f"The first run will lay out Prefect's database itself, in some seconds: {error}", file=sys.stderr)


def _make_tables(file: Path) -> None:
    """Run Prefect's migrations on a file, whatever its settings say of where its database is."""
    from prefect.server.database import provide_database_interface
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings

    with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{file}"}):
        asyncio.run(provide_database_interface().create_db())


def _known_file() -> Path:
    return cache_folder() / f"prefect-{version('prefect')}.db"


def _is_our_own(known: Path) -> bool:
    try:
        found = known.stat()
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not found.st_mode & OTHERS_WRITE


def _keep(file: Path, known: Path) -> None:
    known.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(known) as unfinished:
        copy_database(file, unfinished)
        unfinished.chmod(0o600)


def main(words: Sequence[str] | None = None) -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m flows.own_prefect")
    parser.add_argument("what", choices=["server", "database"], help="what is started, as `ps` shows it, or laid out")
    parser.add_argument("--socket", type=int, help="a listening socket that this process inherits")
    parser.add_argument("--home", type=Path, help="where it is found, for a server that belongs to no process")
    parser.add_argument("--keep-s", type=float, default=0.0, help="how long it stays after its last use")
    chosen = parser.parse_args(words)
    if chosen.what == "database":
        keep_empty_database()
        return
    listening = None if chosen.socket is None else socket.socket(fileno=chosen.socket)
    if listening and chosen.home:
        record_of(os.getpid(), f"http://127.0.0.1:{listening.getsockname()[1]}/api").write(chosen.home / RECORD)
    serve(listening, chosen.home, chosen.keep_s)


if __name__ == "__main__":
    main()
