"""What beats stand beside: logistic regression on the shot, and the most alike labelled shot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cinelake.lake.spill import joined
from cinelake.learning.metrics import one_hot
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.beats.config import Config
from models.shots.vectors import known_shots
from models.simple.learners import logistic, nearest


def by_logistic(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """Logistic regression on a shot's own numbers."""
    x, vectors = known_shots(examples, config.use)
    truth = one_hot(joined(examples, "category", of="targets"), len(config.categories))
    fitted = logistic(x, truth, exclusive=True)
    return lambda features: _as_predicted(fitted(vectors(features)))


def by_nearest(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """The category of the labelled shot that is most alike."""
    x, vectors = known_shots(examples, config.use)
    fitted = nearest(x, one_hot(joined(examples, "category", of="targets"), len(config.categories)))
    return lambda features: _as_predicted(fitted(vectors(features)).astype(float))


def _as_predicted(probability: Array) -> Arrays:
    category = probability.argmax(axis=1)
    return {"probability": probability, "category": category, "svm": category}
