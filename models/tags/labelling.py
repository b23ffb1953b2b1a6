"""Which tags fit a shot, asked of single shots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.labelling import Answer, Classes, Labelling, Question
from models.shots.scaling import compared_shots
from models.tags.config import Config

LOOKED_AT = 8
"""Pictures for a backbone are compared by the means of so many by so many fields."""


def question(config: Config, named: Sequence[str]) -> Question:
    """One tag or several of the vocabulary; without a vocabulary of those that labels name, or others."""
    tags = config.vocabulary or tuple(sorted(named))
    text = "Which of these tags fit the shot?" if config.multi_label else "Which of these tags fits the shot?"
    nothing = Answer("none of them", {"tag": None}) if config.multi_label else None
    answers = tuple(Answer(tag, {"tag": tag}) for tag in tags)
    return Question(text, answers, (), nothing, config.multi_label, not config.vocabulary)


def view(films: Sequence[Arrays], config: Config) -> list[Array]:
    """What is looked at of each shot, scaled; with `fine_tune` its middle picture, small."""
    if config.fine_tune is None:
        return compared_shots(films, config.kinds, [film["kept"] for film in films])
    return [_fields(film["pixels"]) for film in films]


def _fields(pixels: Array) -> Array:
    """(T, 192) the mean colours of fields of (T, side, side, 3)."""
    rows = np.array_split(np.arange(pixels.shape[1]), min(LOOKED_AT, pixels.shape[1]))
    means = np.stack([pixels[:, part].mean(axis=1) for part in rows], axis=1)
    fields = np.stack([means[:, :, part].mean(axis=2) for part in rows], axis=2)
    return np.asarray(fields.reshape(len(pixels), len(rows) ** 2 * pixels.shape[3]) / 255, np.float32)


def truth(targets: Sequence[Arrays], config: Config) -> Classes:
    """The tags that people gave."""
    return Classes(config.vocabulary, tuple(film["tags"] for film in targets), not config.multi_label)


def belief(prediction: Arrays, artefact: Artefact) -> Classes:
    """How likely the champion finds each tag."""
    config = artefact.config
    return Classes(config.vocabulary, (prediction["probability"],), not config.multi_label)


LABELLING = Labelling(
    question,
    view,
    truth,
    belief,
    askable=lambda features: features["kept"],
    partly=lambda config: config.model_copy(update={"absence": "unknown"}),
)
