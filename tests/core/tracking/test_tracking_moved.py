"""A project that was moved or copied reads and writes its own files, whatever addresses MLflow's database has kept."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from _mlflow_store import store_in

from cinelake.manifest.sections import TrackingSettings
from cinelake.tracking.experiments import Experiment
from cinelake.tracking.runs import TrainingRecord
from cinelake.tracking.store import connect

SCENES = Experiment("scenes", "map")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder whose name needs escapes in addresses, with one recorded training."""
    folder = tmp_path / f"project {random.randint(0, 99)} %_é"
    folder.mkdir()
    train(store_in(folder), "first")
    return folder


def train(tracking: TrackingSettings, word: str) -> str:
    """Record a training with one file; returns its run."""
    with TrainingRecord(tracking, "train scenes", experiment=SCENES) as record:
        record.text("word.txt", word)
    return record.run_id


def settings(folder: Path) -> TrackingSettings:
    return TrackingSettings(uri=f"sqlite:///{folder}/mlflow.db")


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("word.txt")}


def read(tracking: TrackingSettings, run_id: str, to: Path) -> str:
    to.mkdir()
    return Path(connect(tracking.uri).download_artifacts(run_id, "word.txt", str(to))).read_text()


def test_a_copy_writes_nothing_into_the_original(project: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(project, tmp_path / "copy"))
    before = files(project)
    run_id = train(settings(copy), "second")
    assert files(project) == before and len(files(copy)) == 2
    assert read(settings(copy), run_id, tmp_path / "read") == "second"


def test_what_was_recorded_before_a_move_is_found_after_it(project: Path, tmp_path: Path) -> None:
    (run_id,) = {path.parts[1] for path in files(project)}
    moved = project.rename(tmp_path / "elsewhere")
    assert read(settings(moved), run_id, tmp_path / "read") == "first"


def test_files_that_were_not_copied_with_the_database_stay_where_they_are(project: Path, tmp_path: Path) -> None:
    (tmp_path / "alone" / "mlruns").mkdir(parents=True)
    shutil.copy(project / "mlflow.db", tmp_path / "alone")
    (run_id,) = {path.parts[1] for path in files(project)}
    assert read(settings(tmp_path / "alone"), run_id, tmp_path / "read") == "first"


def test_a_link_to_the_folder_is_the_same_folder(project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project)
    before = (project / "mlflow.db").read_bytes()
    connect(settings(tmp_path / "link").uri)
    assert (project / "mlflow.db").read_bytes() == before
