"""How a learned model is declared, and how the core finds it by name.

A model is one module of the room `models` (or an entry point of group `cinelake.models`) with a `MODEL`:

    MODEL = Model(
        name="scenes", version=1, config=Config, labels=LABELS, reads=reads, features=features, targets=targets,
        train=Late("models.scenes.fitting:train"), predict=predict, score_film=Late("models.scenes.scores:score_film"),
        summarise=Late("models.scenes.scores:summarise"), baseline=Late("models.scenes.scores:baseline"), metric="ap",
    )

Functions that only a training or an evaluation calls may be named as text (`Late`): a run that makes tables imports no
module of training then.

The platform owns the data, the split, the evaluation, the gate and the cards; the model owns what it learns from
(`features`, used by training and inference alike), how it learns (`train`) and how it is scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from cinelake.errors import UnknownName
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.installed import load, names_in
from cinelake.spec.labelling import Labelling
from cinelake.spec.labels import LabelContract
from cinelake.spec.task import Params, Resources, TableReader
from cinelake.spec.training import Training

if TYPE_CHECKING:
    import pyarrow as pa


FilmScores = dict[str, Array]
"""What one film (or block) contributes to the scores: counts, or labels beside predictions; small arrays."""
Scores = dict[str, float]
"""Name → score; NaN: these films do not define it, as average precision where nothing is true; it counts in no mean."""


def only_defined(scores: Mapping[str, float]) -> Scores:
    """The scores that are not NaN: what is kept in a database or a tag leaves the others out."""
    return {name: float(value) for name, value in scores.items() if not math.isnan(value)}


@dataclass
class Trained:
    """The result of a training: a Keras network (or None), arrays (what normalises the input, coefficients) and facts.

    network: one input (batch, …), one output; its ONNX export is what `predict` runs, as `artefact.run(x)`.
    facts: JSON-like: classes in order, the best epoch, thresholds.
    """

    network: Any = None
    arrays: Arrays = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def no_vocabularies(_config: Any) -> dict[str, Sequence[str]]:
    """No column of the labels is limited to a list."""
    return {}


def no_names(_config: Any) -> Sequence[str]:
    """No class says that the others are absent."""
    return ()


def no_figures(_examples: Sequence[Example], _predictions: Sequence[Arrays], _config: Any) -> dict[str, Any]:
    """No figures."""
    return {}


def no_answers(
    _features: Arrays, _targets: Arrays, _prediction: Arrays, _config: Any, _facts: Mapping[str, Any]
) -> Answers:
    """Nothing is told step by step."""
    import numpy as np

    return Answers(np.zeros(0), (), np.zeros((0, 0), bool), np.zeros((0, 0), bool))


def no_classes(_film_scores: Sequence[FilmScores]) -> dict[str, float]:
    """No score is of a class alone."""
    return {}


def nothing_blocked(_film_scores: Sequence[FilmScores], _baseline: Sequence[FilmScores]) -> dict[str, str]:
    """All that is predicted is judged together."""
    return {}


def whole(film_scores: FilmScores, _targets: Collection[str]) -> FilmScores:
    """No target can be taken out."""
    return film_scores


def as_it_is(config: Any, _known: Any) -> Any:
    """The configuration leaves nothing open."""
    return config


@dataclass(frozen=True)
class Late:
    """A function that is imported when it is first called. name: `module:function`."""

    name: str

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function with these arguments; raises `ImportError` or `AttributeError` where there is none."""
        return resolve_name(self.name)(*arguments, **named)


@dataclass(frozen=True)
class Judged:
    """How people rate what a model made. by_class: class (a tag) → its own scores."""

    scores: Scores
    baseline: Scores
    by_class: dict[str, Scores]


@dataclass(frozen=True)
class Opinion:
    """How further labels (viewers' ratings) judge what a model made.

    table: the lake's table that is judged. judge(labels, rows of the table, config): both of the same films.
    """

    table: str
    judge: Callable[[pa.Table, pa.Table, Any], Judged]


@dataclass(frozen=True)
class Model:
    """A learned model's declaration.

    name: the kind of model, its module's name. version: raise it when features or predictions change their meaning;
        champions trained under another version are not applied.
    config: its configuration. labels: what it learns from; more_labels: further kinds it can take (viewers' ratings);
        opinions: how such a kind judges the table that the model made.
    settle(config, has): the configuration with what it leaves open chosen by the tables that the manifest makes
        (`has("faces")`); what was chosen is shown when the model is trained, and stored with it.
    settle_by_labels(config, labels): the same by all labels that count, once these are known.
    vocabularies(config): column of the labels → the values it may have. alone(config): classes of the labels that say
        that no other is there.
    reads(config): names of the tables it needs. features(tables, config): one film's arrays.
    targets(labels, features, config): arrays of the same length, with `known`; `labels` are the film's rows.
    train(training examples, validation examples, config, training): raises nothing about single films.
    predict(artefact, features): arrays of the same length.
    score_film(features, targets, prediction, config): a film's contribution. summarise(film_scores): the scores of many
        (a film may come several times: bootstrap). baseline(training examples, config): the trivial predictor.
    simple: name → a strong simple predictor, made as the trivial one is; scored beside every version. A curve of
        learning is drawn with the first.
    metric: the score the gate compares; greater is better, 1 the most. least: the least that it can be (a correlation's
        is -1), where bounds of it end. space: what `tune` searches, by default.
    measures: score → what it says, in a sentence; scores of a class alone need none.
    figures(examples, predictions, config): name → Matplotlib figure, of the held-out films.
    answers(features, targets, prediction, config, facts): what people and the model say of a film's labelled steps, for
        whoever looks at its errors. facts: of the artefact that predicted.
    support(film_scores): class (a tag, a person) → how many labelled steps of it these films have, of the classes whose
        scores `summarise` names `MEASURE_CLASS`.
    blocked(film_scores, baseline film_scores): target → why the gate lets nothing be said of it (its correlation is not
        surely above 0, its error is above the trivial predictor's). What `without(film_scores, targets)` leaves is
        judged; an artefact's fact `blocked` names them, and the model's tables leave them empty.
    continues: whether `train` can continue from the champion (`Training.from_champion`) instead of from scratch.
    cross_fits: whether `train` takes thresholds and epochs from `Training.settled` in place of validation films.
    learners: name → the settings that choose it, the simplest first: what `learner: auto` compares.
    least_classes: how many classes the labels must hold; 0: films teach without labels too, and where the manifest
        names none and none were imported, all films of the catalogue do.
    singles: whether one still of a class teaches it (a portrait of each person). Such stills are always learned from;
        where nothing can be held out a version is made all the same, scored in-sample, and only a person promotes it.
    labelling: how people label single moments of it (`cinelake labels next`); None: not by moments.
    about: one paragraph for the model card: what it is, after which paper, its limits.
    resources: what one training keeps for itself on a cluster, a trial of a tuning too.
    """

    name: str
    version: int
    config: type[Params]
    labels: LabelContract
    reads: Callable[[Any], Sequence[str]]
    features: Callable[[Mapping[str, TableReader], Any], Arrays]
    targets: Callable[[pa.Table, Arrays, Any], Arrays]
    train: Callable[[Sequence[Example], Sequence[Example], Any, Training], Trained]
    predict: Callable[[Artefact, Arrays], Arrays]
    score_film: Callable[[Arrays, Arrays, Arrays, Any], FilmScores]
    summarise: Callable[[Sequence[FilmScores]], Scores]
    baseline: Callable[[Sequence[Example], Any], Callable[[Arrays], Arrays]]
    metric: str
    least: float = 0.0
    about: str = ""
    measures: Mapping[str, str] = field(default_factory=dict)
    more_labels: Mapping[str, LabelContract] = field(default_factory=dict)
    opinions: Mapping[str, Opinion] = field(default_factory=dict)
    vocabularies: Callable[[Any], Mapping[str, Sequence[str]]] = no_vocabularies
    alone: Callable[[Any], Sequence[str]] = no_names
    settle: Callable[[Any, Callable[[str], bool]], Any] = as_it_is
    settle_by_labels: Callable[[Any, pa.Table], Any] = as_it_is
    figures: Callable[[Sequence[Example], Sequence[Arrays], Any], dict[str, Any]] = no_figures
    answers: Callable[[Arrays, Arrays, Arrays, Any, Mapping[str, Any]], Answers] = no_answers
    support: Callable[[Sequence[FilmScores]], dict[str, float]] = no_classes
    blocked: Callable[[Sequence[FilmScores], Sequence[FilmScores]], dict[str, str]] = nothing_blocked
    without: Callable[[FilmScores, Collection[str]], FilmScores] = whole
    simple: Mapping[str, Callable[[Sequence[Example], Any], Callable[[Arrays], Arrays]]] = field(default_factory=dict)
    space: Mapping[str, Any] = field(default_factory=dict)
    continues: bool = False
    cross_fits: bool = False
    learners: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    least_classes: int = 2
    singles: bool = False
    labelling: Labelling | None = None
    resources: Resources = field(default_factory=lambda: Resources(memory_gb=2.0))


@cache
def known_models() -> tuple[str, ...]:
    """Names of all kinds of models: folders of the room `models`, and entry points of group `cinelake.models`."""
    return names_in("models")


@cache
def find_model(name: str) -> Model:
    """The declaration of the kind of model called `name`; raises `UnknownName` with close matches."""
    if name not in known_models():
        raise UnknownName("model", name, known_models())
    loaded = load("models", name)
    declared = loaded if isinstance(loaded, Model) else getattr(loaded, "MODEL", None)
    if not isinstance(declared, Model):
        raise UnknownName("model", name, [other for other in known_models() if other != name])
    return declared
