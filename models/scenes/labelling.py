"""Whether a scene begins with a shot, asked of single shots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.labelling import Answer, Classes, Labelling, Question
from models.scenes.config import Config
from models.scenes.features import learn_inputs, network_inputs

NAMES = ("a scene begins",)


def question(_config: Config, _named: Sequence[str]) -> Question:
    """Yes or no."""
    yes, no = Answer("a new scene begins", {"begins": True}), Answer("the scene goes on", {"begins": False})
    return Question("Does a new scene begin with this shot?", (yes,), nothing=no)


def view(films: Sequence[Arrays], config: Config) -> list[Array]:
    """How alike the shots before and after each boundary are, as the networks are given it."""
    learned = learn_inputs([Example("", "", film, {}) for film in films], config, 0)
    return [network_inputs(film, learned, config) for film in films]


def truth(targets: Sequence[Arrays], _config: Config) -> Classes:
    """Where people say that scenes begin."""
    return Classes(NAMES, tuple(film["boundary"][:, None].astype(np.float32) for film in targets))


def belief(prediction: Arrays, _artefact: Artefact) -> Classes:
    """How likely the champion finds a boundary."""
    return Classes(NAMES, (prediction["probability"][:, None],))


LABELLING = Labelling(question, view, truth, belief, askable=lambda features: features["shot"] > 0)
