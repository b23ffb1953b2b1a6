"""A head learned on embeddings made once is the head learned behind the frozen backbone, which runs in each epoch."""

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import fit, over_rows
from cinelake.spec.training import Training
from models.heads.config import Head
from models.heads.networks import build_head, cross_entropy

ROWS, SIDE, TAGS = 48, 12, 3
HEAD = Head("linear", True, 0.0, 1, 0.0, 0.05, 6, None, 16, True)


@pytest.fixture(scope="module")
def backbone() -> Any:
    """A small frozen network with random weights, (n, 12, 12, 3) → (n, 8)."""
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(1)
    start = keras.Input((SIDE, SIDE, 3))
    seen = keras.layers.Conv2D(8, 3, activation="relu")(start)
    made = keras.Model(start, keras.layers.GlobalAveragePooling2D()(seen))
    made.trainable = False
    return made


def fitted(network: Any, x: np.ndarray, y: np.ndarray, folder: Path) -> None:
    import keras

    optimizer = keras.optimizers.Adam(HEAD.learning_rate)
    epoch = over_rows(network, optimizer, cross_entropy(HEAD, y), x, y, np.ones(ROWS), batch_size=HEAD.batch_size)
    each_is_better = count()
    fit(network, optimizer, epoch, lambda: {"loss": -next(each_is_better)}, Training(folder), epochs=HEAD.epochs)


def test_a_head_on_cached_embeddings_equals_one_behind_the_running_backbone(backbone: Any, tmp_path: Path):
    import keras

    rng = np.random.default_rng(0)
    pictures, y = (
        rng.random((ROWS, SIDE, SIDE, 3)).astype(np.float32),
        rng.integers(0, 2, (ROWS, TAGS)).astype(np.float32),
    )
    on_cached, behind = (build_head(HEAD, 8, TAGS, seed=3) for _ in range(2))
    whole = keras.Model(backbone.input, behind(backbone.output))
    start = on_cached.get_weights()[0].copy()
    fitted(on_cached, np.asarray(backbone(pictures)), y, tmp_path / "cached")
    fitted(whole, pictures, y, tmp_path / "running")
    assert np.allclose(on_cached.get_weights()[0], behind.get_weights()[0], atol=1e-5)
    assert np.abs(on_cached.get_weights()[0] - start).max() > 0.05
