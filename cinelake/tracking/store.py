"""The connection to MLflow: a quiet client, and MLflow's many errors as one of ours."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cinelake.errors import StorageError
from cinelake.storage.files import alone, copy_database, unfinished_file
from cinelake.storage.interrupts import interrupts_held
from cinelake.tracking.addresses import cleaned, has_secrets, shown, sqlite_file

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
MAKING_TABLES = 0x63696E656C616B65
"""The number of the advisory lock under which tables are made in PostgreSQL: `cinelake` in ASCII."""
BESIDE = "mlruns"
"""The folder of runs' and models' files beside an SQLite file, where the manifest names none."""
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
"""Tables of MLflow with their columns in which it keeps where files lie, each whole."""
LOCKED_FOR_S = 60.0


def connect(uri: str) -> Any:
    """An `MlflowClient` for this tracking store; a missing SQLite file is made, with its folder."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with made_alone(uri):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def made_alone(uri: str, artifacts: str | None = None) -> Iterator[None]:
    """The tables of a new store are made by one process, as two at once would fail, and those of SQLite before.

    artifacts: where MLflow's own first experiment keeps its files; by default where a client of MLflow's puts them.
    """
    path = sqlite_file(uri)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    with _alone_at(uri):
        if path and not path.exists():
            _make_database(path, artifacts)
        elif path:
            follow_folder(path)
        yield


def _make_database(path: Path, artifacts: str | None) -> None:
    """Make an SQLite file with MLflow's tables, whole or not at all.

    MLflow's migrations are no one transaction: killed between two, they would leave a file that none can open again.
    """
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with unfinished_file(path) as draft:
        SqlAlchemyStore(f"sqlite:///{draft}", artifacts or DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH).engine.dispose()
        copy_database(draft, path)


def follow_folder(database: Path) -> None:
    """Have an SQLite file that was moved or copied with its folder `mlruns` name the one that lies beside it now.

    MLflow keeps absolute addresses: of a copy it would read the original's files, and write new ones among them. Raises
    `StorageError` where the file cannot be changed.
    """
    here = database.parent.absolute() / BESIDE
    if not here.is_dir() or not os.access(database, os.W_OK):
        return
    with (
        suppress(sqlite3.Error),
        closing(  # what is no database, MLflow itself names
            sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=LOCKED_FOR_S)
        ) as known,
    ):
        for before in _addresses_of_copies(known, here):
            try:
                with known:
                    _rename(known, before, here.as_uri())
            except sqlite3.Error as error:
                words = f"{database} was moved or copied here, and still names the files below {before}"
                raise StorageError(f"{words}, as it cannot be changed: {error}") from error


def _addresses_of_copies(known: sqlite3.Connection, here: Path) -> list[str]:
    """Addresses of other folders of the same name whose runs have their files here."""
    rows = known.execute(
        "SELECT artifact_location, run_uuid FROM experiments JOIN runs USING (experiment_id) "
        "WHERE artifact_location LIKE ? AND artifact_location != ?",
        (f"file://%/{BESIDE}", here.as_uri()),
    )
    return sorted({before for before, run in rows if (here / run).is_dir() and not _is_here(before, here)})


def _is_here(address: str, here: Path) -> bool:
    """Whether an address leads to the same folder by another path."""
    folder = Path(unquote(urlsplit(address).path))
    return folder.exists() and folder.samefile(here)


def _rename(known: sqlite3.Connection, before: str, now: str) -> None:
    size, below = len(before) + 1, f"{before}/"
    for table, column in ADDRESSES:
        if column in {row[1] for row in known.execute(f"PRAGMA table_info({table})")}:
            which = f"{column} = ? OR substr({column}, 1, ?) = ?"
            changed = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {which}"
            known.execute(changed, (now, size, before, size, below))


@contextmanager
def _alone_at(uri: str) -> Iterator[None]:
    """One client at a time where it may have to make tables; a server made its own when it started."""
    path = sqlite_file(uri)
    if path and os.access(path.parent, os.W_OK):  # who cannot write there makes no tables
        with alone(path.parent):
            yield
    elif uri.startswith("postgresql"):
        from sqlalchemy import create_engine, text
        from sqlalchemy.pool import NullPool

        with create_engine(uri, poolclass=NullPool).connect() as connection:  # its end is the lock's
            connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": MAKING_TABLES})
            yield
    else:
        yield


@contextmanager
def tracking_errors(uri: str, doing: str) -> Iterator[None]:
    """Whatever MLflow, its database or the network raise within becomes `StorageError`, with what to look at.

    A Ctrl-C within is raised at the end: it would leave a session of MLflow's open, and with it SQLite's lock.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with interrupts_held():
            yield
    except (MlflowException, SQLAlchemyError, RequestException, OSError) as error:
        words = cleaned((str(error).splitlines() or [type(error).__name__])[0], uri)
        what = "its disk, and whether the file is an MLflow database" if sqlite_file(uri) else "whether it runs there"
        # A cause is shown by tracebacks, with its own message
        cause = None if has_secrets(uri) else error
        message = f"{doing} in MLflow at {shown(uri)}: {words}. Check {what} (`tracking.uri` names it)"
        raise StorageError(message) from cause
