"""A training that was killed goes on from its last epoch, in the same MLflow run, by the same command."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from core.learning import _patient_model
from core.learning._taught import Project
from end_to_end._command import cinelake, start

from cinelake.tracking.store import connect

pytestmark = pytest.mark.slow
MANIFEST = """
lake: lake
catalogue: {films: films}
tracking: {uri: mlflow.db}
models: {loud: {config: {epochs: 40}}}
tasks: {films: , sound: }
"""


@pytest.fixture
def teachable(labelled: Project, own_models, monkeypatch) -> Project:
    """A project whose model learns slowly, for commands too."""
    own_models(_patient_model.MODEL)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], str(Path(__file__).parents[2])]))
    (labelled.folder / "pipeline.yaml").write_text(MANIFEST)
    return labelled


def losses(project: Project, run_id: str) -> list[int]:
    """The epochs that MLflow has of a run."""
    return [metric.step for metric in connect(project.load().tracking.uri).get_metric_history(run_id, "loss")]


def test_a_killed_training_is_resumed_without_doing_an_epoch_twice(teachable):
    env = {"PYTHONPATH": os.environ["PYTHONPATH"]}
    process = start("train", "loud", cwd=teachable.folder, env=env)
    checkpoints = teachable.folder / ".cinelake" / "training"
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("*/fitting.npz")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (run,) = [path.read_text() for path in checkpoints.glob("*/run.json")]
    done = cinelake("train", "loud", cwd=teachable.folder, env=env)
    assert done.returncode == 0, done.stderr
    assert "going on where it was cut off" in done.stderr
    run_id = run.split('"')[3]
    assert run_id in done.stdout
    steps = losses(teachable, run_id)
    assert len(steps) == len(set(steps)) and max(steps) == 39
