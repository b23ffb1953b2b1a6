"""On a real server with a real worker: labels start a training, its champion starts a run, a promotion another."""

from __future__ import annotations

import os
import time

import pytest
from end_to_end._command import answer_of, asked, cinelake, end_started, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
WAIT_S = 300
TRIGGERS = """\
deploy: {project: events}
triggers:
  retrain: {when: new_labels, at_least: 12, flow: train, model: loud}
  infer_again: {when: new_champion, flow: catalogue}
"""


@pytest.fixture
def known(project, prefect, tmp_path):
    """The environment of commands that know server, models and tasks of the test."""
    places = os.pathsep.join([os.environ["PYTHONPATH"], str(tmp_path / "site")])
    return {**prefect, "PYTHONPATH": places, "PREFECT_WORKER_QUERY_SECONDS": "1"}


@pytest.fixture
def deployed(project, known):
    """The project with its triggers deployed, and a worker."""
    with (project.folder / "pipeline.yaml").open("a") as manifest:
        manifest.write(TRIGGERS)
    start("work", cwd=project.folder, env=known)
    said = answer_of("deploy", "-m", project.folder / "pipeline.yaml", env=known)
    assert {found["change"] for found in said["differences"]} == {"new"}
    yield project
    end_started()


def import_labels(project, films, env):
    """Import one label for each of these films; gives what the command says."""
    rows = [f"{film},{int(film[-2:]) % 4 + 1},6" for film in films]
    (project.folder / "labels.csv").write_text("\n".join(["movie_id,start_s,end_s", *rows]))
    done = cinelake("labels", "import", "labels.csv", "--model", "loud", cwd=project.folder, env=env)
    assert done.returncode == 0, done.stderr
    return done.stderr


def runs(url, flow):
    """The states of a flow's deployed runs, oldest first."""
    question = {"flows": {"name": {"any_": [flow]}}, "deployments": {"name": {"any_": ["retrain", "infer_again"]}}}
    return [run["state"] for run in asked(url, "flow_runs", sort="START_TIME_ASC", **question)]


def ended(url, flow, count):
    """The states of a flow's runs once so many have ended."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        states = runs(url, flow)
        if sum(state["type"] in ("COMPLETED", "FAILED", "CRASHED") for state in states) >= count:
            return states
        time.sleep(1)
    raise AssertionError(f"{flow}: {runs(url, flow)}")


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
