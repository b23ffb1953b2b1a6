"""How MLflow applies one of our models: this file is the code of every registered version, copied beside its files.

`mlflow models serve -m models:/scenes/3 --env-manager local` answers a POST to `/invocations` of one film's features,
by name, each with one entry per step (a shot, a frame, a clip); the names and types are the version's signature:

    {"inputs": {"time_s": [0.0, 4.2], "place": [[0.1, 0.7], [0.3, 0.2]]}}

with the model's prediction, by name, one entry per step:

    {"predictions": {"boundary": [0.02, 0.91]}}

Only MLflow runs this file; nothing imports it. It needs Cinelake itself in the environment (`--env-manager local`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.pyfunc import PythonModel

from cinelake.lake.artefact import read_artefact
from cinelake.spec.model import find_model


class ServedModel(PythonModel):  # type: ignore[misc]  # MLflow is not type-checked here
    """An artefact's files and the `predict` of its kind."""

    def load_context(self, context: Any) -> None:
        """Load the artefact. Raises `ModelUnusable` when its files do not add up to the registered digest."""
        about = json.loads(Path(context.artifacts["about"]).read_text())
        self._artefact = read_artefact(Path(context.artifacts["artefact"]), about["digest"])

    def predict(self, context, model_input, params=None):
        # type: (Any, Any, Any) -> dict[str, Any]
        # A type comment, since MLflow takes annotations here for a schema of its own; the signature is the schema.
        """One film's prediction: name → a list with one entry per step."""
        features = {name: np.asarray(values) for name, values in model_input.items()}
        prediction = find_model(self._artefact.kind).predict(self._artefact, features)
        return {name: np.asarray(values).tolist() for name, values in prediction.items()}


mlflow.models.set_model(ServedModel())
