"""The experiments that runs are kept in: one of the catalogue's runs, and one of each model beside it.

What MLflow's UI shows of an experiment is decided by the tags it reads there, and by the addresses that lead to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cinelake.manifest.sections import TrackingSettings
from cinelake.tracking.addresses import sqlite_file
from cinelake.tracking.store import BESIDE

KIND = {"mlflow.experimentKind": "custom_model_development"}
"""The kind of an experiment whose runs are trainings and no GenAI."""
TRAINING_VIEW = "workflowType=machine_learning"
"""In an address it opens the view of trainings. MLflow 3.17's UI keeps the kind but does not ask it: without this it
shows what the switch at its upper left says, which is GenAI at first."""
NOTE = "mlflow.note.content"
"""The tag that is the description of an experiment, or of a run."""


@dataclass(frozen=True)
class Experiment:
    """Whose runs are kept together. model: whose trainings; empty: catalogue runs. metric: what the gate looks at."""

    model: str = ""
    metric: str = ""

    def name(self, tracking: TrackingSettings) -> str:
        """`cinelake`, or `cinelake/scenes` for a model's trainings."""
        return f"{tracking.experiment}/{self.model}" if self.model else tracking.experiment

    def tags(self) -> dict[str, str]:
        """What the UI reads of it."""
        if not self.model:
            return {**KIND, NOTE: "Runs of the catalogue: what each made, skipped and could not make, and how fast."}
        return {
            **KIND,
            NOTE: f"Trainings and tunings of the model `{self.model}`; its gate looks at `{self.metric}`.",
            "mlflow.experiment.primaryMetric.name": gate_metric(self.metric),
            "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
        }


CATALOGUE = Experiment()


def experiment_id(client: Any, tracking: TrackingSettings, experiment: Experiment) -> str:
    """The id of the experiment, made if need be; its files go where the manifest says, or the server.

    Tags that an earlier release did not write are added, those that are there stay.
    """
    from mlflow.exceptions import MlflowException

    name = experiment.name(tracking)
    found = client.get_experiment_by_name(name)
    if found is None:
        where = artifact_folder(tracking)
        try:
            location = where.as_uri() if where else None
            return str(client.create_experiment(name, artifact_location=location, tags=experiment.tags()))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    for tag, value in experiment.tags().items():
        if tag not in found.tags:
            client.set_experiment_tag(found.experiment_id, tag, value)
    return str(found.experiment_id)


def artifact_folder(tracking: TrackingSettings) -> Path | None:
    """Where files of runs and models are kept; None for a server, which decides itself."""
    path = sqlite_file(tracking.uri)
    if path and tracking.artifacts is None:
        return path.parent / BESIDE
    return Path(tracking.artifacts) if tracking.artifacts and not tracking.uri.startswith("http") else None


def gate_metric(name: str, of: str = "") -> str:
    """The name under which the score that the gate looks at is recorded: `gate/map`, `gate/map_baseline`."""
    return metric_name(f"gate/{name}_{of}" if of else f"gate/{name}")


def metric_name(name: str) -> str:
    """The name with what MLflow does not take in names (`recall@3s`) as underscores."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def training_view(page: str) -> str:
    """The address of a page of MLflow's UI such that the view of trainings is beside it."""
    return f"{page}?{TRAINING_VIEW}"
