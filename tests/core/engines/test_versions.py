"""A cluster with another Python or other packages is refused before work starts, with what differs and where."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest
from _folders import files_below
from core.engines._waiting import HERE as TASKS
from core.engines._waiting import await_that, waiting_project
from end_to_end._command import cinelake
from end_to_end._lakes import change, copied, read

from benchmarks._clusters import CLUSTERS
from cinelake.engines.versions import check_joined, check_same, compared_with, versions_of
from cinelake.errors import EngineUnavailable, NodeDiffers

HERE = {"Python": "3.11", "numpy": "2.4.6", "onnxruntime": "1.31.1"}
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def refusal(**nodes):
    with pytest.raises(EngineUnavailable) as refused:
        check_same("tcp://films:8786", HERE, nodes)
    return str(refused.value).splitlines()


def test_nodes_with_the_same_versions_are_taken():
    check_same("tcp://films:8786", HERE, {"one": {**HERE, "torch": "2.0"}, "two": dict(HERE)})


def test_another_python_is_told_with_its_node():
    assert "  Python 3.12 (here 3.11) on two" in refusal(one=HERE, two={**HERE, "Python": "3.12"})


def test_nodes_with_the_same_difference_are_counted():
    assert "  numpy 1.26.4 (here 2.4.6) on one and 1 more" in refusal(
        one={**HERE, "numpy": "1.26.4"}, two={**HERE, "numpy": "1.26.4"}, three=HERE
    )


def test_a_package_that_a_node_lacks_is_told():
    assert "  no numpy (here 2.4.6) on one" in refusal(one={"Python": "3.11", "onnxruntime": "1.31.1"})


def test_a_node_with_gpus_may_have_its_own_build_of_a_package():
    there = {"Python": "3.11", "numpy": "2.4.6", "onnxruntime-gpu": "1.26.0"}
    check_same("tcp://films:8786", HERE, {"gpu": there})
    check_same("tcp://films:8786", there, {"cpu": HERE})


def test_what_is_installed_is_found_and_what_is_not_is_left_out():
    assert versions_of(["pyarrow", "no-such-package"]).keys() == {"Python", "pyarrow"}


def test_a_machine_that_joins_with_the_versions_of_the_run_works_for_it():
    check_joined("ray", versions_of(compared_with("ray")))
    check_joined("ray", {})  # a cluster of the run's own


def test_a_machine_that_joins_with_others_says_which():
    with pytest.raises(NodeDiffers, match=r"pyarrow \S+ \(the run has 1\.0\)"):
        check_joined("ray", {**versions_of(compared_with("ray")), "pyarrow": "1.0"})


def older_numpy(folder: Path) -> str:
    """A folder on whose account Python takes another numpy for installed."""
    about = folder / "older" / "numpy-1.26.4.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.26.4\n")
    return str(about.parent)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLUSTERS)
def test_a_cluster_with_another_version_of_a_package_is_refused_before_a_film_is_touched(kind, drawn, tmp_path):
    project = copied(drawn, tmp_path / "project")
    with CLUSTERS[kind](tmp_path, {**TOKEN, "PYTHONPATH": older_numpy(tmp_path)}) as cluster:
        manifest = (project / "pipeline.yaml").read_text()
        engine = f"engine: {{kind: {kind}, address: '{cluster.address}'}}"
        (project / "pipeline.yaml").write_text(manifest.replace("engine: {kind: local, workers: 2}", engine))
        done = cinelake("run", cwd=project, env=TOKEN)
    assert done.returncode == 2 and "numpy 1.26.4 (here " in done.stderr, done.stderr
    assert not list((project / "lake").glob("[a-z]*/*.parquet"))


@pytest.fixture
def two_films(tmp_path, draw_film, prefect):
    """A project of two films, of which each waits in the middle of its step; nothing is tried again."""
    project = waiting_project(tmp_path, "ENGINE", {**prefect, **TOKEN})
    change(project.folder, "lake: lake", "lake: lake\ndefaults: {retries: 0}")
    for name in ("one", "two"):
        draw_film(project.folder / "films" / f"{name}.mp4")
    yield project
    project.let_go_on()


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLUSTERS)
def test_a_node_that_joins_a_run_with_another_version_makes_no_table(kind, two_films, tmp_path):
    failures, path = two_films.folder / "lake" / "failures" / "late", [str(TASKS), str(tmp_path / "site")]
    with CLUSTERS[kind](tmp_path, {**TOKEN, "PYTHONPATH": os.pathsep.join(path)}, cpus=1) as cluster:
        change(two_films.folder, "ENGINE", f"kind: {kind}, address: '{cluster.address}', workers: 2")
        process = two_films.start()
        cluster.add_node(env={"PYTHONPATH": os.pathsep.join([older_numpy(tmp_path), *path])})
        await_that(lambda: files_below(failures))
        two_films.let_go_on()
        assert process.wait(120) == 1, two_films.said()
    (row,) = [row for file in files_below(failures) for row in read(file).to_pylist()]
    assert row["reason"] == "node_differs" and "numpy 1.26.4 (the run has " in row["message"]
    assert len(files_below(two_films.folder / "lake" / "late")) == 1
