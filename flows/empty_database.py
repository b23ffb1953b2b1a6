"""The database of a new Prefect server: copied where this machine has laid one out before, as that takes seconds."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

from cinelake.storage.environment import cache_folder

OTHERS_WRITE = 0o022


def lay_out_database(file: Path) -> None:
    """Make a server's SQLite file with all tables and no rows, unless it is there.

    Prefect's hundred migrations need four seconds of processor time. What they make is kept in the cache folder, by
    Prefect's version; a file there that others have made or can change is not used.
    """
    if file.exists():
        return
    known = cache_folder() / f"prefect-{version('prefect')}.db"
    if _is_our_own(known):
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        shutil.copyfile(known, draft)
        draft.replace(file)
        return
    from prefect.server.database import provide_database_interface

    asyncio.run(provide_database_interface().create_db())
    with suppress(OSError, sqlite3.Error):  # a cache that cannot be written costs the next server those seconds
        _keep(file, known)


def _is_our_own(known: Path) -> bool:
    try:
        found = known.stat()
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not found.st_mode & OTHERS_WRITE


def _keep(file: Path, known: Path) -> None:
    known.parent.mkdir(parents=True, exist_ok=True)
    draft = known.with_name(f".{known.name}.{os.getpid()}")
    with closing(sqlite3.connect(file)) as database:
        database.execute("VACUUM INTO ?", [str(draft)])
    draft.chmod(0o600)
    draft.replace(known)
