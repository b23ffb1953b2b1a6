"""Small ONNX networks with outputs that can be worked out by hand."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
FACE_BOX = (192.0, 128.0, 320.0, 256.0)
"""Left, top, right, bottom of the face that the made detector finds in a bright picture of 640 × 360."""


def save(path: Path, nodes: list, inputs: list, outputs: list, constants: dict[str, np.ndarray] | None = None) -> Path:
    """An ONNX file; inputs and outputs as (name, element type, shape)."""
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(*given) for given in inputs],
        [helper.make_tensor_value_info(*given) for given in outputs],
        [numpy_helper.from_array(values, name) for name, values in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def weights_beside(path: Path) -> Path:
    """Write an ONNX file anew, with its weights in a file beside it as PyTorch does; gives that file."""
    beside = path.with_name(f"{path.name}.data")
    onnx.save(onnx.load(str(path)), str(path), save_as_external_data=True, location=beside.name, size_threshold=0)
    return beside


def mean_colour(path: Path, batch: int | str = "n", side: int | str = 16) -> Path:
    """Channels first; tensor `doubled` (n, 3, h, w), output `mean` (n, 3) of what comes in."""
    nodes = [
        helper.make_node("Add", ["picture", "picture"], ["doubled"], name="double"),
        helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[2, 3], keepdims=0),
    ]
    outputs = [("mean", FLOAT, [batch, 3]), ("doubled", FLOAT, [batch, 3, side, side])]
    return save(path, nodes, [("picture", FLOAT, [batch, 3, side, side])], outputs)


def not_to_be_computed(path: Path) -> Path:
    """A valid network that makes rows of seven numbers of pictures that have 768."""
    nodes = [helper.make_node("Reshape", ["picture", "rows"], ["out"])]
    picture = [("picture", FLOAT, ["n", 3, 16, 16])]
    return save(path, nodes, picture, [("out", FLOAT, ["m", 7])], {"rows": np.array([-1, 7])})


def grows_inside(path: Path, numbers: int) -> Path:
    """A valid network that makes so many numbers of a picture, and their mean of these."""
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], keepdims=0),
        helper.make_node("Expand", ["mean", "shape"], ["many"]),
        helper.make_node("ReduceMean", ["many"], ["out"], keepdims=0),
    ]
    picture = [("picture", FLOAT, ["n", 3, 16, 16])]
    return save(path, nodes, picture, [("out", FLOAT, [])], {"shape": np.array([numbers])})


def not_to_be_computed_after_a_layer(path: Path) -> Path:
    """The same with a tensor `doubled` before it, which can be computed."""
    nodes = [
        helper.make_node("Add", ["picture", "picture"], ["doubled"]),
        helper.make_node("Reshape", ["doubled", "rows"], ["out"]),
    ]
    picture = [("picture", FLOAT, ["n", 3, 16, 16])]
    return save(path, nodes, picture, [("out", FLOAT, ["m", 7])], {"rows": np.array([-1, 7])})


def doubled_in_a_branch(path: Path) -> Path:
    """A tensor `chosen`, which either branch of an `If` takes from `doubled` around it; output: what is added to it."""
    picture, chosen = [("picture", FLOAT, ["n", 3, 16, 16])], helper.make_tensor_value_info("inner", FLOAT, None)
    branch = helper.make_graph([helper.make_node("Identity", ["doubled"], ["inner"])], "branch", [], [chosen])
    nodes = [
        helper.make_node("Add", ["picture", "picture"], ["doubled"]),
        helper.make_node("If", ["always"], ["chosen"], then_branch=branch, else_branch=branch),
        helper.make_node("Add", ["chosen", "picture"], ["out"]),
    ]
    return save(path, nodes, picture, [("out", FLOAT, ["n", 3, 16, 16])], {"always": np.array(True)})


def mean_of_sound(path: Path) -> Path:
    """(n, 96, 64, 1) log-mel in, the mean spectrum (n, 64) out."""
    nodes = [helper.make_node("ReduceMean", ["sound"], ["mean"], axes=[1, 3], keepdims=0)]
    return save(path, nodes, [("sound", FLOAT, ["n", 96, 64, 1])], [("mean", FLOAT, ["n", 64])])


def grey_bytes(path: Path) -> Path:
    """(n, 48, 48, 1) bytes in, the same bytes as numbers (n, 48, 48, 1) out."""
    nodes = [helper.make_node("Cast", ["patch"], ["values"], to=FLOAT)]
    shape = ["n", 48, 48, 1]
    return save(path, nodes, [("patch", TensorProto.UINT8, shape)], [("values", FLOAT, shape)])


def face_pack(folder: Path) -> Path:
    """A detector with SCRFD's nine outputs that finds one face in bright pictures, and a recogniser like ArcFace's."""
    _detector(folder / "detector.onnx")
    nodes = [
        helper.make_node("ReduceMean", ["crop"], ["colour"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["colour", "mix"], ["embedding"]),
    ]
    mix = np.random.default_rng(0).normal(size=(3, 512)).astype(np.float32)
    outputs = [("embedding", FLOAT, [1, 512])]
    save(folder / "recogniser.onnx", nodes, [("crop", FLOAT, [1, 3, 112, 112])], outputs, {"mix": mix})
    return folder


def _detector(path: Path) -> Path:
    """One anchor of stride 32, at column 8 and row 6, fires when something in the picture is brighter than grey."""
    nodes = [
        helper.make_node("ReduceMax", ["picture"], ["brightest"], keepdims=0),
        helper.make_node("Relu", ["brightest"], ["above"]),
        helper.make_node("Sign", ["above"], ["is_bright"]),
    ]
    outputs, constants = [], {}
    eyes_nose_mouth = np.array([-0.8, -0.5, 0.8, -0.5, 0, 0.2, -0.6, 0.9, 0.6, 0.9], np.float32)
    fires = {"score": np.float32(0.9), "box": np.float32(2), "points": eyes_nose_mouth}
    for kind, size in (("score", 1), ("box", 4), ("points", 10)):
        for stride in (8, 16, 32):
            name, anchors = f"{kind}_{stride}", 2 * (640 // stride) ** 2
            values = np.zeros((anchors, size), np.float32)
            if stride == 32:
                values[(6 * 20 + 8) * 2] = fires[kind]
            constants[f"{name}_if_bright"] = values
            nodes.append(helper.make_node("Mul", [f"{name}_if_bright", "is_bright"], [name]))
            outputs.append((name, FLOAT, [anchors, size]))
    return save(path, nodes, [("picture", FLOAT, [1, 3, 640, 640])], outputs, constants)


def mean_of_clip(path: Path, channels_first: bool = True) -> Path:
    """Clips of four pictures in, (n, 3, 4, 16, 16) or (n, 4, 16, 16, 3), the mean colour of the last (n, 3) out."""
    axis, others = (2, [2, 3, 4]) if channels_first else (1, [1, 2, 3])
    nodes = [
        helper.make_node("Slice", ["clip", "from", "to", "axis"], ["last"]),
        helper.make_node("ReduceMean", ["last"], ["mean"], axes=others, keepdims=0),
    ]
    shape = ["n", 3, 4, 16, 16] if channels_first else ["n", 4, 16, 16, 3]
    constants = {"from": np.array([3]), "to": np.array([4]), "axis": np.array([axis])}
    return save(path, nodes, [("clip", FLOAT, shape)], [("mean", FLOAT, ["n", 3])], constants)


def counted_words(path: Path, words: tuple[str, ...]) -> Path:
    """Texts (n, 1) in, which of these texts each is (n, words) out."""
    count = {"mode": "TF", "min_gram_length": 1, "max_gram_length": 1, "max_skip_count": 0, "ngram_counts": [0]}
    indexes = {"ngram_indexes": list(range(len(words))), "pool_strings": list(words)}
    nodes = [helper.make_node("TfIdfVectorizer", ["text"], ["counts"], **count, **indexes)]
    return save(path, nodes, [("text", TensorProto.STRING, ["n", 1])], [("counts", FLOAT, ["n", len(words)])])
