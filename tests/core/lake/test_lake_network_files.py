"""The identity of a network: all its files, wherever an ONNX file keeps its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cinelake.errors import ModelUnusable, WeightsMissing
from cinelake.lake.network_files import network_digest, networks_digest
from cinelake.lake.onnx import onnx_session
from cinelake.storage.content import file_digest, files_digest


def tensor(location: str | None, value: float = 1.0) -> TensorProto:
    """Weights of 4 × 4, in the network's own file or said to be in another."""
    result = numpy_helper.from_array(np.full((4, 4), value, np.float32), "weights")
    if location is not None:
        result.ClearField("raw_data")
        result.data_location = TensorProto.EXTERNAL
        result.external_data.add(key="location", value=location)
    return result


def network(path: Path, location: str | None, *, in_node: bool = False) -> Path:
    """Multiplies (n, 4) by its weights, which are an initialiser, or a constant inside a branch of an `If`."""
    weights = tensor(location)
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["weights"], value=weights)], "branch", [],
        [helper.make_tensor_value_info("weights", TensorProto.FLOAT, [4, 4])],
    )  # fmt: skip
    chosen = [helper.make_node("If", ["always"], ["weights"], then_branch=branch, else_branch=branch)]
    graph = helper.make_graph(
        [*(chosen if in_node else []), helper.make_node("MatMul", ["x", "weights"], ["y"])],
        "made",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(np.array(True), "always"), *([] if in_node else [weights])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def write_weights(path: Path, value: float) -> None:
    """A file of 4 × 4 numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.full((4, 4), value, np.float32).tobytes())


def output(path: Path) -> float:
    """What the network makes of ones."""
    return float(onnx_session(path).run(None, {"x": np.ones((1, 4), np.float32)})[0][0, 0])


@pytest.mark.parametrize("location", ["net.onnx.data", "parts/weights.bin"])
@pytest.mark.parametrize("in_node", [False, True])
def test_other_weights_in_a_file_beside_it_are_another_network(tmp_path: Path, location: str, in_node: bool) -> None:
    path = network(tmp_path / "net.onnx", location, in_node=in_node)
    write_weights(tmp_path / location, 1)
    before = network_digest(path)
    write_weights(tmp_path / location, 2)
    assert network_digest(path) != before


def test_a_session_sees_weights_that_were_replaced(tmp_path: Path) -> None:
    path = network(tmp_path / "net.onnx", "net.onnx.data")
    seen = []
    for value in (1, 2):
        write_weights(tmp_path / "net.onnx.data", value)
        seen.append(output(path))
    assert seen == [4.0, 8.0]


def test_a_network_in_one_file_is_what_its_file_is(tmp_path: Path) -> None:
    path = network(tmp_path / "location.onnx", None)
    onnx.save(onnx.helper.make_model(onnx.load(path).graph, doc_string="location"), path)
    assert network_digest(path) == file_digest(path)
    assert networks_digest([path]) == files_digest([path])


def test_a_pack_is_all_networks_with_their_weights(tmp_path: Path) -> None:
    paths = [network(tmp_path / f"{name}.onnx", f"{name}.bin") for name in ("detector", "recogniser")]
    digests = []
    for value in (1, 2):
        write_weights(tmp_path / "detector.bin", 1)
        write_weights(tmp_path / "recogniser.bin", value)
        digests.append(networks_digest(paths))
    assert digests[0] != digests[1] == networks_digest(reversed(paths))


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "a/../../weights.bin", "link.bin", ""])
def test_weights_outside_the_networks_folder_are_refused(tmp_path: Path, location: str) -> None:
    write_weights(tmp_path / "weights.bin", 1)
    path = network(tmp_path / "net" / "net.onnx", location)
    (tmp_path / "net" / "link.bin").symlink_to("../weights.bin")
    with pytest.raises(ModelUnusable, match=r"not in the network's own folder"):
        network_digest(path)


@pytest.mark.parametrize("location", ["gone.bin", "folder"])
def test_weights_that_are_not_there_are_named(tmp_path: Path, location: str) -> None:
    (tmp_path / "folder").mkdir()
    path = network(tmp_path / "net.onnx", location)
    with pytest.raises(WeightsMissing, match=rf"{location}, which is not there"):
        network_digest(path)


def test_a_network_and_its_weights_may_be_links_into_one_folder(tmp_path: Path) -> None:
    network(tmp_path / "blobs" / "a", "net.onnx.data")
    write_weights(tmp_path / "blobs" / "b", 2)
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "net.onnx").symlink_to("../blobs/a")
    (tmp_path / "net" / "net.onnx.data").symlink_to("../blobs/b")
    assert output(tmp_path / "net" / "net.onnx") == 8.0


def test_what_is_no_onnx_at_all_has_its_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"location of nothing")
    assert network_digest(path) == file_digest(path)
