"""What MLflow holds of a training: parameters, epochs, files, and how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from _mlflow_store import store_in

from cinelake.errors import StorageError, UsageError
from cinelake.manifest.sections import TrackingSettings
from cinelake.tracking.registry import json_of
from cinelake.tracking.runs import TrainingRecord


@pytest.fixture
def tracking(tmp_path: Path) -> TrackingSettings:
    """A store of one's own."""
    return store_in(tmp_path)


def _run(record: TrainingRecord) -> Any:
    return record.client.get_run(record.run_id)


def test_every_epoch_is_kept_though_they_are_written_together(tracking: TrackingSettings) -> None:
    with TrainingRecord(tracking, "train scenes") as record:
        for number in range(130):
            record.epoch(number, {"loss": 1 / (number + 1)})
    kept = record.client.get_metric_history(record.run_id, "loss")
    assert [metric.step for metric in kept] == list(range(130))


def test_a_small_training_writes_its_epochs_in_one_call(tracking: TrackingSettings) -> None:
    with TrainingRecord(tracking, "train scenes") as record:
        record.epoch(0, {"loss": 1.0})
        assert _run(record).data.metrics == {}
    assert _run(record).data.metrics == {"loss": 1.0}


def test_a_long_parameter_is_cut_and_many_are_kept(tracking: TrackingSettings) -> None:
    with TrainingRecord(tracking, "train scenes") as record:
        record.params({"films": "x" * 9000, **{f"p{number}": number for number in range(250)}})
    kept = _run(record).data.params
    assert (len(kept["films"]), len(kept)) == (6000, 251)


@pytest.mark.parametrize(
    ("error", "status"), [(None, "FINISHED"), (KeyboardInterrupt(), "KILLED"), (RuntimeError("no"), "FAILED")]
)
def test_a_run_says_how_it_ended(tracking: TrackingSettings, error: BaseException | None, status: str) -> None:
    try:
        with TrainingRecord(tracking, "train scenes") as record:
            if error:
                raise error
    except (KeyboardInterrupt, RuntimeError):
        pass
    assert _run(record).info.status == status


def test_a_resumed_training_goes_on_in_its_run(tracking: TrackingSettings) -> None:
    with TrainingRecord(tracking, "train scenes") as first:
        first.params({"seed": 1})
    with TrainingRecord(tracking, "train scenes", resume_run_id=first.run_id) as second:
        second.params({"seed": 1, "epochs": 5})
    assert (second.run_id, _run(second).data.params) == (first.run_id, {"seed": "1", "epochs": "5"})


def test_a_run_that_mlflow_lost_is_begun_anew(tracking: TrackingSettings) -> None:
    with TrainingRecord(tracking, "train scenes", resume_run_id="0" * 32) as record:
        assert record.run_id != "0" * 32


def test_a_trial_is_a_child_of_its_tuning(tracking: TrackingSettings) -> None:
    with TrainingRecord(tracking, "tune") as parent, TrainingRecord(tracking, "1", parent=parent.run_id) as child:
        assert child.client.get_parent_run(child.run_id).info.run_id == parent.run_id


def test_a_child_is_found_by_its_tag(tracking: TrackingSettings) -> None:
    with TrainingRecord(tracking, "tune") as parent:
        with TrainingRecord(tracking, "1", parent=parent.run_id, tags={"key": "a"}) as child:
            assert parent.child("key", "a") == child.run_id
        assert parent.child("key", "b") is None


def test_names_that_mlflow_does_not_take_are_mended(tracking: TrackingSettings) -> None:
    with TrainingRecord(tracking, "train scenes") as record:
        record.metrics({"recall@3s": 0.5})
    assert _run(record).data.metrics == {"recall_3s": 0.5}


def test_a_resumed_training_keeps_each_row_of_a_table_once(tracking: TrackingSettings) -> None:
    rows = [{"class": "war", "f1": 0.5}, {"class": "love", "f1": None}]
    with TrainingRecord(tracking, "train scenes") as record:
        record.table("classes.json", rows)
        record.table("classes.json", rows)
    kept = json_of(tracking, record.run_id, "classes.json")
    assert kept == {"columns": ["class", "f1"], "data": [["war", 0.5], ["love", None]]}


def test_a_table_is_kept_as_csv_with_every_column(tracking: TrackingSettings, tmp_path: Path) -> None:
    with TrainingRecord(tracking, "tune scenes") as record:
        record.table("trials.csv", [{"filters": 13, "map": 0.5}, {"filters": 10, "note": "stopped"}])
    text = Path(record.client.download_artifacts(record.run_id, "trials.csv", str(tmp_path))).read_text()
    assert text == "filters,map,note\n13,0.5,\n10,,stopped\n"


def test_training_without_tracking_says_what_to_set(tracking: TrackingSettings) -> None:
    with pytest.raises(UsageError, match=r"tracking\.enabled"):
        TrainingRecord(tracking.model_copy(update={"enabled": False}), "train scenes")


def test_a_server_that_is_not_there_is_a_storage_error() -> None:
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:9.*whether it runs"):
        TrainingRecord(TrackingSettings(uri="http://127.0.0.1:9"), "train scenes")
