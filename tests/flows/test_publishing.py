"""Publishing: whole versions, one pointer, work that grows with what changed, and a failure that changes nothing."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import dask.config
import psutil
import pytest
from _published_lake import planned, write_films, write_shots
from typer.testing import CliRunner

import cinelake
from cinelake.errors import InputChanged, PublishRefused, StorageError, UnknownName, UsageError
from cinelake.lake.publication import bucket_count, bucket_of
from cinelake.lake.published import (
    Verification,
    find_version,
    latest_number,
    readable_versions,
    verify,
    version_numbers,
)
from cinelake.storage.processes import import_path
from cli.main import app
from flows import lake_versions
from flows.lake_versions import publish_planned, roll_back

BUCKETS = "publish: {buckets: 4, keep: 2, workers: 1}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Twelve films, published once."""
    publish_planned(write_films(tmp_path, 12, BUCKETS))
    return tmp_path


def change(project: Path, film: str, length_s: float = 3.0):
    """Another file under a film's name, with other shots."""
    (project / "films" / f"{film}.mp4").write_text(f"another {film} {length_s}")
    return write_shots(planned(project), length_s)


def files(project: Path) -> set[Path]:
    return set((project / "lake" / "published" / "files").rglob("*.parquet"))


def test_a_question_for_a_table_that_is_only_published_is_told_where_it_is(project: Path) -> None:
    words = ["query", "-m", str(project / "pipeline.yaml"), "select * from shot_statistics"]
    with pytest.raises(UsageError, match=r"is there in what was published: `cinelake query --published 1 'select"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_the_published_copy_has_the_same_rows(project: Path) -> None:
    small, published = (cinelake.open(str(project / "lake"), published=p) for p in (False, True))
    question = "select * from shots order by movie_id, shot"
    assert published.sql(question).rows() == small.sql(question).rows()


def test_a_file_is_sorted_by_film_and_key(project: Path) -> None:
    rows = cinelake.open(str(project / "lake"), published=True).table("shots").arrow()
    found = list(zip(rows["movie_id"].to_pylist(), rows["shot"].to_pylist(), strict=True))
    by_bucket = sorted(found, key=lambda row: (bucket_of(row[0], 4), *row))
    assert found == by_bucket and len(found) == 36


def test_nothing_new_is_published_of_an_unchanged_lake(project: Path) -> None:
    done = publish_planned(planned(project))
    assert not done.is_new and version_numbers(planned(project).lake) == [1]


def test_a_film_without_a_cell_is_none_of_a_version_s(project: Path) -> None:
    (project / "films" / "arrived.mp4").write_text(f"arrived {random.random()}")
    done = publish_planned(planned(project))
    assert (done.version.films, done.is_new) == (12, False)


def test_one_changed_film_makes_its_buckets_anew_and_nothing_else(project: Path) -> None:
    before = files(project)
    done = publish_planned(change(project, "film_3"))
    assert (done.made, len(files(project) - before)) == (2, 2)  # its shots, and their statistics
    lengths = cinelake.open(str(project / "lake"), published=True).sql("from shot_statistics where median_s > 2.5")
    assert [row["movie_id"] for row in lengths.rows()] == ["film_3"]


def test_a_version_stays_reachable_until_it_is_no_longer_kept(project: Path) -> None:
    publish_planned(change(project, "film_1"))
    assert cinelake.open(str(project / "lake"), published=1).sql("select max(end_s) s from shots").rows() == [{"s": 6}]
    publish_planned(change(project, "film_2"))
    with pytest.raises(UnknownName, match="there is 2, 3, latest"):
        cinelake.open(str(project / "lake"), published="1")


def test_files_of_forgotten_versions_go(project: Path) -> None:
    for length_s in (3.0, 4.0, 5.0):
        publish_planned(change(project, "film_1", length_s))
    assert len(files(project)) == 2 * (4 + 1)  # shots and their statistics: four buckets, and one of them as it was


def test_a_rollback_moves_the_pointer_only(project: Path) -> None:
    publish_planned(change(project, "film_1"))
    lake = planned(project).lake
    assert roll_back(lake).number == 1 and latest_number(lake) == 1
    with pytest.raises(UsageError, match="no version before"):
        roll_back(lake)


def test_a_publish_that_fails_leaves_the_last_version_and_no_file(project: Path) -> None:
    before, planning = files(project), change(project, "film_5")
    cell = project / "lake" / "shots" / "film_5.parquet"
    cell.write_bytes(cell.read_bytes()[:4] + b"\0" * 400 + cell.read_bytes()[404:])
    with pytest.raises(InputChanged, match=r"film_5"):
        publish_planned(planning)
    assert files(project) == before and latest_number(planning.lake) == 1
    assert cinelake.open(str(project / "lake"), published=True).sql("select count(*) n from shots").rows()[0]["n"] == 36


def replaced(cell: Path, content: bytes) -> None:
    """Other bytes in a file, of the size and the time that the lake's index knows, as a disk does it."""
    cell.write_bytes(content)
    os.utime(cell, (1e9, 1e9))


def test_no_wrong_byte_of_a_cell_is_published(tmp_path: Path) -> None:
    write_films(tmp_path, 2, "publish: {buckets: 1, workers: 1}\n")
    cell, lake, chance = tmp_path / "lake" / "shots" / "film_1.parquet", str(tmp_path / "lake"), random.Random(1)
    good, told = cell.read_bytes(), 0
    for at in [good.index(b"end_frame", len(good) // 3), *(chance.randrange(len(good)) for _ in range(6))]:
        replaced(cell, good)
        planning = planned(tmp_path)
        replaced(cell, good[:at] + bytes([good[at] ^ 8]) + good[at + 1 :])
        try:
            publish_planned(planning)
            rows = cinelake.open(lake, published=True).sql("select sum(end_frame)::int f, sum(end_s) s from shots")
            assert rows.rows() == [{"f": 600, "s": 24.0}]
        except InputChanged as error:
            told += "film_1.parquet is damaged" in str(error)
        shutil.rmtree(tmp_path / "lake" / "published")
    assert told >= 3


@pytest.mark.parametrize(
    ("record", "damaged"),
    [("latest.json", "{"), ("versions/1.json", "{"), ("versions/1.json", '{"tables": []}')],
    ids=["pointer", "version", "tables"],
)
def test_a_damaged_record_of_what_is_published_is_made_anew_by_the_next_publish(
    project: Path, record: str, damaged: str
) -> None:
    (project / "lake" / "published" / record).write_text(damaged)
    assert publish_planned(planned(project)).version.number == 2
    assert not publish_planned(planned(project)).is_new
    for length_s in (3.0, 4.0):
        change(project, "film_3", length_s)
        publish_planned(planned(project))
    assert [*readable_versions(planned(project).lake)] == version_numbers(planned(project).lake) == [3, 4]


def test_a_damaged_published_file_is_told_with_what_to_do(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (project / "lake" / "published" / "files" / "shots").rglob("*.parquet"):
        replaced(file, file.read_bytes().replace(b"PAR1", b"RAP1"))
    summaries = [replace(each, sql=each.sql + "\n-- in another way") for each in lake_versions.SUMMARIES]
    monkeypatch.setattr(lake_versions, "SUMMARIES", summaries)
    with pytest.raises(StorageError, match=r"a published file of shots is damaged .*: remove .*published, which"):
        publish_planned(planned(project))
    shutil.rmtree(project / "lake" / "published")
    assert publish_planned(planned(project)).is_new


def test_no_wrong_byte_of_a_published_file_passes_as_the_one_that_was_written(project: Path) -> None:
    lake, draw = planned(project).lake, random.Random(17)
    version = find_version(lake)
    for file in draw.sample(sorted(files(project)), 4):
        whole = file.read_bytes()
        place = draw.choice([draw.randrange(len(whole)), len(whole) - 9 - draw.randrange(500)])  # data, or the footer
        replaced(file, whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :])
        assert [*verify(lake, version).damaged] == [str(file)]
        replaced(file, whole)
    assert verify(lake, version) == Verification(8, {}, 0)


def test_every_damaged_file_is_told_with_its_path(project: Path) -> None:
    one, other, *_ = sorted(files(project))
    for file in (one, other):
        replaced(file, b"PAR1")
    done = CliRunner().invoke(app, ["publish", "--verify", "-m", str(project / "pipeline.yaml")])
    assert all(f"{file}: it has 4 bytes" in done.stderr.replace("\n", "") for file in (one, other))
    assert isinstance(done.exception, StorageError)


def test_what_an_earlier_release_published_is_told_to_have_no_digests(project: Path) -> None:
    record = project / "lake" / "published" / "versions" / "1.json"
    about = json.loads(record.read_text())
    about["tables"]["shots"].pop("contents")
    record.write_text(json.dumps(about))
    assert verify(planned(project).lake, find_version(planned(project).lake)) == Verification(8, {}, 4)


def test_a_published_file_that_is_gone_or_cut_off_is_told(project: Path) -> None:
    one, other, *_ = sorted(files(project))
    one.unlink()
    other.write_bytes(b"PAR1")
    lake = planned(project).lake
    assert [why[:9] for why in verify(lake, find_version(lake)).damaged.values()] == ["it is gon", "it has 4 "]


def test_a_published_footer_that_pyarrow_would_die_of_is_told_with_what_to_do(project: Path) -> None:
    a_number, nothing = b"\x15\x0a\x19", b"\x15\x7e\x19"  # the type of a column chunk, in Thrift
    for file in (project / "lake" / "published" / "files" / "shots").rglob("*.parquet"):
        replaced(file, file.read_bytes().replace(a_number, nothing))
    (project / "lake" / "published" / "versions" / "1.json").rename(
        project / "lake" / "published" / "versions" / "7.json"
    )
    with pytest.raises(StorageError, match=r"a published file of shots is damaged .*: remove .*published, which"):
        publish_planned(planned(project))


def test_what_a_killed_publish_left_unfinished_is_swept_by_the_next(project: Path) -> None:
    name = "from cinelake.storage.files import owner_name; print(owner_name())"
    gone = subprocess.run([sys.executable, "-c", name], env=os.environ | import_path(), capture_output=True, text=True)
    left = project / "lake" / "_tmp" / gone.stdout.strip()
    left.mkdir(parents=True)
    publish_planned(planned(project))
    assert not left.exists()


def test_broken_bounds_refuse_a_publish(project: Path) -> None:
    manifest = project / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + "quality: {bounds: {shots.rows: {at_least: 4}}}\n")
    with pytest.raises(PublishRefused, match=r"shots\.rows is to be at least 4; 12 of 12"):
        publish_planned(change(project, "film_5"))
    assert latest_number(planned(project).lake) == 1


def test_a_second_publisher_is_kept_out(project: Path) -> None:
    from cinelake.lake.published import one_publisher

    planning = planned(project)
    with one_publisher(planning.lake), pytest.raises(UsageError, match="another process"):
        publish_planned(planning)


def test_a_place_that_cannot_be_written_is_said(project: Path) -> None:
    planning = planned(project)
    (planning.lake.storage.local / "published").rename(project.parent / "moved away")
    (planning.lake.storage.local / "published").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=r"publishing into .*published"):
        publish_planned(planning)


def test_a_reader_in_a_loop_sees_whole_versions_only(project: Path) -> None:
    seen, ended = set(), threading.Event()
    question = "select (select sum(end_s) from shots), (select sum(mean_s) from shot_statistics)"

    def read() -> None:
        while not ended.is_set():
            found = cinelake.open(str(project / "lake"), published=True)
            seen.add(tuple(found.sql(question).rows()[0].values()))

    reader = threading.Thread(target=read)
    reader.start()
    for length_s in (3.0, 4.0):
        change(project, "film_0", length_s)
        publish_planned(change(project, "film_1", length_s))
    ended.set()
    reader.join()
    assert seen and seen <= {(6 * 2.0 * 10 + 6 * 2 * s, 2.0 * 10 + 2 * s) for s in (2.0, 3.0, 4.0)}


@pytest.mark.slow
def test_many_files_are_made_by_processes(tmp_path: Path) -> None:
    done = publish_planned(write_films(tmp_path, 12, "publish: {buckets: 4, workers: 2}\n"))
    assert (done.made, done.version.tables["shots"].rows) == (8, 36)


def test_the_user_s_settings_of_dask_do_not_decide_whose_children_the_processes_are(tmp_path: Path) -> None:
    planning = write_films(tmp_path, 1, "publish: {workers: 2}\n")
    with dask.config.set({"multiprocessing.context": "forkserver"}):
        with lake_versions._scheduled(planning, 8, lambda done, jobs: None) as options:
            assert (options["scheduler"], dask.config.get("multiprocessing.context")) == ("processes", "spawn")
        assert dask.config.get("multiprocessing.context") == "forkserver"


@pytest.mark.slow
def test_processes_of_a_killed_publish_end_with_it(tmp_path: Path) -> None:
    write_films(tmp_path, 12, "publish: {buckets: 4, workers: 2}\n")
    driver = psutil.Popen([sys.executable, "-m", "cli", "publish"], cwd=tmp_path, env=os.environ | import_path())
    while not (below := driver.children(recursive=True)) and driver.is_running():
        time.sleep(0.01)
    driver.kill()
    gone, alive = psutil.wait_procs([driver, *below], timeout=30)
    assert len(gone) > 1 and not alive


def test_buckets_stay_while_the_catalogue_grows_a_little() -> None:
    assert [bucket_count(films, None) for films in (1, 100, 150, 10_000)] == [1, 1, 2, 128]
    assert bucket_count(15_000, 128) == 128 and bucket_count(60_000, 128) == 1024


def test_buckets_are_the_same_for_ever() -> None:
    assert [bucket_of(f"film_{number}", 8) for number in range(5)] == [1, 2, 0, 7, 7]


def test_statistics_of_each_column_stand_in_the_version(project: Path) -> None:
    found = cinelake.open(str(project / "lake"), published=True).sql(
        "select nulls, least, greatest from published_columns where \"table\" = 'shots' and name = 'end_s'"
    )
    assert found.rows() == [{"nulls": 0, "least": "2.0", "greatest": "6.0"}]


def test_a_version_is_json_that_others_can_read(project: Path) -> None:
    about = json.loads((project / "lake" / "published" / "versions" / "1.json").read_text())
    assert about["tables"]["shots"]["files"][0]["bucket"] == 0 and about["films"] == 12


def test_a_search_is_of_the_lake_not_of_a_published_version(project: Path) -> None:
    with pytest.raises(UsageError, match="open the lake without `published`"):
        cinelake.open(str(project / "lake"), published=True).search(like="film_1@0")
