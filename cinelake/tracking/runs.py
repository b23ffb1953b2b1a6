"""What is written down of a run in MLflow: of a catalogue's night, and of a training.

MLflow is slow to import and to make its database, so a night's record is opened in a thread beside the work and closed
at the end. A record that cannot be made never stops the night: the summary says that it is missing, and why. A training
needs its record, since its model is kept there: what goes wrong with it is raised.
"""

from __future__ import annotations

import csv
import getpass
import io
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from cinelake.errors import UsageError, without_secrets
from cinelake.manifest.sections import TrackingSettings
from cinelake.spec.model import only_defined
from cinelake.storage.interrupts import joined
from cinelake.tracking.addresses import cleaned, shown
from cinelake.tracking.experiments import (
    CATALOGUE,
    NOTE,
    Experiment,
    experiment_id,
    metric_name,
    training_view,
)
from cinelake.tracking.store import connect, tracking_errors

PARAM_CHARACTERS = 6000
"""MLflow's limit for the value of a parameter."""
BATCH = 100
"""MLflow's limit for parameters in one call."""
NOTE_CHARACTERS = 5000
"""What every release of MLflow takes as the value of a tag."""
EPISODE = "episode_score"
"""The metric whose steps are episodes, not epochs."""
EMPTY_TABLE = '{"columns": [], "data": []}'
"""As MLflow writes a table, without rows."""
ANSWERS_WITHIN_S = 60.0
"""How long the end of a run waits for MLflow, which it has told of its beginning."""
HASTE_S = 2.0
"""How long the end of a run that was stopped waits for MLflow, which may still be imported or make its database."""
EPOCHS_AT_ONCE = 50
SECONDS_AT_ONCE = 1.0


@dataclass(frozen=True)
class DatasetNote:
    """What a run worked on, as MLflow's UI shows it beside the run.

    digest: changes when its content does. context: what for (`train`, `test`). source: where it comes from.
    profile: counts and lists, as JSON. columns: name → type.
    """

    name: str
    digest: str
    context: str
    source: str
    profile: Mapping[str, Any]
    columns: Mapping[str, str] = field(default_factory=dict)

    def entity(self) -> Any:
        """As MLflow's client takes it."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        schema = {"mlflow_colspec": [{"name": name, "type": kind} for name, kind in self.columns.items()]}
        dataset = Dataset(
            name=self.name[:500],
            digest=self.digest[:36],
            source_type="local",
            source=json.dumps({"uri": self.source}),
            schema=json.dumps(schema),
            profile=json.dumps(dict(self.profile), ensure_ascii=False),
        )
        return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", self.context)])


def run_tags(source: str, note: str = "") -> dict[str, str]:
    """What a run begins with: the command it comes from, who ran it, a description."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        user = ""
    tags = {"mlflow.source.name": source, "mlflow.source.type": "LOCAL", "mlflow.user": user}
    return {name: value for name, value in {**tags, NOTE: note[:NOTE_CHARACTERS]}.items() if value}


@dataclass
class RunRecord:
    """One MLflow run of a catalogue run. `start` returns at once; `finish` waits and returns what to show the user.

    began_ms: the run's beginning, milliseconds since 1970; MLflow itself would take when its client was imported.
    """

    tracking: TrackingSettings
    name: str
    texts: Mapping[str, str]
    params: Mapping[str, str]
    note: str = ""
    films: DatasetNote | None = None
    began_ms: int = field(default_factory=lambda: _now_ms())
    _thread: threading.Thread | None = None
    _client: Any = None
    _run_id: str = ""
    _error: str = field(default="")
    _given_up: threading.Event = field(default_factory=threading.Event)

    def start(self) -> RunRecord:
        """Open the run in a thread."""
        self._thread = threading.Thread(target=self._open, name="mlflow", daemon=True)
        self._thread.start()
        return self

    def _open(self) -> None:
        try:
            self._client = connect(self.tracking.uri)
            if self._given_up.is_set():
                return
            from mlflow.entities import Param

            experiment = experiment_id(self._client, self.tracking, CATALOGUE)
            tags = run_tags("cinelake run", self.note)
            run = self._client.create_run(experiment, self.began_ms, tags, self.name)
            self._run_id = run.info.run_id
            if self._given_up.is_set():
                self._client.set_terminated(self._run_id, "KILLED")
                return
            self._client.log_batch(self._run_id, params=[Param(key, value) for key, value in self.params.items()])
            if self.films:
                self._client.log_inputs(self._run_id, datasets=[self.films.entity()])
            for file, text in self.texts.items():
                self._client.log_text(self._run_id, text, file)
        except Exception as error:  # noqa: BLE001 - MLflow raises many kinds; none may stop the work
            self._error = self._words(error)

    def finish(
        self,
        status: str,
        metrics: Mapping[str, float],
        failures: Sequence[Mapping[str, Any]],
        texts: Mapping[str, str],
        note: str = "",
        *,
        in_haste: bool = False,
    ) -> str:
        """Close the run; returns its id, or a sentence beginning with `not recorded`. note: its description now.

        in_haste: somebody waits for the end of the command, so a run that is not yet open is given up.
        """
        if self._thread:
            joined(self._thread, HASTE_S if in_haste else ANSWERS_WITHIN_S)
        if in_haste:
            self._given_up.set()
        if in_haste and not self._run_id and not self._error:
            return "not recorded: the run was stopped before MLflow was ready"
        if not self._error and not self._run_id:
            self._error = f"{shown(self.tracking.uri)} did not answer within {ANSWERS_WITHIN_S:.0f} s"
        try:
            if not self._error:
                self._close(status, metrics, failures, texts, note)
        except Exception as error:  # noqa: BLE001 - as above
            self._error = self._words(error)
        return f"not recorded: {self._error}" if self._error else self._run_id

    def _words(self, error: Exception) -> str:
        return without_secrets(cleaned(f"{type(error).__name__}: {error}".splitlines()[0], self.tracking.uri))

    def _close(
        self,
        status: str,
        metrics: Mapping[str, float],
        failures: Sequence[Mapping[str, Any]],
        texts: Mapping[str, str],
        note: str,
    ) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._run_id, metrics=[Metric(k, float(v), now, 0) for k, v in metrics.items()])
        if failures:
            columns = {name: [str(row[name]) for row in failures] for name in failures[0]}
            self._client.log_table(self._run_id, columns, "failures.json")
        for file, text in texts.items():
            self._client.log_text(self._run_id, text, file)
        if note:
            self._client.set_tag(self._run_id, NOTE, note[:NOTE_CHARACTERS])
        self._client.set_terminated(self._run_id, status)


def mlflow_page(tracking: TrackingSettings, run_id: str) -> str:
    """The page of a run in MLflow's UI, after `/#/`; nothing for a run that was not recorded."""
    if not run_id or run_id.startswith("not recorded"):
        return ""
    with tracking_errors(tracking.uri, "looking for the run"):
        run = connect(tracking.uri).get_run(run_id)
    return training_view(f"experiments/{run.info.experiment_id}/runs/{run_id}")


class TrainingRecord:
    """One MLflow run of a training, or of a tuning whose trials are its children; used as a context manager.

    It ends FINISHED (or as `status` says), FAILED when an exception leaves the block, KILLED for Ctrl-C.
    `resume_run_id` resumes the run of a training that was killed. Raises `StorageError` when MLflow cannot be
    written, `UsageError` when tracking is switched off.
    """

    def __init__(
        self,
        tracking: TrackingSettings,
        name: str,
        *,
        experiment: Experiment = CATALOGUE,
        tags: Mapping[str, str] | None = None,
        parent: str | None = None,
        resume_run_id: str | None = None,
    ):
        if not tracking.enabled:
            raise UsageError("training needs MLflow: set `tracking.enabled: true` in the manifest")
        self.tracking = tracking
        self.status = "FINISHED"
        self._began_ms = _now_ms()
        self._waiting: list[tuple[int, dict[str, float], int]] = []
        self._written_s = time.monotonic()
        self._doing = f"recording {name!r}"
        with self._errors():
            self.client = connect(tracking.uri)
            self.run_id = self._resumed(resume_run_id) or self._created(name, experiment, tags or {}, parent)

    def _errors(self) -> Any:
        return tracking_errors(self.tracking.uri, self._doing)

    def _resumed(self, run_id: str | None) -> str | None:
        """The run to resume, if MLflow still has it."""
        from mlflow.exceptions import MlflowException

        if run_id is None:
            return None
        try:
            self.client.update_run(run_id, status="RUNNING")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run_id

    def _created(self, name: str, experiment: Experiment, tags: Mapping[str, str], parent: str | None) -> str:
        """A new run; one below another is in that one's experiment, which an earlier release may have chosen."""
        all_tags = {**run_tags("cinelake"), **tags}
        if parent:
            all_tags["mlflow.parentRunId"] = parent
            where = self.client.get_run(parent).info.experiment_id
        else:
            where = experiment_id(self.client, self.tracking, experiment)
        return str(self.client.create_run(where, self._began_ms, all_tags, name).info.run_id)

    def child(self, tag: str, value: str) -> str | None:
        """The id of a run below this one whose tag has this value; None without one."""
        with self._errors():
            experiment = self.client.get_run(self.run_id).info.experiment_id
            wanted = f"tags.`mlflow.parentRunId` = '{self.run_id}' and tags.`{tag}` = '{value}'"
            runs = self.client.search_runs([experiment], wanted, max_results=1)
        return str(runs[0].info.run_id) if runs else None

    def __enter__(self) -> TrainingRecord:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = self.status if kind is None else "KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED"
        with self._errors():
            self._write_epochs()
            if error is not None:
                message = without_secrets(cleaned(f"{type(error).__name__}: {error}", self.tracking.uri))
                self.client.set_tag(self.run_id, "error", message[:5000])
            self.client.set_terminated(self.run_id, status)

    def describe(self, note: str) -> None:
        """The run's description from now on, as Markdown; MLflow's UI shows it on the run's page."""
        with self._errors():
            self.client.set_tag(self.run_id, NOTE, note[:NOTE_CHARACTERS])

    def datasets(self, datasets: Sequence[DatasetNote]) -> None:
        """What the run works on; said twice it is kept once."""
        with self._errors():
            self.client.log_inputs(self.run_id, datasets=[dataset.entity() for dataset in datasets])

    def params(self, params: Mapping[str, Any]) -> None:
        """Write parameters that the run does not have yet; long values are cut to MLflow's limit."""
        from mlflow.entities import Param

        with self._errors():
            known = self.client.get_run(self.run_id).data.params
            new = [Param(k, str(v)[:PARAM_CHARACTERS]) for k, v in params.items() if k not in known]
            for first in range(0, len(new), BATCH):
                self.client.log_batch(self.run_id, params=new[first : first + BATCH])

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Metrics of one epoch, gathered and written about once a second: a call costs as much as a small epoch."""
        self._waiting.append((number, dict(metrics), _now_ms()))
        if len(self._waiting) >= EPOCHS_AT_ONCE or time.monotonic() - self._written_s >= SECONDS_AT_ONCE:
            with self._errors():
                self._write_epochs()

    def episodes(self, first: int, scores: Sequence[float]) -> None:
        """The score of each episode that an agent has played, from number `first` on."""
        for number, score in enumerate(scores, first):
            self.epoch(number, {EPISODE: score})

    def metrics(self, metrics: Mapping[str, float]) -> None:
        """Metrics of the whole run."""
        with self._errors():
            self._log([(0, metrics, _now_ms())])

    def _write_epochs(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._log(waiting)
        self._written_s = time.monotonic()

    def _log(self, rows: Sequence[tuple[int, Mapping[str, float], int]]) -> None:
        from mlflow.entities import Metric

        result = [
            Metric(metric_name(k), float(v), at_ms, step)
            for step, all_, at_ms in rows
            for k, v in only_defined(all_).items()
        ]
        for first in range(0, len(result), 1000):
            self.client.log_batch(self.run_id, metrics=result[first : first + 1000])

    def text(self, file: str, text: str) -> None:
        """Keep a text file beside the run."""
        with self._errors():
            self.client.log_text(self.run_id, text, file)

    def figure(self, file: str, figure: Any) -> None:
        """Keep a Matplotlib figure beside the run."""
        with self._errors():
            self.client.log_figure(self.run_id, figure, file)

    def table(self, file: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep a table: `NAME.csv` as CSV, `NAME.json` as MLflow's own, which its UI compares between runs.

        A resumed training's takes the place of the one before, to which MLflow would add its rows.
        """
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with self._errors():
            if file.endswith(".json"):
                if file in {each.path for each in self.client.list_artifacts(self.run_id)}:
                    self.client.log_text(self.run_id, EMPTY_TABLE, file)
                self.client.log_table(self.run_id, {name: [row.get(name) for row in rows] for name in columns}, file)
            else:
                self.client.log_text(self.run_id, csv_text(columns, rows), file)


def csv_text(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A table as CSV with a header."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _now_ms() -> int:
    return int(time.time() * 1000)
