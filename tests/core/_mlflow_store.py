"""MLflow's database, made once per test process: making it takes seconds."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from cinelake.manifest.sections import TrackingSettings
from cinelake.tracking.runs import TrainingRecord


@cache
def _prepared() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mlflow.db"
        with TrainingRecord(TrackingSettings(uri=f"sqlite:///{path}", experiment="other"), "first"):
            pass
        return path.read_bytes()


def store_in(folder: Path) -> TrackingSettings:
    """A store of one's own in this folder, with nothing in it that counts."""
    (folder / "mlflow.db").write_bytes(_prepared())
    return TrackingSettings(uri=f"sqlite:///{folder}/mlflow.db")
