"""What characters stand beside: a histogram of colours with logistic regression, and the nearest moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.model import Example
from models.characters.config import Config
from models.characters.labels import as_columns, as_strings, cast_of
from models.simple.histograms import colour_histograms
from models.simple.learners import HOLDS, logistic, nearest


def by_histogram(examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Logistic regression on the colours of the picture; where only vectors are seen, on these."""
    who = joined(examples, "character", of="targets")
    cast = cast_of(who)
    fitted = logistic(_looks(examples), as_columns(who, cast) > 0, exclusive=False)
    return lambda features: {"character": as_strings(fitted(_look(features)) >= HOLDS, cast)}


def by_nearest(examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Who is in the labelled moment that is most alike."""
    fitted = nearest(_looks(examples), joined(examples, "character", of="targets"))
    return lambda features: {"character": fitted(_look(features))}


def _looks(examples: Sequence[Example]) -> Array:
    if "picture" in examples[0].features:
        return colour_histograms(joined(examples, "picture"))
    return joined(examples, "embedding")


def _look(features: Arrays) -> Array:
    return colour_histograms(features["picture"]) if "picture" in features else features["embedding"]
