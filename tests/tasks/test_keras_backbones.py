"""Keras networks: exported to ONNX once, checked, cached; files that carry code are refused."""

from pathlib import Path

import numpy as np
import pytest
from _drawn_face import frames_table

from cinelake.errors import ModelUnusable
from cinelake.spec.task import Film, find_task
from tasks.embeddings.networks import TfliteNetwork
from tasks.shared.pictures import decode, resize

EMBEDDINGS = find_task("embeddings")
FILM = Film("film")
PICTURES = [np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8) for seed in range(3)]


def embed(**params: object) -> np.ndarray:
    worker = EMBEDDINGS.make(EMBEDDINGS.params(**params), Film("film"))
    batches = list(worker.run({"frames": frames_table(*PICTURES)}))
    return np.stack([row for batch in batches for row in batch["embedding"].to_numpy(zero_copy_only=False)])


def shown(side: int) -> np.ndarray:
    """The pictures as they come out of the table, at a size."""
    jpegs = [jpeg for batch in frames_table(*PICTURES).batches() for jpeg in batch["jpeg"].to_pylist()]
    return np.stack([resize(decode(jpeg), side, side) for jpeg in jpegs]).astype(np.float32)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CINELAKE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "onnx"


def test_a_keras_file_gives_what_keras_gives_and_is_exported_once(tmp_path: Path, cache: Path) -> None:
    import keras

    layers = [keras.layers.Conv2D(4, 3, name="edges"), keras.layers.ReLU(), keras.layers.Conv2D(5, 3)]
    model = keras.Sequential([keras.Input((32, 32, 3)), *layers])
    model.save(tmp_path / "tiny.keras")
    found = embed(backbone={"file": tmp_path / "tiny.keras"}, preprocess="0-1")
    assert found == pytest.approx(np.asarray(model(shown(32) / 255)).mean(axis=(1, 2)), abs=1e-4)
    assert [file.suffix for file in cache.iterdir()] == [".onnx"]
    flat = embed(backbone={"file": tmp_path / "tiny.keras"}, layer="edges", pooling="flatten", preprocess="0-1")
    assert flat.shape == (3, 30 * 30 * 4)
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("name", ["code.keras", "code.h5"])
def test_a_keras_file_that_carries_code_is_refused(tmp_path: Path, cache: Path, name: str) -> None:
    import keras

    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Lambda(lambda x: x * 2)])
    model.save(tmp_path / name)
    with pytest.raises(ModelUnusable, match="cannot be loaded safely"):
        embed(backbone={"file": tmp_path / name})


@pytest.mark.slow
@pytest.mark.parametrize("with_top", [True, False])
def test_an_imagenet_network_takes_local_weights_with_or_without_classifier(
    tmp_path: Path, cache: Path, with_top: bool
) -> None:
    import keras

    keras.utils.set_random_seed(1)
    size = {} if with_top else {"input_shape": (224, 224, 3)}
    model = keras.applications.MobileNetV3Small(weights=None, include_top=with_top, **size)
    model.save_weights(tmp_path / "own.weights.h5")
    last_map = [layer for layer in model.layers if layer.output.shape[1:2] in ((7,), (None,))][-1]
    expected = keras.Model(model.inputs, last_map.output)(shown(224), training=False)
    found = embed(backbone="MobileNetV3Small", weights=tmp_path / "own.weights.h5")
    assert found == pytest.approx(np.asarray(expected).mean(axis=(1, 2)), rel=1e-3, abs=1e-4)
    with pytest.raises(ModelUnusable, match="does not hold the weights of vgg16"):
        embed(backbone="vgg16", weights=tmp_path / "own.weights.h5")


@pytest.mark.slow
def test_weights_are_found_where_keras_keeps_them(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    model = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(224, 224, 3))
    (tmp_path / "models").mkdir()
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    model.save(tmp_path / "models" / name)
    assert embed(backbone="mobilenet_v2", layer="block_3_expand", input_size=96).shape == (3, 144)


def test_a_tflite_network_that_names_classes_gives_what_it_saw_before_beside_them(tmp_path: Path) -> None:
    import keras
    import tensorflow as tf

    picture = keras.Input((32, 32, 3))
    seen = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(picture))
    network = keras.Model(picture, [seen, keras.layers.Dense(6, "softmax")(seen)])
    classes = keras.Model(picture, network.outputs[1])
    (tmp_path / "tiny.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(classes).convert())
    worker = EMBEDDINGS.make(EMBEDDINGS.params(backbone={"file": tmp_path / "tiny.tflite"}, preprocess="0-1"), FILM)
    (batch,) = worker.run({"frames": frames_table(*PICTURES)})
    for column, expected in zip(("features", "embedding"), network(shown(32) / 255), strict=True):
        found = np.stack(batch[column].to_numpy(zero_copy_only=False))
        assert found == pytest.approx(np.asarray(expected), abs=1e-4)


def test_a_tflite_network_that_cannot_be_computed_is_named(tmp_path: Path) -> None:
    import tensorflow as tf

    unfit = tf.function(lambda x: tf.gather(x, [5], axis=1), input_signature=[tf.TensorSpec((1, 4, 4, 3), tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([unfit.get_concrete_function()])
    (tmp_path / "unfit.tflite").write_bytes(converter.convert())
    with pytest.raises(ModelUnusable, match=r"unfit\.tflite cannot be (computed|loaded)"):
        TfliteNetwork(tmp_path / "unfit.tflite", None).run(np.zeros((1, 4, 4, 3), np.float32))
