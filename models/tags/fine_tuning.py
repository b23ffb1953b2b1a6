"""Fine-tuning the top of a backbone for tags: its last layers learn with a head, on the shots' middle pictures.

The lower layers stay as they are, and batch normalisation everywhere (its statistics belong to the pictures that the
backbone was trained on). Pictures are squeezed to one size and held in memory as bytes: 1,000 shots at 96 × 96 are
28 MB, at 224 × 224 150 MB. After Yosinski et al., "How transferable are features in deep neural networks?" (NIPS 2014).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import field_validator

from cinelake.errors import CannotTrain, ModelUnusable, WeightsMissing
from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import fit, over_batches
from cinelake.spec.arrays import Array
from cinelake.spec.model import Scores
from cinelake.spec.task import Field, ManifestPath, Params, TableReader
from cinelake.spec.training import Training
from models.heads.networks import Head, Rows, cross_entropy

PICTURES_TOGETHER = 16
SCALINGS = {"raw": (1.0, 0.0), "0-1": (1 / 255, 0.0), "-1-1": (1 / 127.5, -1.0)}


class FineTune(Params):
    """Which backbone, how much of it learns, and what pictures it is given."""

    backbone: ManifestPath
    """A .keras file with its weights: (rows, side, side, 3) → a map or a vector."""
    layers: int = Field(10, ge=0)
    """So many of its last layers that have weights learn; 0: the head alone."""
    side: int = Field(96, ge=8, le=1024)
    """Height and width of the pictures; as the backbone takes them."""
    scaling: Literal["raw", "0-1", "-1-1"] = "-1-1"
    """How it takes bytes: as they are, from 0 to 1, or from -1 to 1."""
    learning_rate: float = Field(1e-4, gt=0)
    """Of Adam: small, so that what the backbone knows is not lost."""
    epochs: int = Field(20, ge=1)
    """At most so many passes over the training part."""
    patience: int = Field(5, ge=1)
    """Stop after so many epochs without a better loss on the validation part."""
    batch_size: int = Field(32, ge=1)
    """Pictures per step."""

    @field_validator("backbone")
    @classmethod
    def _a_keras_file(cls, file: Path) -> Path:
        if file.suffix.lower() != ".keras":
            raise ValueError(f"a backbone that learns is a .keras file. Received: {file.name!r}")
        return file


def middle_pictures(frames: TableReader, shots: Array, side: int) -> Array:
    """(T, side, side, 3) RGB bytes of the shots' middle pictures; black where a shot has none."""
    import cv2

    pixels = np.zeros((len(shots), side, side, 3), np.uint8)
    rows = {int(shot): row for row, shot in enumerate(shots)}
    for batch in frames.batches(["shot", "is_middle", "jpeg"]):
        for found in batch.to_pylist():
            if found["is_middle"] and found["shot"] in rows:
                picture: Any = cv2.imdecode(np.frombuffer(found["jpeg"], np.uint8), cv2.IMREAD_COLOR)
                small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
                pixels[rows[found["shot"]]] = small[..., ::-1]
    return pixels


def load_backbone(file: Path) -> Any:
    """The network in a file, in safe mode. Raises `WeightsMissing` without it, `ModelUnusable` for what is none."""
    if not file.is_file():
        raise WeightsMissing(
            f"there is no backbone {file} to fine-tune: save a Keras network with its weights there "
            "(`network.save(FILE)`; nothing is downloaded), or leave out `fine_tune` and train a head on `embeddings`"
        )
    import_tensorflow()
    import keras

    try:
        return keras.models.load_model(str(file), compile=False, safe_mode=True)
    except Exception as error:
        raise ModelUnusable(f"{file} cannot be loaded safely as a Keras network: {error}") from error


def build_fine_tuned(settings: FineTune, head: Head, tags: int, seed: int) -> Any:
    """The network (rows, side, side, 3) of bytes → (rows, tags); what may learn is trainable.

    Raises `CannotTrain` when the backbone takes other pictures.
    """
    backbone = load_backbone(settings.backbone)
    import keras

    keras.utils.set_random_seed(seed)
    takes, side = tuple(backbone.inputs[0].shape), settings.side
    if len(takes) != 4 or any(
        size not in (None, wanted) for size, wanted in zip(takes[1:], (side, side, 3), strict=True)
    ):
        raise CannotTrain(f"{settings.backbone} takes an input of shape {takes}, not ({side}, {side}, 3): set `side`")
    weighty = [layer for layer in backbone.layers if layer.weights]
    learning = weighty[len(weighty) - min(settings.layers, len(weighty)) :]
    for layer in backbone.layers:
        layer.trainable = layer in learning and not isinstance(layer, keras.layers.BatchNormalization)
    scale, offset = SCALINGS[settings.scaling]
    start = keras.Input((side, side, 3))
    seen = backbone(keras.layers.Rescaling(scale, offset)(start))
    seen = keras.layers.GlobalAveragePooling2D()(seen) if len(seen.shape) == 4 else keras.layers.Flatten()(seen)
    seen = keras.layers.Dropout(head.dropout, seed=seed)(seen)
    return keras.Model(start, keras.layers.Dense(tags, "sigmoid" if head.multi_label else "softmax")(seen))


@dataclass(frozen=True)
class FineTuned:
    """A fitted network, its best epoch (1 is the first), and what it says of the validation pictures."""

    network: Any
    epochs: int
    validation: Array


def fine_tune(settings: FineTune, head: Head, rows: Rows, validation: Rows, training: Training) -> FineTuned:
    """Fit the top of the backbone and a head on pictures, stopped early by the validation pictures, if any."""
    import keras

    tf = import_tensorflow()
    network = build_fine_tuned(settings, head, rows.y.shape[1], training.seed)
    loss = cross_entropy(replace(head, name="linear"), rows.y)
    optimizer = keras.optimizers.Adam(settings.learning_rate)
    look = validation if len(validation) else rows

    def batches(epoch: int) -> Iterator[tuple[Array, Array, Array]]:
        order = np.random.default_rng((training.seed, epoch)).permutation(len(rows))
        for start in range(0, len(rows), settings.batch_size):
            chosen = order[start : start + settings.batch_size]
            yield rows.x[chosen].astype(np.float32), rows.y[chosen], np.ones(len(chosen), np.float32)

    def validate() -> Scores:
        said = tf.constant(pictures_predicted(network, look.x))
        return {"loss": float(loss(tf.constant(look.y, tf.float32), said, tf.ones(len(look))))}

    epoch = over_batches(network, optimizer, loss, batches)
    patience = settings.patience if len(validation) else None
    found = fit(network, optimizer, epoch, validate, training, epochs=settings.epochs, patience=patience)
    return FineTuned(network, found.best_epoch + 1, pictures_predicted(network, validation.x))


def pictures_predicted(network: Any, pixels: Array) -> Array:
    """(pictures, tags) of a network that is still in memory, some pictures at a time."""
    parts = [
        np.asarray(network(pixels[start : start + PICTURES_TOGETHER].astype(np.float32), training=False))
        for start in range(0, len(pixels), PICTURES_TOGETHER)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, network.output.shape[1]), np.float32)
