"""A project kept from the first release: of it only `films` is made anew, for its new columns, and all of it works."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from cinelake.manifest.document import Manifest, load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.plan.replay import replay
from cinelake.tracking.registry import champion, versions

ARCHIVE = Path(__file__).parent / "kept" / "first_release.tar.xz"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Two films with eight tables each, the labels and the champion of `scenes`, and the database of its training."""
    folder = tmp_path_factory.mktemp("kept")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return load_manifest(folder / "pipeline.yaml")


def test_a_plan_over_a_kept_lake_selects_only_the_table_that_has_new_columns(kept: Manifest) -> None:
    cells = plan_manifest(kept).plan.cells
    assert len(cells) == 16
    stale = {(cell.table, cell.state, cell.reason) for cell in cells if cell.state != "fresh"}
    assert stale == {("films", "stale", "task revision 1→3")}


@pytest.mark.parametrize("table", ["scenes", "shot_features", "shots"])
def test_a_kept_cell_made_again_is_the_same_up_to_the_processor(kept: Manifest, table: str) -> None:
    assert replay(plan_manifest(kept), table, "film_00").within(1e-4)


def test_a_kept_tracking_database_knows_its_champion(kept: Manifest) -> None:
    found = champion(kept.tracking, "scenes")
    assert [version.number for version in versions(kept.tracking, "scenes")] == [1]
    assert found and found.digest == "4af661d7d97090cf54b26cf8aba2fa70"


def test_a_version_that_was_registered_before_is_still_served(kept: Manifest) -> None:
    import mlflow.pyfunc

    (folder,) = kept.folder.glob("mlruns/*/artifacts/model")
    served = mlflow.pyfunc.load_model(str(folder))
    features = {field.name: np.zeros((4, *field.shape[1:]), field.type) for field in served.metadata.signature.inputs}
    assert len(served.predict(features)["probability"]) == 4
