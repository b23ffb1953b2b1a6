"""On an NVIDIA device TensorFlow and ONNX Runtime really use it, and give what the processor gives, nearly."""

import json
from pathlib import Path

import numpy as np
import pytest
from gpu._convolution import NODES, convolution, pictures
from gpu._device import TOLERANCE, why_not

from cinelake.lake.onnx import onnx_session, require_device, session_options

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(why_not()), reason=why_not())]
CUDA = "CUDAExecutionProvider"


def near(found, expected):
    """The largest difference, as a part of the largest number, is within tolerance."""
    found, expected = np.asarray(found), np.asarray(expected)
    return np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return convolution(tmp_path_factory.mktemp("network") / "convolution.onnx")


def test_onnx_runtime_starts_its_provider_for_cuda(network):
    assert onnx_session(network, "cuda").get_providers()[0] == CUDA


def test_onnx_runtime_gives_what_the_processor_gives(network):
    given = {"picture": pictures()}
    on_gpu, on_cpu = (onnx_session(network, device).run(None, given)[0] for device in ("cuda", "cpu"))
    assert near(on_gpu, on_cpu)


def test_onnx_runtime_computes_every_layer_on_the_device(network, tmp_path):
    import onnxruntime

    options = session_options()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    session = onnxruntime.InferenceSession(str(network), options, providers=[require_device("cuda")])
    session.run(None, {"picture": pictures()})
    events = json.loads(Path(session.end_profiling()).read_text())
    ran = {
        event["args"]["op_name"]: event["args"]["provider"] for event in events if "provider" in event.get("args", {})
    }
    layers = [where for name, where in ran.items() if any(layer in name for layer in NODES)]
    assert layers and set(layers) == {CUDA}


def test_tensorflow_sees_the_device_and_multiplies_on_it():
    import tensorflow as tf

    left, right = np.random.default_rng(1).normal(size=(2, 256, 256)).astype(np.float32)
    with tf.device("/GPU:0"):
        product = tf.matmul(left, right)
    assert product.device.endswith("GPU:0") and near(product, left @ right)


def test_a_training_runs_on_the_device_and_learns():
    import keras

    keras.utils.set_random_seed(0)
    rows = np.random.default_rng(2).normal(size=(512, 16)).astype(np.float32)
    network = keras.Sequential([keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)])
    network.compile(optimizer="adam", loss="mse")
    losses = network.fit(rows, rows.sum(axis=1), epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    assert all("GPU" in weight.value.device for weight in network.trainable_weights)


def test_tensorflow_and_onnx_runtime_share_a_process(network):
    import tensorflow as tf

    with tf.device("/GPU:0"):
        assert float(tf.reduce_sum(tf.ones((4, 4)))) == 16
    assert onnx_session(network, "cuda").run(None, {"picture": pictures(1)})[0].shape == (1, 48)
