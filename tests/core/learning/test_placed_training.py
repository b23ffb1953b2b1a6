"""With an engine on a cluster, trainings and tunings are done where the model's resources are."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from core.engines._waiting import await_that
from core.learning import _telling_model
from core.learning._taught import Project
from end_to_end._command import start

from benchmarks._clusters import CLUSTERS, RunningCluster, below
from cinelake.manifest.document import load_manifest
from cinelake.tracking.store import connect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MANIFEST = """
lake: lake
catalogue: {{films: films}}
engine: {{kind: {kind}, address: "{address}"}}
tracking: {{uri: mlflow.db}}
models: {{loud: {{resources: {{gpus: 1}}, config: {{epochs: 40}}, space: {{shift: {{uniform: [-5.0, 5.0]}}}}}}}}
tasks: {{films: , sound: }}
"""


@dataclass
class Placed:
    """A project whose model asks for a GPU, which a running cluster has; `here` is what commands need to know of it."""

    folder: Path
    cluster: RunningCluster
    here: dict[str, str]

    def start(self, *words: str) -> subprocess.Popen[str]:
        return start(*words, cwd=self.folder, env=self.here)

    def learners(self) -> set[int]:
        """The numbers of the processes that have begun to learn."""
        return {int(path.name) for path in (self.folder / "told").iterdir()}

    def of_cluster(self) -> set[int]:
        trees = (self.cluster.head, *self.cluster.nodes)
        return {process.pid for tree in trees for process in below(tree.pid)}

    def said(self) -> str:
        return (self.folder / "command.log").read_text()


@pytest.fixture(params=CLUSTERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def placed(
    kind: str, labelled: Project, own_models: Callable[..., None], tmp_path: Path, prefect: dict[str, str]
) -> Iterator[Placed]:
    own_models(_telling_model.MODEL)
    (labelled.folder / "told").mkdir()
    env = {"PYTHONPATH": os.environ["PYTHONPATH"], "TELL": str(labelled.folder / "told")}
    with CLUSTERS[kind](tmp_path, env, cpus=1, gpus=1) as cluster:
        manifest = MANIFEST.format(kind=kind, address=cluster.address)
        (labelled.folder / "pipeline.yaml").write_text(manifest)
        yield Placed(labelled.folder, cluster, {**prefect, "PYTHONPATH": env["PYTHONPATH"]})


def steps_of(placed: Placed) -> list[int]:
    """The epochs that MLflow has of all runs."""
    client = connect(load_manifest(placed.folder / "pipeline.yaml").tracking.uri)
    experiments = [found.experiment_id for found in client.search_experiments()]
    runs: list[Any] = client.search_runs(experiments)
    return [metric.step for run in runs for metric in client.get_metric_history(run.info.run_id, "loss")]


def test_a_training_is_done_on_the_cluster_and_goes_on_when_its_worker_dies(placed):
    training = placed.start("train", "loud")
    await_that(lambda: placed.learners() or training.poll() is not None)
    assert training.poll() is None, placed.said()
    (worker,) = placed.learners()
    assert worker in placed.of_cluster()
    await_that(lambda: list((placed.folder / ".cinelake" / "training").glob("*/fitting.npz")))
    os.kill(worker, signal.SIGKILL)
    assert training.wait(200) == 0, placed.said()
    assert len(placed.learners()) == 2 and "champion" in placed.said() and "films: train" in placed.said()
    steps = steps_of(placed)  # the last before the death may not have reached MLflow
    assert len(steps) == len(set(steps)) and max(steps) == 39


def test_ctrl_c_ends_a_training_on_the_cluster(placed):
    training = placed.start("train", "loud")
    await_that(lambda: placed.learners() or training.poll() is not None)
    (worker,) = placed.learners()
    os.killpg(training.pid, signal.SIGINT)
    assert training.wait(120) == 130, placed.said()
    await_that(lambda: not psutil.pid_exists(worker), within_s=60)
    assert "interrupted" in placed.said()


def test_a_gpu_that_no_node_has_is_refused_before_anything_is_gathered(placed):
    manifest = placed.folder / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("gpus: 1", "gpus: 2"))
    assert placed.start("train", "loud").wait(120) == 2
    assert "model loud asks for 0 cpus, 2 gpus" in placed.said() and not placed.learners()


def test_all_trials_of_a_tuning_and_the_training_of_the_best_are_done_there(placed):
    tuning = placed.start("tune", "loud", "--trials", "2")
    seen: set[int] = set()
    while tuning.poll() is None:
        seen |= placed.learners() & placed.of_cluster()
    assert tuning.returncode == 0, placed.said()
    assert placed.learners() == seen and "champion" in placed.said() and "trial 2/2 finished" in placed.said()
