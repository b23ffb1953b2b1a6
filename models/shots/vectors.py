"""Shots as one vector each, without what is around them: for predictors that look at one shot at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.shots.inputs import ShotInput
from models.shots.scaling import learn_scaling, shot_vectors


def known_shots(examples: Sequence[Example], kinds: Sequence[ShotInput]) -> tuple[Array, Callable[[Arrays], Array]]:
    """(n, D) vectors of the labelled shots, and what makes those of any film's features."""
    scaling = learn_scaling(examples, kinds)

    def vectors(features: Arrays) -> Array:
        return shot_vectors(features, scaling, kinds, 0)

    rows = [vectors(example.features)[example.targets["known"]] for example in examples]
    return np.concatenate(rows), vectors
