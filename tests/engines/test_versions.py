"""A cluster with another Python or other packages is refused before work starts, with what differs and where."""

from __future__ import annotations

import secrets

import pytest
from end_to_end._command import cinelake
from end_to_end._lakes import copied

from benchmarks._clusters import CLUSTERS
from cinelake.engines.versions import check_same, versions_of
from cinelake.errors import EngineUnavailable

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


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLUSTERS)
def test_a_cluster_with_another_version_of_a_package_is_refused_before_a_film_is_touched(kind, drawn, tmp_path):
    about = tmp_path / "older" / "numpy-1.26.4.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.26.4\n")
    project = copied(drawn, tmp_path / "project")
    with CLUSTERS[kind](tmp_path, {**TOKEN, "PYTHONPATH": str(about.parent)}) as cluster:
        manifest = (project / "pipeline.yaml").read_text()
        engine = f"engine: {{kind: {kind}, address: '{cluster.address}'}}"
        (project / "pipeline.yaml").write_text(manifest.replace("engine: {kind: local, workers: 2}", engine))
        done = cinelake("run", cwd=project, env=TOKEN)
    assert done.returncode == 2 and "numpy 1.26.4 (here " in done.stderr, done.stderr
    assert not list((project / "lake").glob("[a-z]*/*.parquet"))
