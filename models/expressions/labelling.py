"""Which emotion a face shows, asked of single faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.labelling import Answer, Classes, Labelling, Question
from models.expressions.config import Config
from models.expressions.networks import EMOTIONS
from models.shots.inputs import PATCH_SIDE, describe_gradients


def question(_config: Config, _named: Sequence[str]) -> Question:
    """One of the seven; a face that shows none of them is left out."""
    return Question("What does the face show?", tuple(Answer(name, {"emotion": name}) for name in EMOTIONS))


def view(films: Sequence[Arrays], _config: Config) -> list[Array]:
    """Histograms of the patches' gradients: faces of one expression and pose lie near each other."""
    return [describe_gradients(film["patch"].reshape(-1, PATCH_SIDE**2)) for film in films]


def truth(targets: Sequence[Arrays], _config: Config) -> Classes:
    """The emotions that people gave."""
    films = tuple((film["emotion"][:, None] == np.arange(len(EMOTIONS))).astype(np.float32) for film in targets)
    return Classes(EMOTIONS, films, True)


def belief(prediction: Arrays, _artefact: Artefact) -> Classes:
    """How likely the champion finds each emotion."""
    return Classes(EMOTIONS, (prediction["probabilities"],), True)


LABELLING = Labelling(
    question,
    view,
    truth,
    belief,
    extent=lambda features, step: {"face": int(features["face"][step])},
    picture="patch",
)
