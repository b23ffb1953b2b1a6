"""The heads: what turns a frame's picture or embedding into one logit per character, and logits into probabilities.

| head | sees | network |
| --- | --- | --- |
| regions | pictures | four convolutions; each place votes for characters, the votes of all places are pooled |
| seed | embeddings | 1024-512-256 sigmoid, dropout 0.5 (the screen-time tutorial's) |
| linear | embeddings | logistic regression on their roots |

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
from cinelake.spec.arrays import Array, Arrays
from models.characters.features import HEIGHT, WIDTH

FILTERS = ((16, 2), (32, 2), (48, 1), (64, 2))
"""Filters and stride of each convolution."""
PLACES = 20.0
"""About how many places must agree weakly to weigh as much as one that is sure."""
SEED_UNITS = (1024, 512, 256)


@dataclass(frozen=True)
class Objective:
    """Whether characters exclude each other, and how much frames weigh in training.

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


def objective_of(present: Array, exclusive: bool, weighted: bool) -> Objective:
    """Balanced weights (as scikit-learn has them: frames / (classes · frames of the class)), or all 1.

    Where characters are independent, the weight of presence is bounded to 10, and `probabilities` takes it out again:
    it steers what is learned, never how much screen time comes out.
    """
    count, classes = len(present), present.shape[1] + 1
    if not weighted:
        return Objective(exclusive, np.ones(classes - 1), np.ones(classes))
    frames = np.maximum(present.sum(axis=0), 1)
    positive = np.clip((count - frames) / frames, 1, 10)
    by_class = np.maximum([count - present.any(axis=1).sum(), *frames], 1)
    return Objective(exclusive, positive, count / (classes * by_class))


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


def linear_logits(x: Array, arrays: Arrays) -> Array:
    """(n, C) of logistic regression; x: (n, d) standardised; arrays: coefficients (d, C) and intercepts (C,)."""
    return np.asarray(x @ arrays["coefficients"] + arrays["intercepts"])


def rooted(x: Array) -> Array:
    """(n, d) square roots that keep the sign: a few large numbers, which tell a film's style and light, weigh less
    beside the many small ones (Perronnin, Sánchez and Mensink, "Improving the Fisher Kernel", ECCV 2010)."""
    return np.asarray(np.sign(x) * np.sqrt(np.abs(x)))


def standardised(x: Array, scale: Arrays) -> Array:
    """(n, d) float32. scale: `mean` and `scale` (d,), and `rooted` where it was learned from roots."""
    x = rooted(x) if "rooted" in scale else x
    return np.asarray((x - scale["mean"]) / scale["scale"], np.float32)


def probabilities(logits: Array, objective: Objective) -> Array:
    """(n, C) in [0, 1]: calibrated to how often the characters are there (Elkan 2001), or the softmax's share."""
    from scipy.special import expit, softmax

    if objective.exclusive:
        return np.asarray(softmax(np.pad(logits, ((0, 0), (1, 0))), axis=1)[:, 1:])
    return np.asarray(expit(logits - np.log(objective.positive)))


def blend(probability: Sequence[Array], share: Sequence[float]) -> Array:
    """The mean of several heads' probabilities with these shares."""
    return np.asarray(sum(part * weight for part, weight in zip(probability, share, strict=True)))
