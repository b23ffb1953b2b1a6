"""How people label single moments of what a model learns from, and how it is known which are worth it.

Declared beside the model (`Model.labelling`): `cinelake labels next` asks for these, and never for a model by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact


@dataclass(frozen=True)
class Answer:
    """What a person may say of a moment. text: as it is shown; row: the label's columns beside film and extent."""

    text: str
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Scale:
    """A quantity of a moment, from `low` to `high`. column: gets the number; row: the label's other columns."""

    text: str
    column: str
    low: float
    high: float
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What is asked of each moment.

    answers: of which one holds, or several. scales: quantities to be given instead, one after the other. nothing: what
    is said where no answer holds; None: nothing can be said then. may_add: whether people may name further classes.
    """

    text: str
    answers: tuple[Answer, ...] = ()
    scales: tuple[Scale, ...] = ()
    nothing: Answer | None = None
    several: bool = False
    may_add: bool = False


@dataclass(frozen=True)
class Classes:
    """Values of classes (or of quantities) by name: one (T, C) array a film.

    exclusive: whether one class holds at most; what probabilities lack to 1 is then that none does.
    """

    names: tuple[str, ...]
    films: tuple[Array, ...]
    exclusive: bool = False


def every_step(features: Arrays) -> Array:
    """(T,) bool: all steps of a film may be asked about."""
    return np.ones(len(features["time_s"]), bool)


def nothing_more(_features: Arrays, _step: int) -> Mapping[str, Any]:
    """A step's extent says which it is."""
    return {}


def unchanged(config: Any) -> Any:
    """Films that are labelled in part are read as any others."""
    return config


@dataclass(frozen=True)
class Labelling:
    """How single moments of a model are compared, doubted and asked about.

    question(config, named): what is asked; named: the classes that labels name so far.
    view(films' features, config): one (T, D) array a film, in which moments that look alike lie near each other.
    truth(films' targets, config): what a plain regression on the view is to learn from the labels.
    belief(prediction, artefact): what a champion says of one film, as the same classes; None where it gives no
    probabilities.
    askable(features): (T,) bool, the steps that can be labelled. extent(features, step): further columns of a label.
    partly(config): the configuration under which films that are labelled in part are learned from rightly.
    picture: name of the feature that is a small grey picture of the step itself, (T, height, width); empty: none.
    """

    question: Callable[[Any, Sequence[str]], Question]
    view: Callable[[Sequence[Arrays], Any], list[Array]]
    truth: Callable[[Sequence[Arrays], Any], Classes]
    belief: Callable[[Arrays, Artefact], Classes | None]
    askable: Callable[[Arrays], Array] = every_step
    extent: Callable[[Arrays, int], Mapping[str, Any]] = nothing_more
    partly: Callable[[Any], Any] = unchanged
    picture: str = ""
