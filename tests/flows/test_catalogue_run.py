"""A run from its first film to its record, with a real Prefect server and a real MLflow."""

import json
import time
from pathlib import Path

import pytest
from end_to_end._command import BEGUN, answer_of, asked, below
from end_to_end._lakes import TABLES, cells, change, identities, other_files


def recorded_tasks(url, flow_run_id, count):
    """Names of a flow run's task runs; the server records them a moment after they ended."""
    deadline = time.monotonic() + 60
    while True:
        tasks = [run["name"] for run in asked(url, "task_runs", flow_runs={"id": {"any_": [flow_run_id]}})]
        if len(tasks) >= count or time.monotonic() > deadline:
            return tasks
        time.sleep(0.5)


@pytest.fixture(scope="module")
def recorded(made):
    """The MLflow client and the run of the first catalogue run."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{made / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("cinelake").experiment_id])
    return client, run


def artifact(recorded, name, tmp_path):
    client, run = recorded
    return Path(client.download_artifacts(run.info.run_id, name, str(tmp_path))).read_text()


def test_the_first_run_makes_every_table_of_every_film(made):
    assert len(cells(made / "lake")) == 2 * len(TABLES)
    assert "done: 12 cells made" in (made / "first.txt").read_text()


def test_a_run_leaves_nothing_but_cells_an_index_and_the_lakes_format(made):
    assert json.loads((made / "lake" / "_format.json").read_text()) == {"format": 1}
    assert other_files(made / "lake") == set()
    assert not list((made / "lake" / "_tmp").glob("*"))


def test_a_run_ends_its_own_server_and_workers(made):
    assert not below(made)


def test_a_second_run_finds_everything_fresh_within_seconds(made):
    before = identities(made / "lake")
    began = time.monotonic()
    assert answer_of("run", "-m", made / "pipeline.yaml")["fresh"] == 12
    assert time.monotonic() - began < 20
    assert identities(made / "lake") == before


def test_the_run_is_recorded_with_its_counts(recorded):
    _, run = recorded
    assert run.info.status == "FINISHED"
    assert run.data.metrics["cells_made"] == 12 and run.data.metrics["made_shots"] == 2
    assert run.data.metrics["film_s"] == pytest.approx(12, abs=0.5)
    assert run.data.params["engine"] == "local"


def test_the_record_holds_the_manifest_and_the_plan(recorded, made, tmp_path):
    assert artifact(recorded, "pipeline.yaml", tmp_path) == (made / "pipeline.yaml").read_text()
    plan = json.loads(artifact(recorded, "plan.json", tmp_path))
    assert len(plan["cells"]) == 12 and {cell["reason"] for cell in plan["cells"]} == {"new film"}


@pytest.fixture(scope="module")
def changed(made, prefect, tmp_path_factory):
    """The project after a changed parameter, a bad film and another run: the project, what it says, cells before."""
    from end_to_end._lakes import copied

    project = copied(made, tmp_path_factory.mktemp("changed") / "project")
    before = identities(project / "lake")
    change(project, "fps: 1", "fps: 2")
    (project / "films" / "bad.mp4").write_text("no film")
    return project, answer_of("run", "-m", project / "pipeline.yaml", env=prefect), before


def test_a_changed_parameter_makes_its_table_and_descendants_again_and_nothing_else(changed):
    project, said, before = changed
    after = identities(project / "lake")
    assert {name.split("/")[0] for name in before if after[name] != before[name]} == {"frames", "faces", "embeddings"}
    assert said["made"] == {"frames": 2, "faces": 2, "embeddings": 2} and said["fresh"] == 6


def test_a_table_of_the_failures_is_recorded(changed, tmp_path):
    from mlflow import MlflowClient

    project, said, _ = changed
    client = MlflowClient(tracking_uri=f"sqlite:///{project / 'mlflow.db'}")
    table = json.loads(artifact((client, client.get_run(said["mlflow"])), "failures.json", tmp_path))
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert {(row["movie_id"], row["reason"]) for row in rows} == {("bad", "not_a_film")}
    assert {row["task"] for row in rows} == {"films", "shots", "frames", "sound"}


def test_the_configured_server_sees_one_flow_run_with_one_task_run_per_film(changed, prefect):
    project, _, _ = changed
    url = prefect["PREFECT_API_URL"]
    mine = str(project / "pipeline.yaml")
    runs = asked(url, "flow_runs", flow_runs=BEGUN)
    (flow,) = [run for run in runs if run["parameters"].get("manifest") == mine]
    assert flow["state_type"] == "COMPLETED"
    tasks = recorded_tasks(url, flow["id"], 3)
    films = {"bad: 6 tables", "the_broken_river_000: frames, faces, embeddings"}
    assert set(tasks) == {*films, "the_golden_road_001: frames, faces, embeddings"}


def test_the_configured_server_is_used_and_left_running(changed, prefect):
    project, _, _ = changed
    assert not (project / ".cinelake" / "prefect").exists()
    assert asked(prefect["PREFECT_API_URL"], "flow_runs")
