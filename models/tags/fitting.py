"""Fitting a head: by likeness in closed form, by gradient descent, or with the top of a backbone.

Fine-tuning leaves the backbone's lower layers as they are, and batch normalisation everywhere (its statistics belong
to the pictures that the backbone was trained on). Pictures are squeezed to one size and held in memory as bytes: 1,000
shots at 96 × 96 are 28 MB, at 224 × 224 150 MB. After Yosinski et al., "How transferable are features in deep neural
networks?" (NIPS 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import CannotTrain, ModelUnusable, WeightsMissing
from cinelake.lake.onnx import import_tensorflow
from cinelake.lake.spill import joined
from cinelake.learning.fitting import fit, over_batches
from cinelake.learning.split import folds
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import Scores, Trained
from cinelake.spec.training import Training
from cinelake.storage.content import file_digest
from models.heads.config import Head, LabelledRows
from models.heads.networks import best_thresholds, cross_entropy, fit_head, left_out_predictions
from models.shots.scaling import learn_scaling, shot_vectors
from models.tags.config import Config, FineTune
from models.tags.features import PICTURES_TOGETHER
from models.tags.kernel import Kernel, fit_kernel, kernel_predicted, left_out_by_kernel

MIN_ROWS = 10
SCALINGS = {"raw": (1.0, 0.0), "0-1": (1 / 255, 0.0), "-1-1": (1 / 127.5, -1.0)}
"""What bytes are multiplied by, and what is added then, for each way in which a backbone takes them."""
LeftOut = Callable[[Sequence[tuple[LabelledRows, LabelledRows]]], tuple[Array, Array]]
"""Pairs of rows (learned from, left out) to targets and predictions of all that were left out."""


def train(
    train_examples: Sequence[Example], validation_examples: Sequence[Example], config: Config, training: Training
) -> Trained:
    """Fit the head; each tag's threshold comes from films that are left out in turn."""
    _check_rows(train_examples, config)
    if config.fine_tune is not None:
        return _by_fine_tuning(config.fine_tune, train_examples, validation_examples, config, training)
    scaling = learn_scaling(train_examples, config.kinds)
    kernel = config.as_kernel(scaling)
    if kernel is None:
        fitted = _by_network(train_examples, validation_examples, scaling, config, training)
    else:
        fitted = _by_likeness(kernel, train_examples, validation_examples, scaling, config, training)
    thresholds = fitted.arrays["thresholds"]
    shown = {tag: round(float(value), 3) for tag, value in zip(config.vocabulary, thresholds, strict=True)}
    facts = {"tags": list(config.vocabulary), "use": list(config.kinds), "thresholds": shown}
    return Trained(fitted.network, {**scaling, **fitted.arrays}, {**facts, **fitted.facts})


def _check_rows(examples: Sequence[Example], config: Config) -> None:
    y = joined(examples, "tags", of="targets") if examples else np.zeros((0, 1))
    if len(y) < MIN_ROWS:
        raise CannotTrain(f"tags: {len(y)} labelled shots to learn from, at least {MIN_ROWS} are needed")
    seen = (y > 0).any(axis=0) & ((y == 0).any(axis=0))
    if not seen.any():
        raise CannotTrain("tags: every tag is on all shots of the films to learn from or on none: label other films")


def _rows(examples: Sequence[Example], scaling: Arrays, config: Config) -> LabelledRows:
    """The known shots; where a shot has one tag, several labels share its probability (the paper's q)."""
    if not examples:
        return LabelledRows(np.zeros((0, 1), np.float32), np.zeros((0, len(config.vocabulary)), np.float32))
    x = [shot_vectors(e.features, scaling, config.kinds, config.context)[e.targets["known"]] for e in examples]
    y = joined(examples, "tags", of="targets")
    if not config.multi_label:
        y = y / np.maximum(y.sum(axis=1, keepdims=True), 1)
    return LabelledRows(np.concatenate(x), y)


def _by_likeness(
    kernel: Kernel,
    train_examples: Sequence[Example],
    validation_examples: Sequence[Example],
    scaling: Arrays,
    config: Config,
    training: Training,
) -> Trained:
    """In closed form: there is nothing to stop by validation films, so with `refit` they are learned from at once."""
    learned = [*train_examples, *validation_examples] if config.refit else list(train_examples)
    rows = _rows(learned, scaling, config)
    arrays = fit_kernel(kernel, rows, training.seed)
    thresholds = _thresholds(
        [*train_examples, *validation_examples], scaling, config, lambda f: left_out_by_kernel(kernel, f, training.seed)
    )
    training.report(0, {"loss": float(((kernel_predicted(kernel, arrays, rows.x) - rows.y) ** 2).mean())})
    return Trained(None, {**arrays, "thresholds": thresholds}, {"labelled_shots": len(rows)})


def _by_network(
    train_examples: Sequence[Example],
    validation_examples: Sequence[Example],
    scaling: Arrays,
    config: Config,
    training: Training,
) -> Trained:
    """By gradient descent, stopped early by the validation films; with `refit` again on all, for as many epochs."""
    head, everything = config.as_head(), [*train_examples, *validation_examples]
    rows, validation = (_rows(part, scaling, config) for part in (train_examples, validation_examples))
    network, epochs = fit_head(head, rows, validation if len(validation) else None, training)
    chosen = replace(head, epochs=epochs, patience=None)
    if config.refit and len(validation):
        again = Training(training.folder / "refit", training.seed)
        network, _ = fit_head(chosen, _rows(everything, scaling, config), None, again)
    thresholds = _thresholds(everything, scaling, config, lambda f: left_out_predictions(chosen, f, training))
    return Trained(network, {"thresholds": thresholds}, {"epochs": epochs})


def _thresholds(examples: Sequence[Example], scaling: Arrays, config: Config, left_out: LeftOut) -> Array:
    if not config.calibration_folds or not config.multi_label or len({e.group for e in examples}) < 4:
        return np.full(len(config.vocabulary), 0.5, np.float32)
    parts = [
        (_rows(learned, scaling, config), _rows(left, scaling, config))
        for learned, left in folds(examples, config.calibration_folds)
    ]
    return best_thresholds(*left_out([(learned, left) for learned, left in parts if len(learned) and len(left)]))


def _by_fine_tuning(
    settings: FineTune,
    train_examples: Sequence[Example],
    validation_examples: Sequence[Example],
    config: Config,
    training: Training,
) -> Trained:
    """The top of a backbone and a head; each tag's threshold is the best on the validation films."""
    rows, validation = (_picture_rows(part, config) for part in (train_examples, validation_examples))
    fitted = fine_tune(settings, config.as_head(), rows, validation, training)
    thresholds = np.full(len(config.vocabulary), 0.5, np.float32)
    if len(validation) and config.multi_label:
        thresholds = best_thresholds(validation.y, fitted.validation)
    digest = file_digest(settings.backbone)
    facts = {"tags": list(config.vocabulary), "backbone": digest, "epochs": fitted.epochs}
    return Trained(fitted.network, {"thresholds": thresholds}, facts)


def _picture_rows(examples: Sequence[Example], config: Config) -> LabelledRows:
    if not examples:
        return LabelledRows(np.zeros((0, 1), np.uint8), np.zeros((0, len(config.vocabulary)), np.float32))
    y = joined(examples, "tags", of="targets")
    y = y if config.multi_label else y / np.maximum(y.sum(axis=1, keepdims=True), 1)
    return LabelledRows(joined(examples, "pixels"), y)


@dataclass(frozen=True)
class FineTuned:
    """A fitted network, its best epoch (1 is the first), and its predictions for the validation pictures."""

    network: Any
    epochs: int
    validation: Array


def fine_tune(
    settings: FineTune, head: Head, rows: LabelledRows, validation: LabelledRows, training: Training
) -> FineTuned:
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
        predicted = tf.constant(pictures_predicted(network, look.x))
        return {"loss": float(loss(tf.constant(look.y, tf.float32), predicted, tf.ones(len(look))))}

    epoch = over_batches(network, optimizer, loss, batches)
    patience = settings.patience if len(validation) else None
    progress = fit(network, optimizer, epoch, validate, training, epochs=settings.epochs, patience=patience)
    return FineTuned(network, progress.best_epoch + 1, pictures_predicted(network, validation.x))


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


def load_backbone(file: Path) -> Any:
    """The network in a file, in safe mode. Raises `WeightsMissing` without the file, `ModelUnusable` for others."""
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


def pictures_predicted(network: Any, pixels: Array) -> Array:
    """(pictures, tags) of a network that is still in memory, some pictures at a time."""
    parts = [
        np.asarray(network(pixels[start : start + PICTURES_TOGETHER].astype(np.float32), training=False))
        for start in range(0, len(pixels), PICTURES_TOGETHER)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, network.output.shape[1]), np.float32)
