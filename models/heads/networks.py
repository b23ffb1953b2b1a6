"""Heads on frozen embeddings: networks, their loss, how they are fitted, and thresholds learned on films left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import Loss, fit, over_rows
from cinelake.learning.metrics import precision_recall_f1
from cinelake.spec.arrays import Array
from cinelake.spec.model import Scores
from cinelake.spec.training import Training, say_nothing
from models.heads.config import MIN_PROBABILITY, Head, LabelledRows

MAX_WEIGHT = 30.0
"""No answer counts more than this many times, however rare it is."""
MIN_EXAMPLES = 4
"""A tag with fewer examples keeps the threshold 0.5."""


def build_head(head: Head, inputs: int, outputs: int, seed: int) -> Any:
    """The network (batch, inputs) → (batch, outputs) of probabilities.

    seed: dropout, then y = ReLU(Wx + b), then softmax, as in Khan et al., "Movies Tags Extraction Using Deep
    Learning" (AVSS 2017). linear: one layer. mlp: one hidden layer between dropouts. The latter two end in a sigmoid
    for each tag where tags overlap, else in a softmax.
    """
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(seed)
    layers, decay = keras.layers, keras.regularizers.L2(head.l2)
    last = "sigmoid" if head.multi_label else "softmax"
    x = start = keras.Input((inputs,))
    x = layers.Dropout(head.dropout, seed=seed)(x) if head.dropout else x
    if head.name == "seed":
        x = layers.Activation("softmax")(layers.Dense(outputs, "relu")(x))
    elif head.name == "linear":
        x = layers.Dense(outputs, last, kernel_regularizer=decay)(x)
    else:
        x = layers.Dense(head.hidden, "relu", kernel_regularizer=decay)(x)
        x = layers.Dropout(head.dropout, seed=seed + 1)(x) if head.dropout else x
        x = layers.Dense(outputs, last, kernel_regularizer=decay)(x)
    return keras.Model(start, x)


def cross_entropy(head: Head, y: Array) -> Loss:
    """Mean cross-entropy per row: E(p, q) = −Σ q log p, or for overlapping tags of each tag and its absence, summed.

    y: (rows, tags) of the training part; with `balance` each tag's presence and absence weigh the same in it, but no
    answer more than `MAX_WEIGHT` times.
    """
    tf = import_tensorflow()
    share = y.mean(axis=0)
    present, absent = np.ones_like(share), np.ones_like(share)
    if head.balance:
        present = np.minimum(0.5 / np.maximum(share, MIN_PROBABILITY), MAX_WEIGHT)
        absent = np.minimum(0.5 / np.maximum(1 - share, MIN_PROBABILITY), MAX_WEIGHT) if head.multi_label else absent

    def loss(target: Any, output: Any, weight: Any) -> Any:
        p = tf.clip_by_value(output, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        each = -target * tf.math.log(p) * present.astype(np.float32)
        if head.multi_label:
            each -= (1 - target) * tf.math.log(1 - p) * absent.astype(np.float32)
        return tf.reduce_sum(tf.reduce_sum(each, axis=1) * weight) / tf.maximum(tf.reduce_sum(weight), 1.0)

    return loss


def fit_head(head: Head, rows: LabelledRows, validation: LabelledRows | None, training: Training) -> tuple[Any, int]:
    """A head fitted on rows, stopped early by its loss on validation rows; returns it and how many epochs were best."""
    import keras

    tf = import_tensorflow()
    network = build_head(head, rows.x.shape[1], rows.y.shape[1], training.seed)
    loss = cross_entropy(head, rows.y)
    optimizer = keras.optimizers.Adam(head.learning_rate)
    ones = np.ones(len(rows), np.float32)
    epoch = over_rows(
        network, optimizer, loss, rows.x, rows.y, ones, batch_size=min(head.batch_size, len(rows)), seed=training.seed
    )
    look = rows if validation is None else validation
    x, y, weight = (tf.constant(part, tf.float32) for part in (look.x, look.y, np.ones(len(look))))
    score = tf.function(lambda: loss(y, network(x, training=False), weight))

    def validate() -> Scores:
        return {"loss": float(score())}

    patience = head.patience if validation is not None else None
    every = max(1, head.epochs // 10)
    progress = fit(
        network, optimizer, epoch, validate, training, epochs=head.epochs, patience=patience, checkpoint_every=every
    )
    return network, progress.best_epoch + 1


def predicted(network: Any, x: Array) -> Array:
    """(rows, tags) probabilities of a network that is still in memory."""
    return (
        np.asarray(network(x.astype(np.float32), training=False)) if len(x) else np.zeros((0, network.output.shape[1]))
    )


def left_out_predictions(
    head: Head, folds: Sequence[tuple[LabelledRows, LabelledRows]], training: Training
) -> tuple[Array, Array]:
    """Targets and predictions of rows that were left out of a fitting each; folds: (learned from, left out)."""
    targets, predictions = [], []
    for number, (learned, left) in enumerate(folds):
        aside = replace(training, folder=training.folder / f"fold_{number}", report=say_nothing)
        network, _ = fit_head(replace(head, patience=None), learned, None, aside)
        targets.append(left.y)
        predictions.append(predicted(network, left.x))
    return np.concatenate(targets), np.concatenate(predictions)


def best_thresholds(targets: Array, probabilities: Array) -> Array:
    """(tags,) the probability from which on a tag is predicted: where its F1 is greatest, or 0.5 for rare tags.

    targets, probabilities: (rows, tags). Neighbouring thresholds are averaged, so that one lucky row decides nothing.
    """
    grid = np.linspace(0.06, 0.94, 45)
    thresholds = np.full(targets.shape[1], 0.5)
    for tag in np.flatnonzero((targets > 0).sum(axis=0) >= MIN_EXAMPLES):
        truth = targets[:, tag] > 0
        chosen = probabilities[:, tag, None] >= grid
        hits = (chosen & truth[:, None]).sum(axis=0)
        f1 = precision_recall_f1(hits, chosen.sum(axis=0), truth.sum())[:, 2]
        smooth = np.convolve(np.pad(f1, 2, mode="edge"), np.ones(5) / 5, mode="valid")
        thresholds[tag] = np.mean(grid[smooth >= smooth.max() - 1e-9])
    return thresholds.astype(np.float32)
