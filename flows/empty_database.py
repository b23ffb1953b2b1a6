"""The database of a new Prefect server: its tables written at once, as Prefect's hundred migrations take seconds.

`prefect_schema.sql` beside this file has what they make, for the version that its first line names; a test compares the
two. Another version's database is made by its own migrations. After an upgrade of Prefect:

    python -m flows.empty_database > schema.sql && mv schema.sql flows/prefect_schema.sql
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

SCHEMA = Path(__file__).with_name("prefect_schema.sql")


def lay_out_database(file: Path) -> None:
    """Make a server's SQLite file with all tables and no rows, unless it is there."""
    if file.exists():
        return
    schema = SCHEMA.read_text()
    if schema.startswith(_headline()):
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        with closing(sqlite3.connect(draft)) as database:
            database.executescript(schema)
        draft.replace(file)
        return
    _migrate()


def schema_by_migrations() -> str:
    """What the migrations of the installed version make, as SQL."""
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prefect.db"
        with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{file}"}):
            _migrate()
        with closing(sqlite3.connect(file)) as database:
            return _headline() + "\n".join(line.rstrip() for line in "\n".join(database.iterdump()).splitlines()) + "\n"


def _headline() -> str:
    return f"-- Prefect {version('prefect')}: made by `python -m flows.empty_database`\n"


def _migrate() -> None:
    from prefect.server.database import provide_database_interface

    asyncio.run(provide_database_interface().create_db())


if __name__ == "__main__":
    sys.stdout.write(schema_by_migrations())
