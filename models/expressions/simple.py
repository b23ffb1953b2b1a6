"""What a network of expressions stands beside: gradients of the patch with logistic regression, the nearest patch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cinelake.lake.spill import joined
from cinelake.learning.metrics import one_hot
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.expressions.config import Config
from models.expressions.networks import EMOTIONS
from models.simple.histograms import gradient_histograms
from models.simple.learners import evenly, logistic, nearest


def by_histogram(examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Logistic regression on histograms of oriented gradients."""
    x, emotion = _labelled(examples)
    fitted = logistic(x, one_hot(emotion, len(EMOTIONS)), exclusive=True)

    def guess(features: Arrays) -> Arrays:
        probabilities = fitted(gradient_histograms(features["patch"]))
        return {"probabilities": probabilities, "emotion": probabilities.argmax(axis=1)}

    return guess


def by_nearest(examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """The emotion of the labelled face whose gradients are most alike."""
    fitted = nearest(*_labelled(examples))
    return lambda features: {"emotion": fitted(gradient_histograms(features["patch"]))}


def _labelled(examples: Sequence[Example]) -> tuple[Array, Array]:
    """Gradients and emotions of labelled faces, of many an even choice."""
    emotion = joined(examples, "emotion", of="targets")
    rows = evenly(len(emotion))
    return gradient_histograms(joined(examples, "patch")[rows]), np.asarray(emotion[rows])
