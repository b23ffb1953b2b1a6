"""The file system through which DuckDB reads a lake: of the folder alone, read-only, from many threads at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cinelake.query.lake_files import LakeFiles

LETTERS = b"abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def files(tmp_path: Path) -> LakeFiles:
    (tmp_path / "lake" / "shots").mkdir(parents=True)
    (tmp_path / "lake" / "shots" / "alien.parquet").write_bytes(LETTERS)
    (tmp_path / "secret").write_text("secret")
    return LakeFiles(str(tmp_path / "lake"))


@pytest.mark.parametrize("mode", ["wb", "rb+", "ab", "xb", "w", "r+"])
def test_a_file_is_opened_to_read_only(files: LakeFiles, mode: str) -> None:
    for path in ("lake://shots/alien.parquet", "lake://shots/new.parquet"):
        with pytest.raises(PermissionError, match="write nothing"):
            files.open(path, mode)
    assert [path.name for path in (files.root / "shots").iterdir()] == ["alien.parquet"]


def test_what_else_a_file_system_may_do_is_not_implemented(files: LakeFiles) -> None:
    for change in (files.rm, files.rm_file, files.created):
        with pytest.raises(NotImplementedError):
            change("lake://shots/alien.parquet")
    with pytest.raises(NotImplementedError):
        files.mv("lake://shots/alien.parquet", "lake://shots/b.parquet")
    files.mkdir("lake://new")
    assert [path.name for path in files.root.rglob("*")] == ["shots", "alien.parquet"]


@pytest.mark.parametrize("path", ["lake://../secret", "lake://shots/../../secret", "lake:///../secret", "../secret"])
def test_no_path_leads_out_of_the_folder(files: LakeFiles, path: str) -> None:
    for read in (files.open, files.info, files.modified, files.glob):
        with pytest.raises(PermissionError, match="outside the lake"):
            read(path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once_and_left_closed(files: LakeFiles, make: Callable[[Path], None]) -> None:
    place = files.root / "shots" / "other.parquet"
    make(place)
    with pytest.raises((PermissionError, IsADirectoryError)):
        files.open("lake://shots/other.parquet")
    links = [Path(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    assert place not in [link.readlink() for link in links if link.is_symlink()]


def test_an_absolute_path_is_one_in_the_folder(files: LakeFiles) -> None:
    with pytest.raises(FileNotFoundError):
        files.open("lake:///etc/passwd")


def test_files_are_found_by_pattern_in_order(files: LakeFiles) -> None:
    (files.root / "shots" / ".hack.parquet").touch()
    (files.root / "shots" / "[a].parquet").touch()
    names = ["shots/.hack.parquet", "shots/[a].parquet", "shots/alien.parquet"]
    assert files.glob("lake://shots/*.parquet") == names
    assert files.glob("lake://shots/[[]a].parquet") == names[1:2] and files.glob("lake://") == []


def test_a_file_is_read_from_any_place_and_on_from_there(files: LakeFiles) -> None:
    file = files.open("lake://shots/alien.parquet")
    assert (file.read(3), file.tell(), file.read(2)) == (b"abc", 3, b"de")
    assert (file.seek(-2, os.SEEK_END), file.read(9), file.read(9)) == (24, b"yz", b"")
    assert (file.seek(1), file.seek(1, os.SEEK_CUR), file.read(1), file.read()) == (1, 2, b"c", LETTERS[3:])


def test_a_seek_holds_for_the_next_read_of_its_own_thread(files: LakeFiles) -> None:
    file = files.open("lake://shots/alien.parquet")
    with ThreadPoolExecutor(1) as other:
        file.seek(3)
        other.submit(file.seek, 20).result()
        assert (file.read(2), other.submit(file.read, 2).result()) == (b"de", b"uv")
        file.seek(0)
        assert [other.submit(file.read, 1).result(), file.read(1), other.submit(file.read, 1).result()] == [
            b"a",
            b"b",
            b"c",
        ]


def test_many_threads_read_what_is_there(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).random(300_000)
    for film in range(6):
        pq.write_table(
            pa.table(dict.fromkeys("abcd", numbers + film)), tmp_path / f"{film}.parquet", row_group_size=9_000
        )
    connection = duckdb.connect(config={"threads": 8})
    connection.register_filesystem(LakeFiles(str(tmp_path)))
    connection.execute("SET enable_external_file_cache = false")
    sql = "SELECT sum(hash(a)), sum(hash(b)), sum(hash(c)), sum(hash(d)) FROM read_parquet('{}/*.parquet')"
    expected = connection.execute(sql.format(tmp_path)).fetchall()
    for _ in range(10):
        assert connection.execute(sql.format("lake:/")).fetchall() == expected
