"""The database of a new Prefect server, laid out at once: Prefect's hundred migrations take seconds.

    python -m flows.empty_database > flows/empty_database.sql     # after another version of Prefect was pinned

What the migrations of one version lay out is kept as SQL. A server of another version makes its database by itself.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

LAYOUT = Path(__file__).with_suffix(".sql")


def lay_out_database(file: Path) -> None:
    """Make a server's SQLite file with all tables and no rows, unless it is there or Prefect is of another version."""
    if file.exists():
        return
    layout = LAYOUT.read_text(encoding="utf-8")
    if layout.partition("\n")[0] != _head():
        return
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with closing(sqlite3.connect(draft)) as database:
        database.executescript(layout)
    draft.replace(file)


def migrated_layout() -> str:
    """The SQL of a database that Prefect's migrations have made."""
    from prefect.server.database import provide_database_interface
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prefect.db"
        with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{file}"}):
            asyncio.run(provide_database_interface().create_db())
        with closing(sqlite3.connect(file)) as database:
            return "\n".join([_head(), *database.iterdump()])


def _head() -> str:
    return f"-- Prefect {version('prefect')}"


if __name__ == "__main__":
    print(migrated_layout())
