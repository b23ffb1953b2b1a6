"""What the platform passes to a model's `train`: seed, a folder for checkpoints, a place to report epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cinelake.spec.artefact import Artefact

if TYPE_CHECKING:
    from cinelake.spec.example import Example


@dataclass(frozen=True)
class Member:
    """One of several networks that are trained one after another. number: from 1; epoch: its own, from 0."""

    number: int
    epoch: int


class Report(Protocol):
    """Where epochs go: to MLflow, the progress line, the tuner (who may end the training by raising `StopTraining`).

    epoch: of the whole training, from 0. member: whose epoch it is, where several networks are trained.
    """

    def __call__(self, epoch: int, metrics: Mapping[str, float], member: Member | None = None, /) -> None:
        """One epoch has ended."""


def say_nothing(_epoch: int, _metrics: Mapping[str, float], _member: Member | None = None, /) -> None:
    """Epochs are not reported."""


def keep_nothing(_first: int, _scores: Sequence[float], /) -> None:
    """Episodes are not kept."""


@dataclass(frozen=True)
class Training:
    """One training of one model.

    folder: for checkpoints; it belongs to this very training (same model, configuration, seed, labels and features),
        so what lies there after a kill may be resumed. report: called after each epoch. champion: the present one,
        for models whose versions take something over from each other (numbers of persons). from_champion: whether to
        continue from its weights for a short while, with the labels of today, instead of starting from scratch.
    examples: all labelled films, the held-out ones too: only for what a model keeps beside what it is scored by.
    settled: facts that trainings on parts of the same films have found (`threshold`, `epochs`), each judged by films it
        did not learn from: where there are some, they take the place of what validation films would say.
    final: whether what is trained is kept. A tuning's trials and the comparison of learners go by the model's metric
        alone, and what that does not read (a calibration that leaves the order of answers as it is) may be had cheaply.
    episodes: called by what learns by acting, with the number of an episode, from 0, and the scores of it and of those
        that follow it.
    """

    folder: Path
    seed: int = 0
    report: Report = say_nothing
    resume: bool = True
    champion: Artefact | None = None
    from_champion: bool = False
    examples: Sequence[Example] = ()
    settled: Mapping[str, Any] = field(default_factory=dict)
    final: bool = True
    episodes: Callable[[int, Sequence[float]], None] = keep_nothing


class StopTraining(Exception):
    """Raised out of `report`: this training is not worth continuing (a tuner's early stopping)."""
