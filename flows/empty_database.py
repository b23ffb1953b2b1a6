"""The database of a new Prefect server: copied where this machine has laid one out before, as that takes seconds.

python -m flows.empty_database     # lay one out to copy from; `make` does so when it has installed Prefect
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from cinelake.storage.atomic import copy_database, unfinished_file, written_whole
from cinelake.storage.processes import cache_folder

OTHERS_WRITE = 0o022


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
    """Have the cache folder hold a database to copy from, unless it does. Raises whatever goes wrong."""
    if _is_our_own(_known_file()):
        return
    _known_file().parent.mkdir(parents=True, exist_ok=True)  # where that cannot be, nothing need be laid out
    with tempfile.TemporaryDirectory() as folder:
        _make_tables(Path(folder) / "prefect.db")
        _keep(Path(folder) / "prefect.db", _known_file())


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


if __name__ == "__main__":
    try:
        keep_empty_database()
    except Exception as error:  # noqa: BLE001 - of whichever library: the installation is whole without it
        print(f"The first run will lay out Prefect's database itself, in some seconds: {error}", file=sys.stderr)
