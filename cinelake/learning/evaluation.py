"""Scoring any version of a model on any labels, beside the trivial baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cinelake.errors import CannotTrain, UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.champions import find_applied, open_applied
from cinelake.learning.candidate import held_out_known_to, score_on, scored, without_known_stills
from cinelake.learning.dataset import Dataset, gather
from cinelake.learning.gate import Interval, bootstrap, compare, unbounded, without_claims
from cinelake.learning.split import split
from cinelake.manifest.document import Manifest, ModelEntry
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.model import Scores


@dataclass(frozen=True)
class Evaluation:
    """Scores of one version on some films. by_film: film → its own scores. on: the label set. in_sample: the version
    has learned from films that it is scored on. simple: name → scores of a strong simple predictor."""

    model: str
    version: int
    on: str
    metric: str
    scores: Scores
    baseline: Scores
    interval: Interval
    gain: Interval
    by_film: dict[str, Scores] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    warning: str = ""
    in_sample: bool = False
    simple: dict[str, Scores] = field(default_factory=dict)


def evaluate_version(
    manifest: Manifest, name: str, reference: str = "champion", label_set: str | None = None
) -> Evaluation:
    """Score `NAME@champion` or `NAME@3` on the held-out films, or on another label set.

    Films that the version has learned from are left out of another set and named; simple predictors learn from these,
    as those that are scored would be known by heart.
    Raises `UsageError` when there is no such version, `CannotTrain` when no film is left to score it on.
    """
    entry = manifest.model(name)
    lake = Lake(manifest.lake.place)
    applied = find_applied(lake, f"{name}@{reference}")
    if applied is None:
        raise UsageError(f"the lake has no {reference} of {name}: `cinelake models` lists versions, `train` makes one")
    artefact = open_applied(lake, applied)
    entry = replace(entry, config=artefact.config)
    dataset = gather(manifest, entry, label_set)
    check_inputs(name, applied.version, artefact, dataset)
    train, test, left_out, warning, known = _sides(entry, dataset, label_set, artefact)
    told, is_other = list[str](), label_set not in (None, entry.labels)
    if known:
        films = len({example.movie_id for example in test})
        whose = f"{len(known)} of the {films} films" if len(known) < films else "the films"
        told = [f"{name} {applied.version} has learned from {whose} that it is scored on: the scores are in-sample"]
    elif (count := sum(map(len, test))) > (new := sum(map(len, without_known_stills(artefact, test)))):
        test = scored(without_known_stills(artefact, test))
        told = [f"{count - new} held-out images are left out: {name} {applied.version} has learned from them"]
        if not test:
            raise CannotTrain(f"{name} {applied.version} has learned from all of today's held-out images")
    spec = entry.spec
    taught = [example for example in train if example.movie_id in left_out] if is_other else train
    result = score_on(spec, artefact, artefact.config, train, test, taught)
    if is_other and spec.simple and not result.simple:
        told.append(f"no film of {dataset.labels.name!r} is left to teach simple predictors: the model stands alone")
    interval = bootstrap(result.film_scores, spec.summarise, spec.metric, least=spec.least)
    gain = compare(result.film_scores, result.baseline, spec.summarise, spec.metric)
    gain = without_claims(gain, result.film_scores, spec.summarise, spec.metric)
    if known:  # films that were learned from say nothing of others
        interval, gain = unbounded(interval.mean), unbounded(gain.mean)
    return Evaluation(
        model=name,
        version=applied.version,
        on=dataset.labels.name,
        metric=spec.metric,
        scores=result.scores,
        baseline=result.baseline_scores,
        interval=interval,
        gain=gain,
        by_film={
            movie_id: dict(spec.summarise([result.film_scores[place] for place in places]))
            for movie_id, places in _places_of_films(test).items()
        },
        left_out={**dataset.left_out, **left_out},
        warning=". ".join([*told, *filter(None, [warning])]),
        in_sample=bool(known),
        simple={name: dict(spec.summarise(own)) for name, own in result.simple.items()},
    )


def _places_of_films(test: Sequence[Example]) -> dict[str, list[int]]:
    """Film → which of the examples are parts of it."""
    places: dict[str, list[int]] = {}
    for place, example in enumerate(test):
        places.setdefault(example.movie_id, []).append(place)
    return places


def check_inputs(name: str, version: int, artefact: Artefact, dataset: Dataset) -> None:
    """Raise `CannotTrain` where a version was trained on tables that are made otherwise today."""
    for table, recipe_hash in dataset.inputs.items():
        if artefact.inputs.get(table) != recipe_hash:
            raise CannotTrain(
                f"{name} {version} was trained on another version of {table}: its scores on this one would say "
                f"nothing; `cinelake train {name}`"
            )


Sides = tuple[tuple[Example, ...], tuple[Example, ...], dict[str, str], str, list[str]]


def _sides(entry: ModelEntry, dataset: Dataset, label_set: str | None, version: Artefact) -> Sides:
    """What the baseline knows, what is scored, what is left out and why, a warning, and which films of those that are
    scored the version has learned from."""
    if label_set is None or label_set == entry.labels:
        sides = split(dataset.examples, entry.settings.held_out, singles=entry.spec.singles)
        return sides.train, scored(sides.test), {}, sides.warning, held_out_known_to(version, sides)
    trained_on = version.trained_on
    test = tuple(example for example in scored(dataset.examples) if example.movie_id not in trained_on)
    seen = {e.movie_id: "the version has learned from it" for e in dataset.examples if e.movie_id in trained_on}
    if not test:
        raise CannotTrain(f"{entry.name}: labels {dataset.labels.name!r} hold no film that the version has not seen")
    return dataset.examples, test, seen, "", []


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation for machines."""
    from dataclasses import asdict

    bounds = {"interval": evaluation.interval.to_json(), "gain": evaluation.gain.to_json()}
    return {**asdict(evaluation), **bounds}
