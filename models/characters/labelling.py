"""Who is to be seen in a frame, asked of single frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.labelling import Answer, Classes, Labelling, Question
from models.characters.config import Config
from models.characters.labels import BETWEEN, as_columns, cast_of

FIELD = 10
"""Pictures are compared by the means of fields of so many pixels each way, where there are no vectors."""


def question(config: Config, named: Sequence[str]) -> Question:
    """Everybody who is there; without a list of characters those that labels name, or others."""
    cast = config.characters or tuple(sorted(set(named) - set(config.nobody)))
    answers = tuple(Answer(name, {"character": name}) for name in cast)
    nothing = Answer(config.nobody[0], {"character": config.nobody[0]}) if config.nobody else None
    return Question("Who is to be seen?", answers, (), nothing, config.exclusive is not True, not config.characters)


def view(films: Sequence[Arrays], config: Config) -> list[Array]:
    """The frames' vectors; their pictures, small, where there are none."""
    if config.sees_vectors:
        return [film["embedding"] for film in films]
    return [_fields(film["picture"]) for film in films]


def _fields(pictures: Array) -> Array:
    """(T, 432) the mean colours of fields of (T, 90, 160, 3)."""
    count, height, width, colours = pictures.shape
    parts = pictures.reshape(count, height // FIELD, FIELD, width // FIELD, FIELD, colours)
    return np.asarray(parts.mean(axis=(2, 4)).reshape(count, height * width * colours // FIELD**2) / 255, np.float32)


def truth(targets: Sequence[Arrays], config: Config) -> Classes:
    """Who people say is there."""
    who = np.concatenate([film["character"][film["known"]] for film in targets])
    cast = config.characters or tuple(cast_of(who))
    alone = config.exclusive if config.exclusive is not None else not any(BETWEEN in str(names) for names in who)
    return Classes(cast, tuple(as_columns(film["character"], cast) for film in targets), alone)


def belief(prediction: Arrays, artefact: Artefact) -> Classes:
    """How likely the champion finds each character."""
    return Classes(tuple(artefact.facts["characters"]), (prediction["probability"],), bool(artefact.facts["exclusive"]))


LABELLING = Labelling(question, view, truth, belief)
