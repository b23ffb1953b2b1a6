"""A full disk on one machine costs films there and no more; a full lake ends the run with what to do."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from _needed import need
from end_to_end._command import COMMAND, answer_of, environment
from end_to_end._lakes import change, copied

from benchmarks._clusters import await_that, count_of_workers, dask_cluster
from benchmarks._object_store import ObjectStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
UNSHARE = shutil.which("unshare") or "unshare"
SMALL = (UNSHARE, "--mount", "sh", "-c", 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"', "sh")
"""Runs a command that has a small disk of its own at a folder, which nobody else sees and which ends with it."""


@pytest.fixture(scope="module", autouse=True)
def disks():
    """Small disks can be made here."""
    tried = subprocess.run([*SMALL, "1m", "/mnt", "true"], capture_output=True, text=True)
    need("disks", "" if tried.returncode == 0 else f"no file system can be mounted here: {tried.stderr.strip()}")


@pytest.fixture
def store(tmp_path):
    service = ObjectStore(tmp_path / "store").start()
    yield service
    service.stop()


def test_a_node_without_room_fails_its_films_with_a_reason_and_another_makes_them(drawn, store, prefect, tmp_path):
    project, full = copied(drawn, tmp_path / "project"), tmp_path / "full"
    store.files("films")
    full.mkdir()
    with dask_cluster(tmp_path, store.env, nodes=0) as cluster:
        change(project, "lake: lake", f"lake: {store.lake('films')}\ndefaults: {{retries: 0}}")
        change(project, "{kind: local, workers: 2}", f"{{kind: dask, address: '{cluster.address}'}}")
        command = ("run", "-m", project / "pipeline.yaml")
        cluster.add_node((*SMALL, "4k", str(full)), {"TMPDIR": str(full)})
        await_that(lambda: count_of_workers(cluster.address) == 1)
        told = answer_of(*command, env={**store.env, **prefect})["failures"]
        cluster.add_node()
        await_that(lambda: count_of_workers(cluster.address) == 2)
        cluster.kill_node(0)
        await_that(lambda: count_of_workers(cluster.address) == 1)
        after = answer_of(*command, env={**store.env, **prefect})
    assert len({failure["movie_id"] for failure in told}) == 2 and {failure["reason"] for failure in told} == {
        "disk_full"
    }
    assert f"({full}) is full" in told[0]["message"]
    assert after["failures"] == [] and after["cells_made"] == 12


def test_a_full_lake_ends_the_run_with_what_to_do(drawn, prefect, tmp_path):
    project = copied(drawn, tmp_path / "project")
    (project / "lake").mkdir()
    words = [*SMALL, "32k", str(project / "lake"), *COMMAND, "run"]
    done = subprocess.run(words, cwd=project, env=environment(**prefect), capture_output=True, text=True, timeout=280)
    assert done.returncode == 1 and "The disk is full: free space and run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
