"""What a cluster cannot give is said at once, before any film is touched."""

import time
from pathlib import Path

import pytest

from cinelake.engines import make_engine
from cinelake.engines.cluster import check_fits
from cinelake.errors import EngineUnavailable
from cinelake.manifest.document import load_manifest
from cinelake.spec.task import Resources
from flows.server import free_port

CLUSTERS = ["dask", "ray"]
ADDRESSES = {"dask": "tcp://127.0.0.1:{port}", "ray": "ray://127.0.0.1:{port}"}
WITHIN_S = 20


@pytest.fixture(params=CLUSTERS)
def kind(request):
    return request.param


def refusal(folder: Path, engine: str, asks: str = "{}") -> str:
    """What making the engine says, within seconds."""
    (folder / "film.mp4").touch()
    (folder / "pipeline.yaml").write_text(
        f"lake: lake\ncatalogue: {{films: '*.mp4'}}\nengine: {engine}\n"
        f"tasks:\n  films: {{}}\n  shots: {{}}\n  frames: {{resources: {asks}}}\n"
    )
    began = time.monotonic()
    with pytest.raises(EngineUnavailable) as refused:
        make_engine(load_manifest(folder / "pipeline.yaml"), lambda _: None)
    assert time.monotonic() - began < WITHIN_S
    return str(refused.value)


@pytest.mark.skipif(any(Path("/dev").glob("nvidia[0-9]*")), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there(tmp_path, kind):
    assert "asks for 1 GPU" in refusal(tmp_path, f"{{kind: {kind}}}", "{gpus: 1}")


def test_more_processors_than_the_machine_has(tmp_path, kind):
    said = refusal(tmp_path, f"{{kind: {kind}, workers: 2}}", "{cpus: 500}")
    assert "frames asks for 500 cpus" in said and "2 cpus" in said


def test_more_memory_than_the_machine_has(tmp_path, kind):
    assert "frames asks for 1 cpus, 0 gpus, 1e+05 GB" in refusal(tmp_path, f"{{kind: {kind}}}", "{memory_gb: 100000}")


def test_an_address_that_does_not_answer(tmp_path, kind):
    address = ADDRESSES[kind].format(port=free_port())
    said = refusal(tmp_path, f"{{kind: {kind}, address: '{address}'}}")
    assert address in said and "Check `engine: {address: …}`" in said


def test_an_address_that_is_none(tmp_path, kind):
    assert "cinema:projector" in refusal(tmp_path, f"{{kind: {kind}, address: 'tcp://cinema:projector'}}")


def test_all_nodes_together_are_not_one_node():
    two = [Resources(cpus=4.0, gpus=0.0, memory_gb=8.0), Resources(cpus=1.0, gpus=1.0, memory_gb=8.0)]
    check_fits({"faces": Resources(1.0, 1.0, 8.0), "shots": Resources(4.0, 0.0, 1.0)}, two, "it")
    with pytest.raises(EngineUnavailable, match=r"faces asks for 2 cpus, 1 gpus, 1 GB, and no node of it has that"):
        check_fits({"faces": Resources(2.0, 1.0, 1.0)}, two, "it")


def test_a_cluster_without_workers_fits_nothing():
    with pytest.raises(EngineUnavailable, match="it has no workers"):
        check_fits({"shots": Resources()}, [], "the cluster")
