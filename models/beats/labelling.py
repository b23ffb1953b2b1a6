"""Which kind of beat event a shot belongs to, asked of single shots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.labelling import Answer, Classes, Labelling, Question
from models.beats.config import Config
from models.shots.scaling import compared_shots


def question(config: Config, _named: Sequence[str]) -> Question:
    """One category; a shot that shows none is left out."""
    answers = tuple(Answer(name, {"category": name}) for name in config.categories)
    return Question("Which kind of event does the shot belong to?", answers)


def view(films: Sequence[Arrays], config: Config) -> list[Array]:
    """What is looked at of each shot, scaled."""
    return compared_shots(films, config.use)


def truth(targets: Sequence[Arrays], config: Config) -> Classes:
    """The categories that people gave."""
    names = tuple(config.ordered)
    films = tuple((film["category"][:, None] == np.arange(len(names))).astype(np.float32) for film in targets)
    return Classes(names, films, True)


def belief(prediction: Arrays, artefact: Artefact) -> Classes:
    """How likely the champion finds each category."""
    return Classes(tuple(artefact.config.ordered), (prediction["probability"],), True)


LABELLING = Labelling(question, view, truth, belief)
