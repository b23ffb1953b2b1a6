"""What tags stand beside: logistic regression on the shot, and the tags of the most alike labelled shot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.shots.vectors import known_shots
from models.simple.histograms import colour_histograms
from models.simple.learners import HOLDS, logistic, nearest
from models.tags.config import Config
from models.tags.predict import as_kept


def by_logistic(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """Logistic regression on a shot's own numbers; of pictures that a backbone would learn from, on their colours."""
    x, vectors = _vectors(examples, config)
    fitted = logistic(x, joined(examples, "tags", of="targets") > 0, exclusive=not config.multi_label)

    def guess(features: Arrays) -> Arrays:
        probability = fitted(vectors(features))
        if not config.multi_label:
            likeliest = np.arange(probability.shape[1]) == probability.argmax(axis=1)[:, None]
            return as_kept(features, likeliest.astype(np.float32))
        # the threshold of the configuration stands where the odds are even
        return as_kept(features, np.where(probability >= HOLDS, np.maximum(probability, config.threshold), 0))

    return guess


def by_nearest(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """The tags of the labelled shot that is most alike."""
    x, vectors = _vectors(examples, config)
    fitted = nearest(x, joined(examples, "tags", of="targets"))
    return lambda features: as_kept(features, fitted(vectors(features)))


def _vectors(examples: Sequence[Example], config: Config) -> tuple[Array, Callable[[Arrays], Array]]:
    if config.fine_tune is None:
        return known_shots(examples, config.kinds)
    return colour_histograms(joined(examples, "pixels")), lambda features: colour_histograms(features["pixels"])
