"""The connection to MLflow: a quiet client, the experiment, and MLflow's many errors as one of ours."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from cinelake.errors import StorageError
from cinelake.interrupts import interrupts_held
from cinelake.locks import alone

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
}


def connect(uri: str) -> Any:
    """An `MlflowClient` for this tracking store, which is made if it is an SQLite file that is not there yet."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    path = sqlite_file(uri)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Whoever comes first makes the tables of a new SQLite file; two at once would fail
    with alone(path.parent) if path else nullcontext():
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def experiment_id(client: Any, uri: str, name: str) -> str:
    """The id of the experiment, made if need be; beside an SQLite file its artifacts go to `mlruns`."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    path = sqlite_file(uri)
    where = (path.parent / "mlruns").as_uri() if path else None
    try:
        return str(client.create_experiment(name, artifact_location=where))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return str(client.get_experiment_by_name(name).experiment_id)


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite tracking store; None for servers."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


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
        words = (str(error).splitlines() or [type(error).__name__])[0]
        what = "its disk, and whether the file is an MLflow database" if sqlite_file(uri) else "whether it runs there"
        raise StorageError(f"{doing} in MLflow at {uri}: {words}. Check {what} (`tracking.uri` names it)") from error
