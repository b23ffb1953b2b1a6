"""ONNX networks put together from arrays of weights, a node at a time. Imports `onnx` only when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cinelake.spec.arrays import Array

OPSET, IR_VERSION = 17, 9
"""What ONNX Runtime has understood since 1.15."""


class OnnxGraph:
    """A network of one input and one output that grows by its nodes; a node and its output have one name."""

    def __init__(self, input_name: str, input_type: Any, input_shape: list[Any]):
        from onnx import helper

        self._input = helper.make_tensor_value_info(
            input_name, helper.np_dtype_to_tensor_dtype(np.dtype(input_type)), input_shape
        )
        self._nodes: list[Any] = []
        self._weights: dict[str, Array] = {}

    def add(self, operator: str, name: str, *inputs: str | Array | np.generic, **attributes: Any) -> str:
        """Add a node; arrays among its inputs are weights. Returns the name of its output."""
        from onnx import helper

        names = []
        for number, given in enumerate(inputs):
            names.append(given if isinstance(given, str) else f"{name}.{number}")
            if not isinstance(given, str):
                self._weights[names[-1]] = np.asarray(given)
        self._nodes.append(helper.make_node(operator, names, [name], name=name, **attributes))
        return name

    def model(self, output: str, output_shape: list[Any], metadata: Mapping[str, str]) -> Any:
        """The `onnx.ModelProto`, checked. metadata: where it comes from."""
        import onnx
        from onnx import helper, numpy_helper

        outputs = [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, output_shape)]
        weights = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in self._weights.items()]
        graph = helper.make_graph(self._nodes, "network", [self._input], outputs, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return model
