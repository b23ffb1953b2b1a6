"""What characters stand beside: the majority, colours' histogram with logistic regression, and the nearest moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.characters.config import Config
from models.characters.labels import as_columns, as_strings, cast_of
from models.simple.histograms import colour_histograms
from models.simple.learners import HOLDS, evenly, logistic, nearest


def by_majority(examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """In every frame, who is most often there: nobody, one, or several together."""
    who, count = np.unique(joined(examples, "character", of="targets"), return_counts=True)
    return lambda features: {"character": np.full(len(features["time_s"]), who[count.argmax()])}


def by_histogram(examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Logistic regression on the colours of the picture; where only vectors are seen, on these."""
    looks, who = _labelled(examples)
    cast = cast_of(who)
    fitted = logistic(looks, as_columns(who, cast) > 0, exclusive=False)
    return lambda features: {"character": as_strings(fitted(_look(features)) >= HOLDS, cast)}


def by_nearest(examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Who is in the labelled moment that is most alike."""
    fitted = nearest(*_labelled(examples))
    return lambda features: {"character": fitted(_look(features))}


def _labelled(examples: Sequence[Example]) -> tuple[Array, Array]:
    """What labelled moments look like and who is there, of many an even choice."""
    who = joined(examples, "character", of="targets")
    rows = evenly(len(who))
    name = "picture" if "picture" in examples[0].features else "embedding"
    return _look({name: joined(examples, name)[rows]}), np.asarray(who[rows])


def _look(features: Arrays) -> Array:
    return colour_histograms(features["picture"]) if "picture" in features else features["embedding"]
