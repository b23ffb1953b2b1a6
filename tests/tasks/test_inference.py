"""How frozen networks are kept: loaded once, found by content, never on another device than the one asked for."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from _made_networks import doubled_in_a_branch, grows_inside, mean_colour, not_to_be_computed_after_a_layer

from cinelake.errors import EngineUnavailable, ModelUnusable
from cinelake.lake.onnx import device_of, inference_threads, onnx_session, require_device, run_in_batches
from cinelake.storage.content import file_digest

PLAN = """
import sys
from cinelake.spec.task import find_task
for name in ("faces", "embeddings"):
    spec = find_task(name)
    spec.preflight(spec.params())
print(sorted({"cv2", "dlib", "onnx", "onnxruntime", "tensorflow", "keras", "insightface"} & set(sys.modules)))
"""


def test_a_network_is_loaded_once_and_again_when_its_content_changes(tmp_path: Path) -> None:
    file = mean_colour(tmp_path / "net.onnx")
    first, digest = onnx_session(file), file_digest(file)
    assert onnx_session(file) is first
    mean_colour(file, side=24)
    assert file_digest(file) != digest
    assert onnx_session(file) is not first


@pytest.mark.parametrize(
    ("made", "layer"), [(not_to_be_computed_after_a_layer, "doubled"), (doubled_in_a_branch, "chosen")]
)
def test_all_before_a_layer_is_computed_and_nothing_after_it(
    tmp_path: Path, made: Callable[[Path], Path], layer: str
) -> None:
    session = onnx_session(made(tmp_path / "net.onnx"), layer=layer)
    pictures = np.random.default_rng(0).uniform(size=(1, 3, 16, 16)).astype(np.float32)
    assert np.array_equal(session.run(None, {"picture": pictures})[0], 2 * pictures)


@pytest.mark.parametrize("bits", [44, 46])
def test_a_network_that_needs_more_memory_than_there_is_is_unusable(tmp_path: Path, bits: int) -> None:
    session = onnx_session(grows_inside(tmp_path / "net.onnx", 1 << bits))
    with pytest.raises(ModelUnusable, match=r"net\.onnx cannot be computed: .*requested buffer of size"):
        session.run(None, {"picture": np.ones((1, 3, 16, 16), np.float32)})


def test_an_inference_has_no_more_threads_than_its_process_may_use_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CINELAKE_THREADS", raising=False)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert inference_threads() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_the_last_batch_is_padded_and_the_padding_dropped() -> None:
    seen: list[int] = []

    def double(rows: np.ndarray) -> np.ndarray:
        seen.append(len(rows))
        return rows * 2

    assert run_in_batches(double, np.arange(5.0)[:, None], 2).ravel().tolist() == [0, 2, 4, 6, 8]
    assert seen == [2, 2, 2]


def test_a_device_that_is_not_there_is_never_replaced_by_another() -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(EngineUnavailable, match=r"'cuda' was asked for, but onnxruntime .* has only .*CPU"):
        require_device("cuda")


@pytest.mark.parametrize(
    ("provider", "device"), [("CUDAExecutionProvider", "cuda"), ("CPUExecutionProvider", "cpu"), ("opencv", "cpu")]
)
def test_what_ran_tells_the_device(provider: str, device: str) -> None:
    assert device_of(provider) == device


def test_planning_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PLAN], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
