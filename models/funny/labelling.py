"""Whether a step is funny, asked of single steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.labelling import Answer, Classes, Labelling, Question
from models.funny.config import Config
from models.funny.features import embeddings, learn_scaling

NAMES = ("funny",)
STEEPNESS = 4.0
"""How fast a margin of Q-values becomes sure: rewards are of size 1."""


def question(_config: Config, _named: Sequence[str]) -> Question:
    """Yes or no."""
    yes, no = Answer("funny", {"is_funny": True}), Answer("not funny", {"is_funny": False})
    return Question("Is this moment funny?", (yes,), nothing=no)


def view(films: Sequence[Arrays], config: Config) -> list[Array]:
    """What the agent sees of each step and of those around it."""
    scaling = learn_scaling([Example("", "", film, {}) for film in films], config)
    return [embeddings(film, scaling, config) for film in films]


def truth(targets: Sequence[Arrays], _config: Config) -> Classes:
    """What people find funny."""
    return Classes(NAMES, tuple(film["funny"][:, None].astype(np.float32) for film in targets))


def belief(prediction: Arrays, _artefact: Artefact) -> Classes:
    """The champion's margin between funny and not as if it were log-odds: in the right order, not calibrated."""
    return Classes(NAMES, (1 / (1 + np.exp(-STEEPNESS * prediction["margin"][:, None].astype(np.float64))),))


LABELLING = Labelling(question, view, truth, belief, askable=lambda features: features["seen"])
