"""The index of footers and fingerprints: fast, and never more than a cache."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _small_lake import commit_marks, marks
from storage._parquet_bombs import deep_schema

from cinelake.errors import DamagedFilm
from cinelake.lake import index as index_module
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.storage.content import fingerprint


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with two cells, made long ago."""
    lake = Lake(str(tmp_path / "lake"))
    for movie_id in ("alien", "brazil"):
        commit_marks(lake, movie_id, key=f"key of {movie_id}", run={"wall_s": 1.5})
        age(cell(lake, movie_id))
    return lake


@pytest.mark.parametrize("use_cache", [True, False])
def test_cells_of_films_with_a_few_bad_pictures_are_found(lake, use_cache):
    commit_marks(lake, "casablanca", run={"decode": {"errors": 3, "frames": 50}})
    commit_marks(lake, "dune", run={"decode": {"errors": 0, "frames": 50}})
    index = Index(lake, use_cache=use_cache)
    index.cells("marks")
    assert index.with_decode_fact("marks", "errors") == {"casablanca"}


@pytest.mark.parametrize("run, ingredients", [({"decode": 5}, {}), ({}, {"model": "scenes"}), ({}, {"inputs": [1]})])
def test_a_cell_whose_footer_has_something_else_in_a_mapping_s_place_is_none(lake, run, ingredients):
    commit_marks(lake, "dune", run=run, ingredients=ingredients)
    index = Index(lake)
    assert {movie_id for movie_id, *_ in index.runs("marks")} == {"alien", "brazil"}
    assert not index.with_decode_fact("marks", "errors")


@pytest.mark.parametrize("fact", ["sound_holes_s", "clock_back_s", "pictures_late_s"])
def test_cells_whose_decode_tells_of_this_are_found(lake, fact):
    commit_marks(lake, "casablanca", run={"decode": {"errors": 0, fact: 0.04}})
    index = Index(lake)
    index.cells("marks")
    assert index.with_decode_fact("marks", fact) == {"casablanca"}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files whose footers are read, as they are read."""
    names: list[str] = []
    read = index_module.read_footer

    def counted(storage: Any, *parts: str) -> Any:
        names.append(parts[-1])
        return read(storage, *parts)

    monkeypatch.setattr(index_module, "read_footer", counted)
    return names


def cell(lake: Lake, movie_id: str) -> Path:
    return Path(lake.cell_path("marks", movie_id))


def cache(lake: Lake) -> Path:
    return Path(lake.storage.uri) / "_index.sqlite"


def age(path: Path, seconds: float = 3600) -> None:
    long_ago = time.time_ns() - int(seconds * 1e9)
    os.utime(path, ns=(long_ago, long_ago))


def keys(lake: Lake) -> dict[str, str]:
    return {movie_id: entry.key for movie_id, entry in Index(lake).cells("marks").items()}


BOTH = {"alien": "key of alien", "brazil": "key of brazil"}


def test_the_index_knows_every_cell_s_key_and_meaning(lake: Lake) -> None:
    assert keys(lake) == BOTH
    assert Index(lake).cells("marks")["alien"].content_hash == "meaning of key of alien"


def test_a_second_look_reads_no_footer(lake: Lake, reads: list[str]) -> None:
    assert (keys(lake), sorted(reads)) == (BOTH, ["alien.parquet", "brazil.parquet"])
    reads.clear()
    assert (keys(lake), reads) == (BOTH, [])


def test_only_what_changed_is_read(lake: Lake, reads: list[str]) -> None:
    keys(lake)
    reads.clear()
    commit_marks(lake, "alien", marks("alien", [7]), key="another")
    assert keys(lake) == {**BOTH, "alien": "another"}
    assert reads == ["alien.parquet"]


def test_a_deleted_cell_is_gone(lake: Lake) -> None:
    keys(lake)
    lake.delete_cell("marks", "alien")
    assert keys(lake) == {"brazil": "key of brazil"}


def test_deleting_the_index_loses_nothing(lake: Lake) -> None:
    keys(lake)
    cache(lake).unlink()
    assert keys(lake) == BOTH


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no database": lambda path: path.write_bytes(b"nonsense" * 1000),
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "rows overwritten": lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 16384),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_index_is_made_anew(lake: Lake, reads: list[str], damage: Callable[[Path], object]) -> None:
    keys(lake)
    damage(cache(lake))
    assert keys(lake) == BOTH
    assert keys(lake) == BOTH
    reads.clear()
    assert (keys(lake), reads) == (BOTH, [])


def test_a_cell_replaced_by_one_of_the_same_size_in_the_same_moment_is_noticed(lake: Lake) -> None:
    now = time.time_ns()
    for key in ("old", "new"):
        commit_marks(lake, "alien", key=key)
        os.utime(cell(lake, "alien"), ns=(now, now))
        assert keys(lake)["alien"] == key


def test_a_cell_is_read_again_until_it_is_older_than_the_clock_is_coarse(lake: Lake, reads: list[str]) -> None:
    for seconds, footers_read in [(0.0, 1), (1.0, 1), (10.0, 1), (10.0, 0)]:
        if footers_read:
            age(cell(lake, "alien"), seconds)
        reads.clear()
        keys(lake)
        assert reads.count("alien.parquet") == footers_read


def test_time_that_reading_takes_does_not_make_a_young_cell_old(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    age(cell(lake, "alien"), 1.9)
    read = index_module.read_footer
    monkeypatch.setattr(index_module, "read_footer", lambda *parts: (time.sleep(0.3), read(*parts))[1])
    keys(lake)
    with sqlite3.connect(cache(lake)) as connection:
        assert connection.execute("select settled from cells where name = 'alien.parquet'").fetchone() == (0,)


def test_foreign_and_damaged_files_are_no_cells(lake: Lake) -> None:
    pq.write_table(pa.table({"movie_id": ["x"]}), cell(lake, "foreign"))
    cell(lake, "damaged").write_bytes(cell(lake, "alien").read_bytes()[:-100])
    cell(lake, "notes").with_suffix(".txt").write_text("notes")
    assert keys(lake) == BOTH
    pq.write_table(pa.table({"movie_id": ["x"]}), cell(lake, "alien"))
    assert keys(lake) == {"brazil": "key of brazil"}


def test_recorded_failures_are_told_with_all_that_a_plan_needs(lake: Lake) -> None:
    lake.record_failure("marks", "clue", "key", DamagedFilm("it ends early"))
    age(Path(lake.storage.uri) / "failures/marks/clue.parquet")
    told = {"key": "key", "reason": "damaged_film", "transient": False, "message": "it ends early", "attempt": 1}
    for _ in range(2):
        found = Index(lake).failures("marks")
        assert {name: found["clue"][name] for name in told} == told


def test_footers_come_from_the_cache_as_from_the_file(lake: Lake, reads: list[str]) -> None:
    keys(lake)
    reads.clear()
    assert Index(lake).footer("marks", "alien") == lake.footer("marks", "alien")
    assert reads == []
    assert Index(lake).footer("marks", "nobody") is None


def test_facts_of_runs_are_told_for_every_cell(lake: Lake) -> None:
    assert sorted(Index(lake).runs("marks")) == [(name, key, None, {"wall_s": 1.5}) for name, key in BOTH.items()]


def test_a_read_only_lake_is_read_without_a_cache_and_left_as_it_is(lake: Lake) -> None:
    root = Path(lake.storage.uri)
    root.chmod(0o555)
    code = f"""
import ctypes; ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
from cinelake.lake.index import Index
from cinelake.lake.cells import Lake
print(sorted(Index(Lake({str(root)!r})).cells("marks")))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    root.chmod(0o755)
    assert (told, cache(lake).exists()) == ("['alien', 'brazil']\n", False)


def test_a_lake_that_is_not_there_has_no_cells_and_is_not_made(tmp_path: Path) -> None:
    assert Index(Lake(str(tmp_path / "lake"))).cells("marks") == {}
    assert list(tmp_path.iterdir()) == []


# --- films


def fingerprints(lake: Lake, *films: Path) -> tuple[dict[str, str], list[str]]:
    """Fingerprints by path, and the paths of films that were looked into."""
    looked: list[str] = []

    def make(path: str) -> str:
        looked.append(path)
        return fingerprint(path)

    return Index(lake).fingerprints(map(str, films), make), looked


def test_a_film_is_looked_into_once(lake: Lake, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"pictures")
    age(film)
    assert fingerprints(lake, film) == ({str(film): fingerprint(film)}, [str(film)])
    assert fingerprints(lake, film) == ({str(film): fingerprint(film)}, [])


def test_a_film_of_the_same_size_and_moment_is_looked_into_again(lake: Lake, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    now = time.time_ns()
    for content in (b"pictures", b"pictured"):
        film.write_bytes(content)
        os.utime(film, ns=(now, now))
        assert fingerprints(lake, film)[0] == {str(film): fingerprint(film)}


def test_a_film_that_is_not_there_has_no_fingerprint(lake: Lake, tmp_path: Path) -> None:
    assert fingerprints(lake, tmp_path / "nothing.mp4") == ({}, [])


def test_a_film_that_vanishes_while_it_is_looked_into_has_no_fingerprint(lake: Lake, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"pictures")
    assert Index(lake).fingerprints([str(film)], lambda path: (film.unlink(), fingerprint(path))[1]) == {}


def test_a_film_whose_name_is_no_text_has_a_fingerprint_like_others(lake: Lake, tmp_path: Path) -> None:
    film = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    film.write_bytes(b"pictures")
    age(film)
    assert fingerprints(lake, film)[1] == [str(film)]
    assert fingerprints(lake, film) == ({str(film): fingerprint(film)}, [])


def test_a_stranger_s_cell_of_columns_within_columns_without_end_is_no_cell_and_ends_nothing(lake: Lake) -> None:
    cell(lake, "dune").write_bytes(deep_schema(20_000))
    assert set(Index(lake).cells("marks")) == {"alien", "brazil"}
