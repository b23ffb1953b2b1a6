"""How a moment feels, or how much of another quantity it has, asked of single clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.labelling import Answer, Classes, Labelling, Question, Scale
from models.affect.config import WIDE, Config
from models.affect.features import learn_scaling, scaled_clips


def question(config: Config, _named: Sequence[str]) -> Question:
    """One of the classes, or a number for each target: valence and arousal from −1 to 1, others from 0 to 1."""
    if config.classes:
        answers = tuple(Answer(name, {"name": name, "value": 1.0}) for name in config.targets)
        return Question("Which of these holds?", answers)
    scales = tuple(
        Scale(name, name, -1.0, 1.0) if name in WIDE else Scale(name, "value", 0.0, 1.0, {"name": name})
        for name in config.targets
    )
    return Question("How much of each has this moment?", (), scales)


def view(films: Sequence[Arrays], config: Config) -> list[Array]:
    """What is heard and seen of each clip, the mean over its steps."""
    learned = learn_scaling(films, config.use, config.components)
    return [scaled_clips(film, learned, config.use).mean(axis=1) for film in films]


def truth(targets: Sequence[Arrays], config: Config) -> Classes:
    """The lines that people gave; NaN where a clip has no value."""
    films = tuple(np.where(film["there"] > 0, film["line"], np.nan) for film in targets)
    return Classes(config.targets, films, config.classes)


def belief(prediction: Arrays, artefact: Artefact) -> Classes | None:
    """Shares of the classes; a line does not say how sure it is."""
    return Classes(artefact.config.targets, (prediction["line"],), True) if artefact.config.classes else None


LABELLING = Labelling(question, view, truth, belief)
