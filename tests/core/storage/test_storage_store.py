"""Storage: files come into place whole, and what keeps them from it is told."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cinelake.errors import StorageError
from cinelake.storage.store import FileStat, Storage, storage_errors


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "lake"))


def publish(storage: Storage, text: str, *parts: str) -> None:
    with storage.scratch() as scratch:
        (scratch / "file").write_text(text)
        storage.publish(scratch / "file", *parts)


def root(storage: Storage) -> Path:
    assert storage.local
    return storage.local


def test_a_published_file_takes_the_place_of_the_one_before(storage: Storage) -> None:
    publish(storage, "old", "marks", "film.parquet")
    publish(storage, "new", "marks", "film.parquet")
    assert (root(storage) / "marks/film.parquet").read_text() == "new"
    assert list(storage.files("marks")) == ["film.parquet"]


def test_a_reader_keeps_the_file_it_opened_while_another_is_published(storage: Storage) -> None:
    publish(storage, "old", "marks", "film.parquet")
    with (root(storage) / "marks/film.parquet").open() as reading:
        publish(storage, "new", "marks", "film.parquet")
        assert reading.read() == "old"


def test_scratch_is_on_the_lake_s_own_file_system_and_goes_with_its_owner(storage: Storage) -> None:
    with pytest.raises(RuntimeError), storage.scratch() as scratch:
        assert scratch.is_relative_to(root(storage) / "_tmp")
        (scratch / "half").write_text("written")
        raise RuntimeError("in the middle")
    assert list((root(storage) / "_tmp").iterdir()) == []


def test_the_scratch_of_a_lake_elsewhere_lies_in_no_folder_that_users_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Storage("s3://bucket/lake").scratch() as scratch:
        assert scratch.parent == tmp_path and not scratch.stat().st_mode & 0o077
    assert list(tmp_path.iterdir()) == []


def test_only_parquet_files_are_listed(storage: Storage) -> None:
    publish(storage, "12345", "marks", "film.parquet")
    folder = root(storage) / "marks"
    (folder / "notes.txt").write_text("notes")
    (folder / "folder.parquet").mkdir()
    (folder / "broken.parquet").symlink_to("nowhere")
    (folder / "round.parquet").symlink_to("round.parquet")
    assert {name: stamp.size for name, stamp in storage.files("marks").items()} == {"film.parquet": 5}


def test_a_folder_that_is_not_there_holds_nothing(storage: Storage) -> None:
    assert (storage.folders(), storage.files("marks")) == ([], {})


def test_a_stamp_tells_a_file_from_the_one_before(storage: Storage) -> None:
    publish(storage, "one", "marks", "film.parquet")
    before = storage.stamp("marks", "film.parquet")
    os.utime(root(storage) / "marks/film.parquet", ns=(0, 7))
    after = storage.stamp("marks", "film.parquet")
    assert before != after and after == FileStat(3, 7)
    assert storage.stamp("marks", "other.parquet") is None


def test_deleting_what_is_not_there_is_no_error(storage: Storage) -> None:
    publish(storage, "one", "marks", "film.parquet")
    for _ in range(2):
        storage.delete("marks", "film.parquet")
    assert storage.files("marks") == {}


def test_a_place_of_a_kind_that_nobody_knows_is_told_as_such() -> None:
    with pytest.raises(StorageError, match=r"http://elsewhere/lake: .*Name a folder, or s3://bucket"):
        Storage("http://elsewhere/lake")


def test_a_place_may_be_given_as_a_file_uri(tmp_path: Path) -> None:
    publish(Storage(f"file://{tmp_path}/lake"), "one", "marks", "film.parquet")
    assert (tmp_path / "lake/marks/film.parquet").exists()


def test_sweeping_removes_the_scratch_of_dead_processes_only(storage: Storage) -> None:
    code = "import sys; from cinelake.storage.files import owner_name; print(owner_name())"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
    with storage.scratch() as ours:
        kept = [ours, ours.parent / "not_ours"]
        for folder in [kept[1], ours.parent / dead]:
            folder.mkdir()
        assert storage.sweep() == 1
        assert sorted(ours.parent.iterdir()) == sorted(kept)


ADVICE = [
    (errno.ENOSPC, "The disk is full: free space"),
    (errno.EDQUOT, "quota is used up"),
    (errno.EROFS, "[Rr]ead-only file system. Mount the file system writable"),
    (errno.EACCES, "Check the owner and mode"),
    (errno.ECONNREFUSED, "Check that the place exists"),
]


@pytest.mark.parametrize(("number", "advice"), ADVICE)
def test_a_storage_error_says_what_to_do(number: int, advice: str) -> None:
    what = os.strerror(number)
    with pytest.raises(StorageError, match=advice) as raised, storage_errors("writing shots of film"):
        raise OSError(number, what)
    assert str(raised.value).lower().count(what.lower()) == 1


def test_a_lake_below_a_file_cannot_be_and_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="making a scratch folder"):
        Storage(str(tmp_path / "file" / "lake")).check_writable()
