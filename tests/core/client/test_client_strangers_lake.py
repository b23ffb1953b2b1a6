"""A lake that somebody else has made: what lies in it is read, refused in words, or made anew; nothing outside is."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from _small_lake import commit_marks

import cinelake
from cinelake.errors import DamagedPublication, StorageError
from cinelake.lake import index
from cinelake.lake.cells import FOOTER_KEY, Lake
from cinelake.lake.format import note_format
from cinelake.lake.index import Index
from cinelake.lake.published import forget_versions

DEEP = "[" * 100_000 + "]" * 100_000
GOOD = {"key": "k", "meaning": "m", "ingredients": {}, "run": {}}
WRONG = ({"key": [1]}, {"key": "\ud800"}, {"meaning": None}, {"ingredients": [1]}, {"run": {"content_digest": 1}},
         {"run": "content_digest"}, {"run": {"input_digests": []}})  # fmt: skip
FOOTERS = [DEEP, "[1]", "3", '{"a":' * 100_000, *(json.dumps({**GOOD, **wrong}) for wrong in WRONG)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lake with one cell."""
    lake = Lake(str(tmp_path / "lake"))
    commit_marks(lake, "alien")
    note_format(lake)
    return tmp_path / "lake"


def published(folder: Path, digest: str, latest: str = '{"version": 3}', table: str = "marks") -> None:
    """Three versions of one file."""
    (folder / "published" / "versions").mkdir(parents=True)
    (folder / "published" / "latest.json").write_text(latest)
    (folder / "published" / "files" / "marks" / "bucket=0001").mkdir(parents=True)
    for number in (1, 2, 3):
        files = [{"bucket": 1, "digest": digest if number == 1 else "ab", "rows": 3, "bytes": 3}]
        about = {table: {"doc": "d", "key": ["mark"], "columns": [], "files": files}}
        version = {"number": number, "at": "x", "films": 1, "buckets": 1, "tables": about}
        (folder / "published" / "versions" / f"{number}.json").write_text(json.dumps(version))


@pytest.mark.parametrize("footer", FOOTERS, ids=range(len(FOOTERS)))
def test_a_footer_that_no_cinelake_writes_is_none(folder, footer):
    file = folder / "marks" / "alien.parquet"
    pq.write_table(pq.read_table(file, partitioning=None).replace_schema_metadata({FOOTER_KEY: footer}), file)
    assert Index(Lake(str(folder))).cells("marks") == {}
    assert cinelake.open(str(folder)).sql("select count(*) n from marks").rows() == [{"n": 3}]


@pytest.mark.parametrize("name", ["_format.json", "published/latest.json", "published/versions/3.json"])
@pytest.mark.parametrize("how", ["deep", "pipe"])
def test_records_that_nest_too_deep_or_are_pipes_are_refused_in_words(folder, name, how):
    published(folder, "ab")
    (folder / name).unlink()
    (folder / name).write_text(DEEP) if how == "deep" else os.mkfifo(folder / name)
    with pytest.raises(StorageError):
        cinelake.open(str(folder), published=True)


@pytest.mark.parametrize("latest", ['{"version": 1e999}', '{"version": NaN}', '{"version": []}', "[]"])
def test_a_pointer_to_no_version_is_damaged(folder, latest):
    published(folder, "ab", latest)
    with pytest.raises(DamagedPublication):
        cinelake.open(str(folder), published=True)


def test_a_version_that_names_files_outside_the_lake_is_damaged_and_has_none_of_them_deleted(folder):
    outside = folder.parent / "precious.parquet"
    outside.write_bytes((folder / "marks" / "alien.parquet").read_bytes())
    published(folder, "../../../../../precious")
    with pytest.raises(DamagedPublication):
        cinelake.open(str(folder), published=1)
    assert forget_versions(Lake(str(folder)), keep=1) == [1, 2] and outside.exists()


@pytest.mark.parametrize("place", [lambda file: os.mkfifo(file), lambda file: file.symlink_to("/etc/passwd")],
                         ids=["pipe", "link"])  # fmt: skip
def test_a_cell_that_is_a_pipe_or_leads_out_of_the_lake_is_refused_at_once(folder, place: Callable[[Path], None]):
    place(folder / "marks" / "zorro.parquet")
    with pytest.raises(StorageError, match="a file of marks cannot be read"):
        cinelake.open(str(folder)).sql("from marks").rows()


def test_an_index_whose_table_is_a_view_without_end_is_made_anew(folder):
    with closing(sqlite3.connect(folder / "_index.sqlite")) as connection:
        endless = "with recursive r(x) as (select 1 union all select x + 1 from r) select"
        connection.execute(
            f"create view cells as {endless} 'x' name, 'marks' folder, x size, x mtime, 1 settled from r"
        )
        connection.execute(f"pragma user_version = {index.VERSION}")
    assert list(Index(Lake(str(folder))).cells("marks")) == ["alien"]
