"""What is written down of a run in MLflow: the only room that knows it.

MLflow is slow to import and to make its database, so a run's record is opened in a thread beside the work and closed
at the end. A record that cannot be made never stops the night: the summary says that it is missing, and why.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "DO_NOT_TRACK": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
}


@dataclass
class RunRecord:
    """One MLflow run of a catalogue run. `start` returns at once; `finish` waits and gives what to tell the user."""

    uri: str
    experiment: str
    name: str
    texts: Mapping[str, str]
    params: Mapping[str, str]
    _thread: threading.Thread | None = None
    _client: Any = None
    _run_id: str = ""
    _error: str = field(default="")

    def start(self) -> RunRecord:
        """Open the run in a thread."""
        self._thread = threading.Thread(target=self._open, name="mlflow", daemon=True)
        self._thread.start()
        return self

    def _open(self) -> None:
        try:
            self._client = _client(self.uri)
            experiment = _experiment(self._client, self.uri, self.experiment)
            run = self._client.create_run(experiment, run_name=self.name, tags={"mlflow.source.name": "cinelake run"})
            self._run_id = run.info.run_id
            for key, value in self.params.items():
                self._client.log_param(self._run_id, key, value)
            for file, text in self.texts.items():
                self._client.log_text(self._run_id, text, file)
        except Exception as error:  # noqa: BLE001 - MLflow raises many kinds; none may stop the work
            self._error = f"{type(error).__name__}: {error}".splitlines()[0]

    def finish(
        self, status: str, metrics: Mapping[str, float], failures: Sequence[Mapping[str, Any]], texts: Mapping[str, str]
    ) -> str:
        """Close the run; gives its id, or a sentence beginning with `not recorded`."""
        if self._thread:
            self._thread.join(timeout=60)
        if not self._error and not self._run_id:
            self._error = f"{self.uri} did not answer"
        try:
            if not self._error:
                self._close(status, metrics, failures, texts)
        except Exception as error:  # noqa: BLE001 - as above
            self._error = f"{type(error).__name__}: {error}".splitlines()[0]
        return f"not recorded: {self._error}" if self._error else self._run_id

    def _close(
        self, status: str, metrics: Mapping[str, float], failures: Sequence[Mapping[str, Any]], texts: Mapping[str, str]
    ) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._run_id, metrics=[Metric(k, float(v), now, 0) for k, v in metrics.items()])
        if failures:
            columns = {name: [str(row[name]) for row in failures] for name in failures[0]}
            self._client.log_table(self._run_id, columns, "failures.json")
        for file, text in texts.items():
            self._client.log_text(self._run_id, text, file)
        self._client.set_terminated(self._run_id, status)


def _client(uri: str) -> Any:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    path = sqlite_file(uri)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    import logging

    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=uri)


def _experiment(client: Any, uri: str, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    path = sqlite_file(uri)
    where = (path.parent / "mlruns").as_uri() if path else None
    return str(client.create_experiment(name, artifact_location=where))


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite tracking store; None for servers."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
