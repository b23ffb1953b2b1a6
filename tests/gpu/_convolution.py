"""A network with enough arithmetic that it matters where it runs, and what it is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, CHANNELS, SIZE = 64, 32, 48
NODES = ("Conv", "Relu", "Gemm")


def convolution(path: Path) -> Path:
    """(n, 3, 64, 64) pictures in, `vector` (n, 48) out; its weights are drawn once and for all."""
    random = np.random.default_rng(7)
    constants = {
        "kernel": random.normal(scale=0.2, size=(CHANNELS, 3, 5, 5)).astype(np.float32),
        "mix": random.normal(scale=0.2, size=(CHANNELS, SIZE)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["picture", "kernel"], ["map"], pads=[2, 2, 2, 2]),
        helper.make_node("Relu", ["map"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "mix"], ["vector"]),
    ]
    graph = helper.make_graph(
        nodes,
        "convolution",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["n", SIZE])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def pictures(count: int = 8) -> np.ndarray:
    """Noise as pictures, (count, 3, 64, 64), the same each time."""
    return np.random.default_rng(3).random((count, 3, SIDE, SIDE)).astype(np.float32)
