"""A training and a search as an engine places them: what a worker does, from the tables to the result.

The folder for checkpoints and the lake must be where the worker can reach them; a training that loses its worker goes
on from its last checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cinelake.events import OnEvent
from cinelake.lake.cells import Lake
from cinelake.learning.candidate import Prepared
from cinelake.learning.request import TrainingRequest, TrainingSummary, prepare_request
from cinelake.learning.session import train_model
from cinelake.spec.task import Resources


@dataclass(frozen=True)
class TrainingJob:
    """Train, judge, register. `folder`: for the checkpoints of all trainings; `prepared`: the data, where at hand."""

    request: TrainingRequest
    folder: Path
    prepared: Prepared | None = None

    @property
    def what(self) -> str:
        """What it is, for errors."""
        return f"the training of {self.request.model}"

    @property
    def resources(self) -> Resources:
        """What the model asks for."""
        return self.request.manifest.model(self.request.model).resources

    def limit_s(self) -> float:
        """No limit."""
        return 0.0

    def run(self, on_event: OnEvent) -> TrainingSummary:
        """Gather the data, train. Raises what `prepare_request` and `train_model` do."""
        prepared = self.prepared or prepare_request(self.request, on_event)
        return train_model(self.request, prepared, self.folder, on_event)

    def sweep(self) -> None:
        """Remove what it left unfinished in the lake; its checkpoints are what the next attempt resumes from."""
        Lake(self.request.manifest.lake.place).storage.sweep()
