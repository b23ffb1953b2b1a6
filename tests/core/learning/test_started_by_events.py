"""On a real server with a real worker: labels start a training, its champion starts a run, a promotion another."""

from __future__ import annotations

import os
import time

import pytest
from core.learning._by_events import TRIGGERS, ended, import_labels, runs
from end_to_end._command import answer_of, cinelake, end_started, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def known(project, prefect, tmp_path):
    """The environment of commands that know server, models and tasks of the test."""
    places = os.pathsep.join([os.environ["PYTHONPATH"], str(tmp_path / "site")])
    return {**prefect, "PYTHONPATH": places, "PREFECT_WORKER_QUERY_SECONDS": "1"}


@pytest.fixture
def deployed(project, known):
    """The project with its triggers deployed, and a worker."""
    with (project.folder / "pipeline.yaml").open("a") as manifest:
        manifest.write(TRIGGERS.replace("PROJECT", "events"))
    start("work", cwd=project.folder, env=known)
    said = answer_of("deploy", "-m", project.folder / "pipeline.yaml", env=known)
    assert {found["change"] for found in said["differences"]} == {"new"}
    yield project
    end_started()


def test_labels_start_a_training_and_a_champion_starts_a_run(deployed, known):
    url, films = known["PREFECT_API_URL"], [f"film_{number:02d}" for number in range(12)]
    assert "did not hear" not in import_labels(deployed, films[:6], known)
    time.sleep(5)
    assert runs(url, "train") == []  # six labels are fewer than twelve
    import_labels(deployed, films[6:], known)
    (training,) = ended(url, "train", 1)
    assert training["type"] == "COMPLETED" and "loud 1 is champion" in training["message"]
    (inferred,) = ended(url, "catalogue", 1)
    assert inferred["type"] == "COMPLETED" and "24 cells made" in inferred["message"]
    assert cinelake("models", "promote", "loud", "1", cwd=deployed.folder, env=known).returncode == 0
    assert "0 cells made" in ended(url, "catalogue", 2)[1]["message"]
