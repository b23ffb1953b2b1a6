"""Films in a bucket: the same tables as from a folder, whatever happens to the store; copies keep to their bound."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from _folders import bytes_below, files_below, files_holding
from end_to_end._command import answer_of, cinelake, start
from end_to_end._lakes import cells, change, contents, copied

from benchmarks._object_store import ObjectStore
from cinelake.errors import InputChanged, StoreUnavailable
from cinelake.run.staging import COPY_BYTES, Staging, staged
from cinelake.spec.task import Film
from cinelake.storage.store import StorageLocation

pytestmark = pytest.mark.slow
BUCKET = "films"
LONG_BYTES = 12 * COPY_BYTES


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, drawn: Path) -> Iterator[ObjectStore]:
    """A store with the drawn films in a bucket."""
    service = ObjectStore(tmp_path_factory.mktemp("store")).start()
    files = service.files(BUCKET)
    for film in (drawn / "films").iterdir():
        with files.open_output_stream(f"{BUCKET}/night/{film.name}") as upload:
            upload.write(film.read_bytes())
    yield service
    service.kill()


def moved(project: Path, store: ObjectStore, staging: str = "{folder: copies}") -> Path:
    """The project with its films in the bucket."""
    there = f'{{films: "s3://{BUCKET}/night/*.mp4", {store.options}}}\nstaging: {staging}'
    change(project, '{films: "films/*"}', there)
    return project


@pytest.fixture
def remote(drawn: Path, tmp_path: Path, store: ObjectStore) -> Path:
    """A project with an empty lake whose films are in the bucket."""
    return moved(copied(drawn, tmp_path / "remote"), store)


def tables(lake: Path) -> dict[str, tuple[str, pa.Table]]:
    """Key and rows of every cell but those of `films`, which say where the film is."""
    return {name: cell for name, cell in contents(lake).items() if not name.startswith("films/")}


def largest(project: Path) -> int:
    return max(film.stat().st_size for film in (project / "films").iterdir())


@contextmanager
def watched(folder: Path) -> Iterator[list[int]]:
    """Bytes that a folder holds, looked at all the time."""
    seen, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.002):
            seen.append(bytes_below(folder))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def wait_for(run: subprocess.Popen[str], project: Path, found: Callable[[], bool]) -> None:
    """Wait until `found()` is true while a command runs."""
    deadline = time.monotonic() + 200
    while not found():
        assert time.monotonic() < deadline and run.poll() is None, (project / "command.log").read_text()
        time.sleep(0.01)


def test_films_in_a_bucket_give_the_tables_of_films_in_a_folder(remote, made, store, prefect):
    done = cinelake("run", cwd=remote, env={**store.env, **prefect})
    assert done.returncode == 0, done.stdout + done.stderr
    assert tables(remote / "lake") == tables(made / "lake")
    assert bytes_below(remote / "copies") == 0
    planned = answer_of("plan", "-m", remote / "pipeline.yaml", env=store.env)
    assert planned["counts"]["fresh"] == len(planned["cells"]) > 0
    assert files_holding([store.secret], remote) == []


def test_a_catalogue_that_moves_to_a_bucket_restales_only_the_table_that_says_where_it_is(project, store):
    planned = answer_of("plan", "-m", moved(project, store) / "pipeline.yaml", env=store.env)
    assert {cell["task"] for cell in planned["cells"] if cell["state"] != "fresh"} == {"films"}


def test_people_are_shown_the_address_and_not_the_copy(project, store):
    manifest = moved(project, store, "{folder: copies, max_gb: 0.1}") / "pipeline.yaml"
    movie_id = next(iter(cells(project / "lake"))).partition("/")[2]
    why = answer_of("why", "shots", movie_id, "-m", manifest, env=store.env)
    checks = {check["check"]: check for check in answer_of("doctor", "-m", manifest, env=store.env)["checks"]}
    assert why["film"]["path"].startswith(f"s3://{BUCKET}/night/")
    assert "2 of 2 films, on object stores" in checks["copies of films"]["found"]


def test_two_runs_at_once_keep_the_bound_together(remote, made, store, prefect, tmp_path):
    bound = largest(remote) + 100
    change(remote, "{folder: copies}", f"{{folder: {tmp_path / 'shared'}, max_gb: {bound / 1e9}}}")
    other = copied(remote, tmp_path / "other")
    with watched(tmp_path / "shared") as seen:
        runs = [
            start("run", "--select", "sound", cwd=folder, env={**store.env, **prefect}) for folder in (remote, other)
        ]
        assert [run.wait(280) for run in runs] == [0, 0], (other / "command.log").read_text()
    assert 0 < max(seen) <= bound and seen[-1] == 0
    assert tables(remote / "lake").keys() == tables(other / "lake").keys() != set()


def test_films_that_the_store_took_away_with_it_are_made_by_the_next_run(remote, made, store, prefect):
    change(remote, "workers: 2", "workers: 1")
    run = start("run", "--json", cwd=remote, env={**store.env, **prefect})
    wait_for(run, remote, lambda: cells(remote / "lake"))
    store.kill()
    try:
        assert run.wait(280) == 1, (remote / "command.log").read_text()
        assert '"reason": "store_unavailable"' in (remote / "command.log").read_text()
    finally:
        store.start()
    assert len({name.partition("/")[2] for name in cells(remote / "lake")}) == 1
    assert cinelake("run", cwd=remote, env={**store.env, **prefect}).returncode == 0
    assert tables(remote / "lake") == tables(made / "lake")


@pytest.fixture
def long_film(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Film:
    """A film of several ranges, as a step is given it."""
    for name, value in store.env.items():
        monkeypatch.setenv(name, value)
    upload(store, bytes(LONG_BYTES))
    return Film("long", f"s3://{BUCKET}/long.mp4", f"s3://{BUCKET}/long.mp4", size_bytes=LONG_BYTES)


def upload(store: ObjectStore, content: bytes) -> None:
    with store.files().open_output_stream(f"{BUCKET}/long.mp4") as written:
        written.write(content)


def copied_while(store: ObjectStore, film: Film, folder: Path, happens: Callable[[], None]) -> None:
    """Copy a film; something happens once a part of it is there."""
    place = StorageLocation("", "us-east-1", store.endpoint, False, *store.env)
    left = [happens]
    with staged(
        Staging(str(folder), 2 * LONG_BYTES, place), film, lambda done: left.pop()() if done and left else None
    ):
        assert not left


def test_a_store_that_dies_in_the_middle_of_a_copy_leaves_none(store, long_film, tmp_path):
    with pytest.raises(StoreUnavailable, match=f"s3://{BUCKET}/long.mp4"):
        copied_while(store, long_film, tmp_path / "copies", store.kill)
    assert list((tmp_path / "copies").iterdir()) == []
    store.start()


def test_a_film_replaced_in_the_middle_of_a_copy_is_told_by_its_etag(store, long_film, tmp_path):
    with pytest.raises(InputChanged, match=f"s3://{BUCKET}/long.mp4 changed while it was copied"):
        copied_while(store, long_film, tmp_path / "copies", lambda: upload(store, b"x" * LONG_BYTES))


def test_copies_of_a_killed_run_are_swept_by_the_next(remote, store, prefect):
    run = start("run", cwd=remote, env={**store.env, **prefect})
    wait_for(run, remote, lambda: [path for path in files_below(remote / "copies") if path.suffix == ".mp4"])
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert bytes_below(remote / "copies") > 0
    assert cinelake("run", "--select", "sound", cwd=remote, env={**store.env, **prefect}).returncode == 0
    assert list((remote / "copies").iterdir()) == []


def test_a_refused_secret_is_told_in_words(remote, store):
    done = cinelake("plan", cwd=remote, env={**store.env, "LAKE_SECRET": "another-s3cr3t"})
    assert done.returncode == 1 and f"s3://{BUCKET}" in done.stderr and "credentials" in done.stderr
    assert "Traceback" not in done.stderr and "s3cr3t" not in done.stderr
