"""Running frozen networks: ONNX Runtime sessions, loaded once per worker process.

A session is cached by the digest of its files, so that two films, or two tasks, that use one network load it once.
Nothing falls back in silence: a device that is not there raises `EngineUnavailable` with the reason.

`CINELAKE_CACHE` names the folder of exported networks (else `~/.cache/cinelake`), `CINELAKE_THREADS` the threads
of one inference (else, in an engine's process, its share of the processors: one where each has a process; elsewhere all
processors). Sums of some networks come out otherwise with eight threads than with up to four.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3

from cinelake.errors import EngineUnavailable, ModelUnusable, did_you_mean
from cinelake.lake.network_files import network_digest
from cinelake.lake.notices import quiet_tensorflow
from cinelake.spec.arrays import Array, Device
from cinelake.storage.content import file_digest
from cinelake.storage.files import write_whole, written_whole
from cinelake.storage.processes import THREADS, cache_folder

_PROVIDERS: dict[Device, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_LOADING = threading.Lock()
NOT_THE_NETWORK = re.compile(r"memory|alloc|CUDA|CUDNN|CUBLAS", re.IGNORECASE)
"""In what ONNX Runtime says while it computes: another machine, or a later hour, may do it."""
_REQUESTED = re.compile(r"requested buffer of size (\d+)")
"""What it says of memory that it was not given, in bytes."""


def inference_threads() -> int:
    """Threads of one inference: `CINELAKE_THREADS`, else all processors that this process may use."""
    return int(os.environ.get(THREADS) or len(os.sched_getaffinity(0)))


def require_device(device: Device) -> str:
    """The provider for a device; raises `EngineUnavailable` when this ONNX Runtime has none for it."""
    provider = _PROVIDERS[device]
    if device == "cpu":
        return provider
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise EngineUnavailable(
            f"device {device!r} was asked for, but onnxruntime {onnxruntime.__version__} here has only "
            f"{', '.join(available)}: install `onnxruntime-gpu` instead of `onnxruntime`, or say `device: cpu`"
        )
    onnxruntime.preload_dlls(directory="")  # CUDA and cuDNN from their wheels, which no system path names
    return provider


def device_of(provider: str) -> Device:
    """The device that a provider runs on; `cpu` for all but ours for GPUs."""
    return "cuda" if provider == _PROVIDERS["cuda"] else "cpu"


def session_options(threads: int | None = None) -> Any:
    """How every network here is run: a fixed number of threads that sleep while they wait, errors only on stderr.

    Waiting threads that spin cost half as much again in processor time, which other films' steps could use.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or inference_threads()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def onnx_session(path: Path, device: Device = "cpu", layer: str | None = None, threads: int | None = None) -> Network:
    """The session of an ONNX file, loaded once per process; `layer` names a tensor (or node) to return instead.

    threads: of one inference; None: see `inference_threads`. What the network cannot compute raises `ModelUnusable`
    when it is run, with the file's name, unless memory or the device is what failed.

    Raises `ModelUnusable` when the file is no ONNX network or has no such layer, `WeightsMissing` when a file that it
    keeps weights in is not there, `EngineUnavailable` when the provider did not start (its libraries are missing, say).
    """
    with _LOADING:
        return _session(network_digest(path), str(path), device, layer, threads or inference_threads())


@lru_cache(maxsize=8)
def _session(digest: str, path: str, device: Device, layer: str | None, threads: int) -> Network:
    import onnxruntime

    provider = require_device(device)
    source = with_output(Path(path), layer) if layer else path
    try:
        session = onnxruntime.InferenceSession(source, session_options(threads), providers=[provider])
    except Exception as error:
        raise ModelUnusable(f"{path} cannot be loaded as an ONNX network: {error}") from error
    check_provider(session, provider)
    return Network(session, path)


class Network:
    """ONNX Runtime's session of a file; `run` says which file could not be computed. All else is the session's."""

    def __init__(self, session: Any, path: str):
        self._session, self._path = session, path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, Any]) -> list[Any]:
        """The values of these outputs, or of all. Raises `ModelUnusable` for what the network cannot compute."""
        try:
            return list(self._session.run(outputs, inputs))
        except Exception as error:  # its exceptions have no type in common
            if isinstance(error, MemoryError) or (NOT_THE_NETWORK.search(str(error)) and not _is_endless(str(error))):
                raise
            raise ModelUnusable(f"{self._path} cannot be computed: {error}") from error


def _is_endless(words: str) -> bool:
    """Whether ONNX Runtime says that the network asked for more at once than this machine has: no later hour has it."""
    asked_for = _REQUESTED.search(words)
    return asked_for is not None and int(asked_for[1]) > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_provider(session: Any, provider: str) -> None:
    """Raise `EngineUnavailable` when ONNX Runtime fell back to another provider than the requested one."""
    running = session.get_providers()
    if running[0] != provider:
        raise EngineUnavailable(
            f"{provider} was asked for, but ONNX Runtime started {running[0]}: its libraries (CUDA, cuDNN) "
            "could not be loaded"
        )


def with_output(path: Path, layer: str) -> bytes:
    """An ONNX network whose only output is the tensor called `layer` (or the first output of the node of that name).

    What comes after it is left out: ONNX Runtime would compute it. Raises `ModelUnusable` with close matches when there
    is none.
    """
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise ModelUnusable(f"{path} cannot be loaded as an ONNX network: {error}") from error
    tensors = [name for node in model.graph.node for name in node.output]
    nodes = {node.name: node.output[0] for node in model.graph.node if node.name}
    wanted = layer if layer in tensors else nodes.get(layer)
    if wanted is None:
        raise ModelUnusable(f"{path} has no layer {layer!r}{did_you_mean(layer, [*nodes, *tensors])}")
    nodes_before = nodes_for(wanted, model.graph)
    del model.graph.node[:]
    model.graph.node.extend(nodes_before)
    del model.graph.output[:]
    model.graph.output.append(onnx.ValueInfoProto(name=wanted))
    try:
        return bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())
    except ValueError as error:  # protobuf's limit of 2 GB, weights in other files counted
        raise ModelUnusable(f"{path} cannot be cut at {layer!r}: {error}") from error


def nodes_for(tensor: str, graph: Any) -> list[Any]:
    """The nodes of an `onnx.GraphProto` that a tensor is computed from, in their order."""
    from_node = {name: number for number, node in enumerate(graph.node) for name in node.output}
    needed, names = set[int](), [tensor]
    while names:
        number = from_node.get(names.pop())
        if number is not None and number not in needed:
            needed.add(number)
            names += _read_by(graph.node[number])
    return [node for number, node in enumerate(graph.node) if number in needed]


def _read_by(node: Any) -> list[str]:
    """Names of the tensors that a node reads; a branch or a loop reads those of the graph around it by their names."""
    graphs = [graph for attribute in node.attribute for graph in (attribute.g, *attribute.graphs)]
    return [*node.input, *(name for graph in graphs for inner in graph.node for name in _read_by(inner))]


def run_in_batches(run: Callable[[Array], Array], rows: Array, size: int) -> Array:
    """`run` over rows in batches of exactly `size`; the last is padded with zeros, whose results are dropped.

    With a fixed batch size the bits are the same whatever the engine and however the rows arrive.
    """
    results = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        padding = np.zeros((size - len(part), *rows.shape[1:]), rows.dtype)
        results.append(run(np.concatenate([part, padding]) if len(padding) else part)[: len(part)])
    return np.concatenate(results)


def made_network(make: Callable[[], Any], made_of: Sequence[str]) -> Path:
    """The ONNX file of a network that `make` (an `onnx.ModelProto`) builds, kept in the cache folder.

    made_of: what decides the network (digests of its weights, the version of what builds it). Processes that build it
    at the same time each write a file of their own, of one content, and the last one stays.
    """
    target = cache_folder() / "onnx" / f"{blake3(repr(list(made_of)).encode()).hexdigest(length=16)}.onnx"
    with _LOADING:
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, bytes(make().SerializeToString(deterministic=True)))
    return target


def import_tensorflow() -> Any:
    """TensorFlow (and with it Keras), without the lines that it prints on import."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    quiet_tensorflow()
    import tensorflow

    return tensorflow


def exported_keras(make: Callable[[], Any], file: Path, name: str, tolerance: float = 1e-3) -> Path:
    """The ONNX file of a Keras network, exported the first time and kept in the cache folder.

    make: builds the network from `file`; only called when there is no export yet. name: what else decides the
    network (the layer it is cut at). tolerance: largest difference to Keras' own output, relative to its largest
    value; `ModelUnusable` when it is exceeded, or when the network cannot be exported.
    """
    from importlib.metadata import version

    parts = [file_digest(file), name, version("keras"), version("tf2onnx")]
    target = cache_folder() / "onnx" / f"{blake3(repr(parts).encode()).hexdigest(length=16)}.onnx"
    with _LOADING:
        if not target.exists():
            export_keras(make(), target, str(file), tolerance)
    return target


def export_keras(model: Any, target: Path, where: str, tolerance: float = 1e-3) -> None:
    """Export a Keras network of one input to ONNX (its first output), checked against Keras; else `ModelUnusable`."""
    import tf2onnx

    tf = import_tensorflow()
    # An optimiser of tf2onnx that fails logs a traceback and is skipped; what comes out is compared below.
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    if len(model.inputs) != 1:
        raise ModelUnusable(f"{where} takes {len(model.inputs)} inputs, not one")
    spec = tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype, name="input")
    first_output = tf.function(lambda x: tf.nest.flatten(model(x, training=False))[0], input_signature=[spec])
    try:
        exported, _ = tf2onnx.convert.from_function(first_output, input_signature=[spec], opset=17)
    except Exception as error:
        raise ModelUnusable(f"{where} cannot be exported to ONNX: {error}") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(target) as unchecked:
        unchecked.write_bytes(exported.SerializeToString())
        _compare(first_output, unchecked, spec, where, tolerance)


def _compare(keras_output: Any, exported: Path, spec: Any, where: str, tolerance: float) -> None:
    """Raise `ModelUnusable` unless the export returns what Keras does, on fixed random input."""
    import onnxruntime

    shape = [2 if i == 0 and size is None else size or 64 for i, size in enumerate(spec.shape)]
    rows = np.random.default_rng(0).uniform(-1, 1, shape).astype(spec.dtype.as_numpy_dtype)
    expected = np.asarray(keras_output(rows))
    session = onnxruntime.InferenceSession(str(exported), session_options(), providers=["CPUExecutionProvider"])
    received = np.asarray(session.run(None, {session.get_inputs()[0].name: rows})[0])
    difference = float(np.abs(expected - received).max()) / max(1.0, float(np.abs(expected).max()))
    if not difference <= tolerance:
        raise ModelUnusable(f"{where}: the ONNX export differs from Keras by {difference:.2g}, more than {tolerance}")
