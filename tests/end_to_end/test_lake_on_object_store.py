"""The lake in a bucket: the same tables, whole ones only, and no secret anywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _folders import files_holding
from end_to_end._command import answer_of, cinelake, start
from end_to_end._lakes import change, contents, copied
from pyarrow import fs

from benchmarks._object_store import ObjectStore
from cinelake.errors import StorageError
from cinelake.lake.cells import FOOTER_KEY, Footer
from cinelake.storage.store import Storage, StorageLocation

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    service = ObjectStore(tmp_path_factory.mktemp("store")).start()
    yield service
    service.stop()


@pytest.fixture
def bucketed(drawn: Path, tmp_path: Path, store: ObjectStore) -> Path:
    """A project whose lake is a bucket of its own, still empty."""
    project = copied(drawn, tmp_path / "project")
    bucket = f"lake-{time.monotonic_ns()}"
    store.files(bucket)
    change(project, "lake: lake", f"lake: {store.lake(bucket)}")
    (project / "bucket").write_text(bucket)
    return project


def in_bucket(store: ObjectStore, project: Path) -> dict[str, tuple[Footer, pa.Table]]:
    """`table/movie_id` → provenance and rows, of each cell."""
    files, root = store.files(), (project / "bucket").read_text() + "/lake"
    listed = files.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    found = {}
    for path in sorted(info.path for info in listed if info.base_name.endswith(".parquet")):
        known = pq.read_metadata(path, filesystem=files).metadata or {}
        if FOOTER_KEY in known:
            table = pq.read_table(path, filesystem=files, partitioning=None).replace_schema_metadata(None)
            name = path.removeprefix(f"{root}/").removesuffix(".parquet")
            found[name] = (Footer.from_json(known[FOOTER_KEY]), table)
    return found


def same_cells(found: dict[str, tuple[Footer, pa.Table]], local: Path) -> bool:
    """Whether these are the cells of a local lake."""
    wanted = contents(local)
    cells = {name: (footer.key, rows) for name, (footer, rows) in found.items() if name in wanted}
    return cells.keys() == wanted.keys() and all(
        cells[name][0] == key and cells[name][1].equals(rows) for name, (key, rows) in wanted.items()
    )


def test_a_lake_in_a_bucket_has_the_tables_of_a_local_one(bucketed, made, store, prefect):
    assert cinelake("run", cwd=bucketed, env={**store.env, **prefect}).returncode == 0
    assert same_cells(in_bucket(store, bucketed), made / "lake")
    planned = answer_of("plan", "-m", bucketed / "pipeline.yaml", env=store.env)
    assert planned["counts"]["fresh"] == len(planned["cells"]) > 0


def test_a_secret_is_in_no_file_of_a_run(bucketed, store, prefect):
    assert cinelake("run", "--select", "sound", cwd=bucketed, env={**store.env, **prefect}).returncode == 0
    assert files_holding([store.secret], bucketed) == []
    assert not [name for name, (known, _) in in_bucket(store, bucketed).items() if store.secret in known.to_json()]


def test_two_runs_at_once_leave_each_table_once_and_whole(bucketed, made, store, prefect):
    other = copied(bucketed, bucketed.with_name("other"))
    runs = [start("run", cwd=folder, env={**store.env, **prefect}) for folder in (bucketed, other)]
    assert [run.wait(280) for run in runs] == [0, 0]
    assert same_cells(in_bucket(store, bucketed), made / "lake")


def test_a_run_that_lost_its_bucket_says_so_and_the_next_one_goes_on(bucketed, made, store, prefect):
    run = start("run", cwd=bucketed, env={**store.env, **prefect})
    deadline = time.monotonic() + 200
    while len(in_bucket(store, bucketed)) < 2:
        assert time.monotonic() < deadline and run.poll() is None, (bucketed / "command.log").read_text()
        time.sleep(0.1)
    store.kill()
    assert run.wait(280) != 0, (bucketed / "command.log").read_text()
    store.start()
    assert cinelake("run", cwd=bucketed, env={**store.env, **prefect}).returncode == 0
    assert same_cells(in_bucket(store, bucketed), made / "lake")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[ObjectStore]:
    """A store whose second bucket can be made and takes nothing."""
    service = ObjectStore(tmp_path / "full", volumes=8).start()
    with service.files("taken").open_output_stream("taken/object") as upload:
        upload.write(b"takes what there is")
    yield service
    service.stop()


def test_what_a_store_refuses_at_the_end_of_an_upload_is_not_taken_for_written(full, tmp_path, monkeypatch):
    monkeypatch.setenv("LAKE_KEY", full.key)
    monkeypatch.setenv("LAKE_SECRET", full.secret)
    full.files("small")
    keys = {"access_key_env": "LAKE_KEY", "secret_key_env": "LAKE_SECRET"}
    place = StorageLocation("s3://small/lake", "us-east-1", full.endpoint, **keys)
    (tmp_path / "cell").write_bytes(b"rows")
    with pytest.raises(StorageError, match="INTERNAL_FAILURE"):
        Storage(place).publish(tmp_path / "cell", "shots", "film.parquet")
    assert (tmp_path / "cell").exists()


def test_a_store_that_takes_nothing_is_told_before_any_work(drawn, full, tmp_path, prefect):
    project = copied(drawn, tmp_path / "project")
    full.files("small")
    change(project, "lake: lake", f"lake: {full.lake('small')}")
    done = cinelake("run", cwd=project, env={**full.env, **prefect})
    assert done.returncode == 1 and "cells made" not in done.stdout + done.stderr and "s3://small" in done.stderr


def test_a_secret_that_is_not_set_is_named_before_anything_starts(bucketed, store):
    done = cinelake("run", cwd=bucketed, env={"LAKE_KEY": store.key})
    assert done.returncode == 1 and "LAKE_SECRET is not set" in done.stderr


def test_a_bucket_that_does_not_answer_is_told_in_words(bucketed, store):
    change(bucketed, store.endpoint, "http://127.0.0.1:9")
    done = cinelake("plan", cwd=bucketed, env=store.env)
    assert done.returncode == 1 and "s3://" in done.stderr and "Traceback" not in done.stderr
