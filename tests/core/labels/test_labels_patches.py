"""A Parquet of patches with labels becomes films of faces, one a source, that models learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _real_data import REAL

from cinelake.errors import CannotTrain, UsageError
from cinelake.labels.images import IMAGES, image_file, numbered
from cinelake.labels.patches import PatchScan, holds_patches, keep_patches, patch_rows, scan_patches
from cinelake.learning.images import image_features, patch_bytes
from cinelake.manifest.document import load_manifest
from models.expressions.config import LABELS

SIZE = 48 * 48


def patch(seed: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, SIZE, np.uint8).tobytes()


def write(folder: Path, seeds: list[int], **columns: list[Any]) -> Path:
    file = folder / "faces.parquet"
    given = {"emotion": ["happy"] * len(seeds), **columns}
    pq.write_table(pa.table({"patch": [patch(seed) for seed in seeds], **given}), file)
    return file


def scan(file: Path) -> PatchScan:
    return scan_patches(file, LABELS, patch_bytes())


def kept(root: Path, file: Path) -> list[tuple[str, float, str]]:
    """Import a file; gives the rows of its labels as film, second and emotion."""
    found = scan(file)
    numbers = numbered(root, "faces", found.patches)
    keep_patches(root, "faces", found, numbers)
    rows = patch_rows(found, LABELS, numbers).rows
    return list(zip(*(rows[name].to_pylist() for name in ("movie_id", "time_s", "emotion")), strict=True))


def test_each_source_is_a_film_and_each_patch_a_second_of_it(tmp_path: Path) -> None:
    file = write(tmp_path, [1, 2, 3], emotion=["sad", "happy", "fear"], split=["Training", "PublicTest", "Training"])
    assert kept(tmp_path, file) == [
        ("images_training", 0.0, "sad"),
        ("images_publictest", 0.0, "happy"),
        ("images_training", 1.0, "fear"),
    ]


def test_without_a_source_the_file_is_one(tmp_path: Path) -> None:
    assert {film for film, _, _ in kept(tmp_path, write(tmp_path, [1, 2]))} == {"images_faces"}


def test_a_patch_keeps_its_number_when_others_come(tmp_path: Path) -> None:
    kept(tmp_path, write(tmp_path, [1, 2]))
    assert [time for _, time, _ in kept(tmp_path, write(tmp_path, [3, 2, 1]))] == [2.0, 1.0, 0.0]


def test_the_same_patch_twice_counts_once_and_is_noted(tmp_path: Path) -> None:
    found = scan(write(tmp_path, [1, 2, 1]))
    assert [p.line for p in found.patches] == [1, 2]
    assert found.notes == ["1 patches are dropped: they are in the file already, with the same label"]


def test_a_patch_with_two_labels_is_left_out_and_noted(tmp_path: Path) -> None:
    found = scan(write(tmp_path, [1, 2, 1], emotion=["sad", "happy", "fear"]))
    assert [p.line for p in found.patches] == [2] and found.notes == [
        "1 patches are left out: the file gives them two labels"
    ]


@pytest.mark.parametrize("wrong", [b"short", None, [1, 300]])
def test_a_patch_of_another_form_is_a_problem_with_its_row(tmp_path: Path, wrong: Any) -> None:
    file = tmp_path / "faces.parquet"
    pq.write_table(pa.table({"patch": [wrong], "emotion": ["happy"]}), file)
    (problem,) = scan(file).problems
    assert (problem.line, problem.where) == (1, "patch") and "expected 2304 grey bytes" in problem.message


def test_patches_may_be_lists_of_numbers(tmp_path: Path) -> None:
    file = tmp_path / "faces.parquet"
    pq.write_table(pa.table({"patch": [list(patch(1))], "emotion": ["happy"]}), file)
    assert scan(file).patches[0].data == patch(1)


@pytest.mark.parametrize("wrong", [["a"], b"x" * 2_000_000], ids=["texts", "long"])
def test_a_file_whose_patches_can_be_none_is_not_unpacked(tmp_path: Path, wrong: Any) -> None:
    file = tmp_path / "faces.parquet"
    pq.write_table(pa.table({"patch": [wrong], "emotion": ["happy"]}), file)
    (problem,) = scan(file).problems
    assert "the file cannot be patches" in problem.message


def test_a_file_without_the_class_says_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "faces.parquet"
    pq.write_table(pa.table({"patch": [patch(1)], "mood": ["happy"]}), file)
    assert "The file has patch, mood" in scan(file).problems[0].message


def test_other_files_hold_no_patches(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("movie_id,time_s\n")
    assert not holds_patches(tmp_path / "labels.csv") and holds_patches(write(tmp_path, [1]))


def test_patches_do_not_go_among_pictures(tmp_path: Path) -> None:
    path = image_file(tmp_path, "faces", "images_faces")
    path.parent.mkdir(parents=True)
    pq.write_table(IMAGES.empty_table(), path)
    with pytest.raises(UsageError, match="holds pictures, not patches"):
        kept(tmp_path, write(tmp_path, [1]))


def features(tmp_path: Path, table: str) -> pa.Table:
    (tmp_path / "films").mkdir()
    (tmp_path / "pipeline.yaml").write_text(
        "lake: lake\ncatalogue: {films: films}\ntasks: {shots: {}, frames: {}, faces: {}, embeddings: {}}\n"
    )
    kept(tmp_path, write(tmp_path, [1, 2]))
    entries = load_manifest(tmp_path / "pipeline.yaml").tasks
    path = image_file(tmp_path, "faces", "images_faces")
    return image_features(path, {table: table}, entries, tmp_path / "cache")[table].read()


def test_patches_are_read_as_the_faces_of_their_film(tmp_path: Path) -> None:
    faces = features(tmp_path, "faces")
    assert faces["time_s"].to_pylist() == [0.0, 1.0] and faces["is_main"].to_pylist() == [True, True]
    assert bytes(faces["patch"][1].as_py()) == patch(2)


def test_tables_of_whole_pictures_cannot_be_made_of_patches(tmp_path: Path) -> None:
    with pytest.raises(CannotTrain, match="frames"):
        features(tmp_path, "embeddings")


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (CINELAKE_REAL_DATA names the folder)")
def test_fer2013_is_read_as_it_is() -> None:
    found = scan(REAL / "features" / "fer2013.parquet")
    assert {patch.movie_id for patch in found.patches} == {"images_training", "images_publictest"}
    assert len(found.patches) > 30_000 and not found.problems
