"""Which experiment a run is kept in, and what MLflow's UI reads of it."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import pytest
from _mlflow_store import store_in
from mlflow import MlflowClient

from cinelake.manifest.sections import TrackingSettings
from cinelake.storage.files import alone
from cinelake.storage.interrupts import joined
from cinelake.tracking import runs
from cinelake.tracking.experiments import CATALOGUE, Experiment, experiment_id, training_view
from cinelake.tracking.runs import DatasetNote, RunRecord, TrainingRecord, mlflow_page
from cinelake.tracking.store import connect

SCENES = Experiment("scenes", "recall@3s")


@pytest.fixture
def tracking(tmp_path: Path) -> TrackingSettings:
    """A store of one's own."""
    return store_in(tmp_path)


def test_a_models_trainings_are_beside_the_runs_of_the_catalogue(tracking: TrackingSettings) -> None:
    names = [each.name(tracking) for each in (CATALOGUE, SCENES)]
    assert names == ["cinelake", "cinelake/scenes"]


def test_an_experiment_is_one_of_trainings_and_knows_what_its_gate_looks_at(tracking: TrackingSettings) -> None:
    client = connect(tracking.uri)
    tags = client.get_experiment(experiment_id(client, tracking, SCENES)).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    assert tags["mlflow.experiment.primaryMetric.name"] == "gate/recall_3s"


def test_an_experiment_of_an_earlier_release_gets_what_it_lacks_and_keeps_what_it_has(
    tracking: TrackingSettings,
) -> None:
    client = connect(tracking.uri)
    kept = client.create_experiment("cinelake", tags={"mlflow.note.content": "ours"})
    assert experiment_id(client, tracking, CATALOGUE) == kept
    tags = client.get_experiment(kept).tags
    assert (tags["mlflow.note.content"], "mlflow.experimentKind" in tags) == ("ours", True)


def test_a_child_is_kept_where_its_parent_is(tracking: TrackingSettings) -> None:
    with TrainingRecord(tracking, "tune") as old:
        child = TrainingRecord(tracking, "1", experiment=SCENES, parent=old.run_id)
    experiments = {old.client.get_run(run).info.experiment_id for run in (old.run_id, child.run_id)}
    assert len(experiments) == 1


def test_a_run_says_what_it_is_about_and_what_it_worked_on(tracking: TrackingSettings) -> None:
    films = DatasetNote("scenes v2 test", "0" * 32, "test", "labels/scenes", {"films": 2}, {"time_s": "float64"})
    with TrainingRecord(tracking, "train scenes", experiment=SCENES) as record:
        record.describe("learns `scenes`")
        record.datasets([films])
        record.datasets([films])
    run = record.client.get_run(record.run_id)
    (kept,) = run.inputs.dataset_inputs
    assert (kept.dataset.name, kept.tags[0].value, kept.dataset.profile) == ("scenes v2 test", "test", '{"films": 2}')
    assert run.data.tags["mlflow.note.content"] == "learns `scenes`"


def test_a_run_of_the_catalogue_is_described_by_what_it_made(tracking: TrackingSettings) -> None:
    films = DatasetNote("films", "0" * 32, "catalogue", "pipeline.yaml", {"films": 1})
    record = RunRecord(tracking, "catalogue", {}, {"engine": "local"}, "to make: shots 1", films).start()
    run_id = record.finish("FINISHED", {"cells_made": 1}, [], {}, "made 1 cell")
    run = connect(tracking.uri).get_run(run_id)
    assert run.data.tags["mlflow.note.content"] == "made 1 cell"
    assert (run.data.params, run.inputs.dataset_inputs[0].dataset.name) == ({"engine": "local"}, "films")


def test_a_run_begins_with_the_work_and_not_when_mlflow_is_there(tracking: TrackingSettings) -> None:
    record = RunRecord(tracking, "catalogue", {}, {}, began_ms=1_000_000)
    run = connect(tracking.uri).get_run(record.start().finish("FINISHED", {}, [], {}))
    assert (run.info.start_time, run.info.status) == (1_000_000, "FINISHED")


def test_the_address_of_a_run_opens_the_view_of_trainings(tracking: TrackingSettings) -> None:
    with TrainingRecord(tracking, "train scenes") as record:
        pass
    assert mlflow_page(tracking, record.run_id).endswith(training_view(f"/runs/{record.run_id}"))


def test_a_run_that_was_stopped_does_not_wait_for_mlflow_and_leaves_no_record_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "HASTE_S", 0.0)
    tracking = store_in(tmp_path)
    with alone(tmp_path):  # another process makes its database
        record = RunRecord(tracking, "catalogue", {}, {}).start()
        assert record.finish("KILLED", {}, [], {}, in_haste=True).startswith("not recorded: the run was stopped")
    assert record._thread is not None and joined(record._thread)
    assert connect(tracking.uri).search_experiments(filter_string="name = 'cinelake'") == []


def test_a_run_that_was_opened_after_it_was_given_up_does_not_seem_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "HASTE_S", 0.0)
    tracking, make, is_opening, is_given_up = store_in(tmp_path), MlflowClient.create_run, Event(), Event()

    def slowly(*words: Any) -> Any:
        is_opening.set()
        is_given_up.wait()
        return make(*words)

    monkeypatch.setattr(MlflowClient, "create_run", slowly)
    record = RunRecord(tracking, "catalogue", {}, {}).start()
    is_opening.wait()
    assert record.finish("KILLED", {}, [], {}, in_haste=True).startswith("not recorded: the run was stopped")
    is_given_up.set()
    assert record._thread is not None and joined(record._thread)
    assert connect(tracking.uri).get_run(record._run_id).info.status == "KILLED"


def test_a_run_that_was_stopped_says_what_kept_mlflow_from_recording_it(tmp_path: Path) -> None:
    (tmp_path / "a_file").touch()
    record = RunRecord(TrackingSettings(uri=f"sqlite:///{tmp_path}/a_file/mlflow.db"), "catalogue", {}, {}).start()
    assert record._thread is not None and joined(record._thread)
    assert "FileExistsError" in record.finish("KILLED", {}, [], {}, in_haste=True)
