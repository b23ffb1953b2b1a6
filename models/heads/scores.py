"""Scores of each class beside their means, by name."""

from __future__ import annotations

from collections.abc import Sequence

from cinelake.spec.arrays import Array
from cinelake.spec.model import Scores


def by_class(each: Array, measures: Sequence[str], classes: Sequence[str], occurs: Array) -> Scores:
    """`MEASURE_CLASS` → score, of the classes that occur. each: (classes, measures); occurs: (classes,) bool."""
    return {
        f"{measure}_{name}": float(each[place, column])
        for column, measure in enumerate(measures)
        for place, name in enumerate(classes)
        if occurs[place]
    }
