"""The heads of `characters`: what turns a frame's picture or embedding into one logit per character.

| head | sees | network |
| --- | --- | --- |
| regions | pictures | four convolutions; each place votes for characters, the votes of all places are pooled |
| seed | embeddings | 1024-512-256 sigmoid, dropout 0.5 (the screen-time tutorial's) |
| linear | embeddings | logistic regression |

The regions head is multiple-instance learning with log-sum-exp pooling (Pinheiro & Collobert 2015, 1411.6228): labels
say who is in a frame, not where, and a figure of a few pixels may decide. `nobody` has the fixed logit 0 where
characters exclude each other; else each character is a question of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import Progress, fit, over_batches, over_rows
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.training import Training
from models.characters.pictures import HEIGHT, WIDTH, drawn_batches

FILTERS = ((16, 2), (32, 2), (48, 1), (64, 2))
"""Filters and stride of each convolution."""
PLACES = 20.0
"""About how many places must agree weakly to weigh as much as one that is sure."""
SEED_UNITS = (1024, 512, 256)
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Lesson:
    """What a head learns from, or stops by. x: (n, …); present: (n, C), 1 where that character is there."""

    x: Array
    present: Array


@dataclass(frozen=True)
class Question:
    """How the answers hang together.

    exclusive: at most one character a frame. positive: (C,) weight of a frame with the character against one without;
    frame: (1 + C,) weight of a frame by who is in it, nobody first, where they exclude each other.
    """

    exclusive: bool
    positive: Array
    frame: Array

    def weights(self, present: Array) -> Array:
        """(n,) weight of each frame."""
        if not self.exclusive:
            return np.ones(len(present), np.float32)
        return self.frame[np.where(present.any(axis=1), 1 + present.argmax(axis=1), 0)].astype(np.float32)


def question(present: Array, exclusive: bool, weighted: bool) -> Question:
    """Balanced weights (as scikit-learn has them: frames / (classes · frames of the class)), or all 1.

    Where characters are asked one by one, the weight of presence is bounded to 10, and `probabilities` takes it out
    again: it steers what is learned, never how much screen time comes out.
    """
    count, classes = len(present), present.shape[1] + 1
    if not weighted:
        return Question(exclusive, np.ones(classes - 1), np.ones(classes))
    there = np.maximum(present.sum(axis=0), 1)
    positive = np.clip((count - there) / there, 1, 10)
    by_class = np.maximum([count - present.any(axis=1).sum(), *there], 1)
    return Question(exclusive, positive, count / (classes * by_class))


def probabilities(logits: Array, asked: Question) -> Array:
    """(n, C) in [0, 1]: calibrated to how often the characters are there (Elkan 2001), or the softmax's share."""
    from scipy.special import expit, softmax

    if asked.exclusive:
        return np.asarray(softmax(np.pad(logits, ((0, 0), (1, 0))), axis=1)[:, 1:])
    return np.asarray(expit(logits - np.log(asked.positive)))


def log_loss(probability: Array, present: Array, exclusive: bool) -> float:
    """Mean negative log likelihood of what is there, per frame."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    if exclusive:
        nobody = np.clip(1 - p.sum(axis=1), 1e-6, 1)
        return float(-np.log(np.where(present.any(axis=1), (p * present).sum(axis=1), nobody)).mean())
    return float(-(present * np.log(p) + (1 - present) * np.log(1 - p)).sum(axis=1).mean())


def build_regions(characters: int) -> Any:
    """(B, 90, 160, 3) in 0…255 → (B, C) logits."""
    import_tensorflow()
    from keras import Input, Model, layers, ops

    picture = Input((HEIGHT, WIDTH, 3))
    x = layers.Rescaling(1 / 255)(picture)
    for filters, stride in FILTERS:
        x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    votes = layers.Conv2D(characters, 1)(layers.SpatialDropout2D(0.1)(x))  # (B, 12, 20, C)
    votes = layers.Reshape((-1, characters))(votes)
    return Model(picture, ops.logsumexp(votes, axis=1) - float(np.log(PLACES)))


def build_seed(size: int, characters: int) -> Any:
    """(B, size) → (B, C) logits: the tutorial's network."""
    import_tensorflow()
    from keras import Sequential, layers

    hidden = [layer for units in SEED_UNITS for layer in (layers.Dense(units, "sigmoid"), layers.Dropout(0.5))]
    return Sequential([layers.Input((size,)), *hidden, layers.Dense(characters)])


def weighted_loss(asked: Question) -> Any:
    """The loss of `cinelake.learning.fitting`: softmax with `nobody`, or a sigmoid per character."""
    tf = import_tensorflow()

    def exclusive(present: Any, logits: Any, weight: Any) -> Any:
        nobody = 1 - tf.reduce_max(present, axis=1, keepdims=True)
        full = tf.concat([tf.zeros_like(logits[:, :1]), logits], axis=1)
        each = tf.nn.softmax_cross_entropy_with_logits(tf.concat([nobody, present], axis=1), full)
        return tf.reduce_sum(weight * each) / tf.maximum(tf.reduce_sum(weight), 1e-6)

    def together(present: Any, logits: Any, weight: Any) -> Any:
        positive = tf.constant(asked.positive, tf.float32)
        each = tf.reduce_mean(tf.nn.weighted_cross_entropy_with_logits(present, logits, positive), axis=1)
        return tf.reduce_sum(weight * each) / tf.maximum(tf.reduce_sum(weight), 1e-6)

    return exclusive if asked.exclusive else together


def logits_of(network: Any, x: Array) -> Array:
    """The network's logits, a few rows at a time."""
    parts = [x[i : i + ROWS_AT_ONCE].astype(np.float32) for i in range(0, len(x), ROWS_AT_ONCE)]
    return np.concatenate([np.asarray(network(part, training=False)) for part in parts])


def fit_regions(
    learn: Lesson, stop: Lesson, asked: Question, training: Training, *, epochs: int, batch_size: int, varied: float
) -> tuple[Any, Progress]:
    """Train the regions head; the weights are those of the least validation loss."""
    network = _seeded(training.seed, lambda: build_regions(learn.present.shape[1]))
    steps = max(1, epochs * -(-len(learn.x) // batch_size))
    weights = asked.weights(learn.present)
    batches = drawn_batches(learn.x, learn.present, weights, batch_size=batch_size, seed=training.seed, varied=varied)
    optimizer = _cosine(2e-3, steps)
    epoch = over_batches(network, optimizer, weighted_loss(asked), batches)
    return network, fit(network, optimizer, epoch, _watch(network, stop, asked), training, epochs=epochs)


def fit_seed(learn: Lesson, stop: Lesson, asked: Question, training: Training, epochs: int) -> tuple[Any, Progress]:
    """Train the tutorial's network: Adam, the checkpoint of the least validation loss."""
    from keras.optimizers import Adam

    network = _seeded(training.seed, lambda: build_seed(learn.x.shape[1], learn.present.shape[1]))
    optimizer, weights = Adam(), asked.weights(learn.present)
    epoch = over_rows(
        network, optimizer, weighted_loss(asked), learn.x, learn.present, weights, batch_size=32, seed=training.seed
    )
    return network, fit(network, optimizer, epoch, _watch(network, stop, asked), training, epochs=epochs)


def _watch(network: Any, stop: Lesson, asked: Question) -> Any:
    """Validation loss after an epoch."""

    def validate() -> dict[str, float]:
        found = probabilities(logits_of(network, stop.x), asked)
        return {"loss": log_loss(found, stop.present, asked.exclusive)}

    return validate


def _seeded(seed: int, build: Any) -> Any:
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(seed)
    return build()


def _cosine(rate: float, steps: int) -> Any:
    from keras.optimizers import AdamW
    from keras.optimizers.schedules import CosineDecay

    return AdamW(CosineDecay(rate, steps), weight_decay=1e-4)


def fit_linear(learn: Lesson, asked: Question, strength: float) -> Arrays:
    """coefficients (d, C) and intercepts (C,) of logistic regression; strength: the inverse of regularisation."""
    if asked.exclusive:
        return _multinomial(learn, asked, strength)
    columns = [_one(learn.x, learn.present[:, c], float(asked.positive[c]), strength) for c in range(_wide(learn))]
    coefficients, intercepts = zip(*columns, strict=True)
    return {"coefficients": np.stack(coefficients, axis=1), "intercepts": np.array(intercepts)}


def _wide(learn: Lesson) -> int:
    return int(learn.present.shape[1])


def _one(x: Array, there: Array, positive: float, strength: float) -> tuple[Array, float]:
    """One character against its absence; a character that is always or never there has no coefficients."""
    from sklearn.linear_model import LogisticRegression

    if there.min() == there.max():
        return np.zeros(x.shape[1]), 10.0 if there.max() else -10.0
    fitted = LogisticRegression(C=strength, max_iter=500).fit(x, there, np.where(there > 0, positive, 1.0))
    return fitted.coef_[0], float(fitted.intercept_[0])


def _multinomial(learn: Lesson, asked: Question, strength: float) -> Arrays:
    """Softmax over nobody and the characters; nobody's logit is taken off the others'."""
    from sklearn.linear_model import LogisticRegression

    classes = np.where(learn.present.any(axis=1), 1 + learn.present.argmax(axis=1), 0)
    fitted = LogisticRegression(C=strength, max_iter=500).fit(learn.x, classes, asked.weights(learn.present))
    full = np.zeros((1 + _wide(learn), learn.x.shape[1] + 1))
    full[:, -1] = -10.0  # who never came up in training
    found = np.column_stack([fitted.coef_, fitted.intercept_])
    full[fitted.classes_] = found if len(fitted.classes_) > 2 else np.concatenate([-found / 2, found / 2])
    relative = full[1:] - full[0]
    return {"coefficients": relative[:, :-1].T, "intercepts": relative[:, -1]}


def blend(probability: Sequence[Array], share: Sequence[float]) -> Array:
    """The mean of several heads' probabilities with these shares."""
    return np.asarray(sum(part * weight for part, weight in zip(probability, share, strict=True)))
