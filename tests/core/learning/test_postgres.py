"""Prefect and MLflow on PostgreSQL: a deployed training and runs are recorded there; no password is kept anywhere."""

from __future__ import annotations

import os
import subprocess
import time

import psutil
import pytest
from _folders import files_holding
from _needed import need
from core.learning._by_events import TRIGGERS, ended, import_labels
from end_to_end._command import PASSWORDS, answer_of, cinelake, end_started, start

from benchmarks._postgres import postgres, programs, why_not
from benchmarks._servers import mlflow_on, prefect_on
from cinelake.tracking.store import connect
from flows.server import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FILMS = [f"film_{number:02d}" for number in range(12)]
PASSWORD = "hunter2 of MLflow"
"""What a server's address holds: what asks for it stands before a real one."""


@pytest.fixture(scope="module")
def database():
    need("postgres", why_not())
    with postgres() as server:
        yield server.make("prefect").make("mlflow").make("runs")


@pytest.fixture(scope="module")
def servers(database, tmp_path_factory):
    """The folder of a Prefect and an MLflow server, and their addresses."""
    folder = tmp_path_factory.mktemp("servers")
    with (
        prefect_on(database.url("prefect", "asyncpg"), folder) as prefect,
        mlflow_on(database.url("mlflow"), folder / "mlflow") as mlflow,
    ):
        PASSWORDS[prefect.url] = prefect.password
        yield folder, prefect, mlflow


@pytest.fixture
def env(project, servers, database, tmp_path):
    """The environment of commands: the server's address, what is secret, models and tasks of the test."""
    places = os.pathsep.join([os.environ["PYTHONPATH"], str(tmp_path / "site")])
    secrets = {"MLFLOW_WORD": PASSWORD.replace(" ", "%20"), "DATABASE": database.url("runs")}
    return {**secrets, **servers[1].environment(), "PYTHONPATH": places, "PREFECT_WORKER_QUERY_SECONDS": "1"}


@pytest.fixture
def recorded(project, servers, database, tmp_path):
    """Has the project recorded at an address; in the end no secret may be in any file or table."""

    def record(uri, experiment="cinelake"):
        manifest, section = project.folder / "pipeline.yaml", f"tracking: {{uri: '{uri}', experiment: {experiment}}}"
        lines = [section if line.startswith("tracking") else line for line in text(manifest)]
        manifest.write_text("\n".join(lines) + "\n")
        return project

    yield record
    end_started()
    assert files_holding(known(database.secrets), tmp_path, servers[0]) == []
    assert [name for name in ("prefect", "mlflow", "runs") if holds(dump(database, name), database.secrets)] == []


def text(path):
    return path.read_text().splitlines()


def known(secrets):
    return (*secrets, PASSWORD, PASSWORD.replace(" ", "%20"))


def holds(content, secrets):
    return any(word.encode() in content for word in known(secrets))


def dump(database, name):
    """All that a database has, as text."""
    command = [programs() / "pg_dump", database.url(name), "--data-only", "--inserts"]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def champion(uri):
    return int(connect(uri).get_registered_model("loud").aliases["champion"])


def names_of_runs(uri):
    """How the runs of the project's experiments ended, by the first word of their names."""
    client = connect(uri)
    ours = [each for each in client.search_experiments() if each.name.split("/")[0] == "cinelake"]
    found = client.search_runs([each.experiment_id for each in ours])
    return sorted((run.info.run_name.split()[0], run.info.status) for run in found)


def test_a_deployed_training_and_the_run_after_it_are_recorded_by_servers_on_postgres(recorded, env, servers):
    project = recorded(f"http://films:${{MLFLOW_WORD}}@{servers[2]}")
    with (project.folder / "pipeline.yaml").open("a") as manifest:
        manifest.write(TRIGGERS.replace("PROJECT", "databases"))
    start("work", cwd=project.folder, env=env)
    answer_of("deploy", "-m", project.folder / "pipeline.yaml", env=env)
    import_labels(project, FILMS, env)
    assert "loud 1 is champion" in ended(servers[1].url, "train", 1)[0]["message"]
    assert "24 cells made" in ended(servers[1].url, "catalogue", 1)[0]["message"]
    assert champion(f"http://{servers[2]}") == 1
    assert names_of_runs(f"http://{servers[2]}") == [("catalogue", "FINISHED"), ("train", "FINISHED")]


def test_two_runs_at_once_on_a_new_database_are_both_recorded(recorded, env, database, tmp_path):
    project = recorded("${DATABASE}")
    others = [tmp_path / "one", tmp_path / "two"]
    for other in others:
        other.mkdir()
        manifest = (
            (project.folder / "pipeline.yaml").read_text().replace("films: films", f"films: {project.folder}/films")
        )
        (other / "pipeline.yaml").write_text(manifest)
    processes = [start("run", "--select", "films", cwd=other, env=env) for other in others]
    assert [process.wait(200) for process in processes] == [0, 0], (others[0] / "command.log").read_text()
    assert names_of_runs(database.url("runs")) == [("catalogue", "FINISHED")] * 2


def test_a_training_keeps_its_champion_in_a_database_and_its_files_beside_the_manifest(recorded, env, database):
    project = recorded("${DATABASE}", experiment="of its own")
    import_labels(project, FILMS, env)
    done = cinelake("train", "loud", cwd=project.folder, env=env)
    assert done.returncode == 0, done.stderr
    assert champion(database.url("runs")) == 1
    assert list((project.folder / "mlruns").rglob("model/artifacts/artefact"))


def test_a_server_of_cinelake_up_shows_the_password_in_no_command(recorded, env, database):
    project = recorded("${DATABASE}")
    ports = ["--prefect-port", str(free_port()), "--mlflow-port", str(free_port())]
    up = start("up", *ports, cwd=project.folder, env=env)
    deadline = time.monotonic() + 200
    while not (project.folder / ".cinelake" / "up.json").exists():
        assert time.monotonic() < deadline and up.poll() is None, (project.folder / "command.log").read_text()
        time.sleep(0.2)
    words = [word for process in psutil.process_iter() for word in commands(process)]
    assert words and not [word for word in words if holds(word.encode(), database.secrets)]


def commands(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_password_that_is_refused_is_told_without_it(recorded, env, database):
    project = recorded("${DATABASE}")
    wrong = {**env, "DATABASE": database.url("runs").replace("cinelake:", "cinelake:not-")}
    done = cinelake("models", cwd=project.folder, env=wrong)
    assert done.returncode == 1 and "password authentication failed" in done.stderr
    assert not holds(done.stderr.encode() + done.stdout.encode(), database.secrets)
