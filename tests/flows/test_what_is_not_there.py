"""An engine, a device or a server that is not there is said at once; nothing falls back in silence."""

import time
from pathlib import Path

import pytest
from end_to_end._command import below, cinelake
from end_to_end._lakes import change, identities

from flows.server import free_port


def refused(project, within_s, **env):
    """What a run says that must refuse to start."""
    before, began = identities(project / "lake"), time.monotonic()
    done = cinelake("run", cwd=project, env=env)
    assert done.returncode == 2, done.stdout + done.stderr
    assert time.monotonic() - began < within_s
    assert "Traceback" not in done.stderr and identities(project / "lake") == before
    return done.stderr


@pytest.fixture
def stale(project):
    change(project, "fps: 1", "fps: 2")
    return project


def test_a_server_that_does_not_answer_is_named(stale):
    address = f"http://127.0.0.1:{free_port()}/api"
    said = refused(stale, 60, PREFECT_API_URL=address)
    assert address in said and "unset it" in said


@pytest.mark.skipif(any(Path("/dev").glob("nvidia[0-9]*")), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_an_error(stale):
    change(stale, "{detector: dlib}", "{detector: dlib, resources: {gpus: 1}}")
    said = refused(stale, 20)
    assert "asks for 1 GPU" in said and "/dev/nvidia0" in said
    assert not below(stale) and not (stale / "mlflow.db").exists()


@pytest.mark.parametrize(("kind", "scheme"), [("ray", "ray"), ("dask", "tcp")])
def test_a_cluster_that_does_not_answer_is_named(stale, kind, scheme):
    address = f"{scheme}://127.0.0.1:{free_port()}"
    change(stale, "kind: local, workers: 2", f"kind: {kind}, address: '{address}'")
    said = refused(stale, 20)
    assert address in said and "leave it out" in said
    assert not below(stale) and not (stale / "mlflow.db").exists()
