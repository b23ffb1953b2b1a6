"""Two versions of a model side by side: on the same held-out films, of which neither has learned."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cinelake.errors import CannotTrain, ModelUnusable, UnknownName, UsageError
from cinelake.lake.artefact import read_artefact
from cinelake.lake.cells import Lake
from cinelake.lake.champions import AppliedModel, find_applied, open_applied
from cinelake.learning.candidate import (
    answers_of,
    held_out_known_to,
    predict_all,
    score_films,
    scored,
    without_known_stills,
)
from cinelake.learning.dataset import SHOWN_LEFT_OUT, Dataset, gather
from cinelake.learning.diagnosis import by_film
from cinelake.learning.evaluation import check_inputs
from cinelake.learning.gate import MIN_UNITS, Interval, compare, without_claims
from cinelake.learning.moments import Moment, apart
from cinelake.learning.split import Split, split
from cinelake.manifest.document import Manifest, ModelEntry
from cinelake.spec.answers import Answers
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Scores
from cinelake.storage.processes import cache_folder

MOMENTS, MOMENTS_OF_A_FILM = 12, 4
RUN_ID_CHARACTERS = 8
"""A run may be named by so many of its id's characters at least."""


@dataclass(frozen=True)
class ComparedVersion:
    """One of the two. labels: what it was trained with (set, key, imports); config: its settings; in_use: whether
    tables are made with it."""

    version: int
    run_id: str
    created: str
    labels: Mapping[str, Any]
    config: Mapping[str, Any]
    in_use: bool

    @property
    def name(self) -> str:
        """`version 3`, or `version 3 (champion)`."""
        return f"version {self.version}" + (" (champion)" if self.in_use else "")


@dataclass(frozen=True)
class Comparison:
    """Two versions on the same films. on: the label set. difference: score of B minus score of A, over films.

    films: film → its scores by A, by B and by the trivial baseline. differs: what they were made with that is not the
    same, in words. left_out: film → why it is not compared.
    """

    model: str
    metric: str
    on: str
    a: ComparedVersion
    b: ComparedVersion
    scores: dict[str, Scores]
    difference: Interval
    films: dict[str, dict[str, float | None]]
    moments: list[Moment]
    differs: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    warning: str = ""

    @property
    def verdict(self) -> str:
        """Which of the two is better, in words."""
        if math.isnan(self.difference.mean):
            return f"{self.metric} is undefined on these films: no film says which is better"
        better = self.b if self.difference.mean > 0 else self.a
        if self.difference.mean == 0:
            return "both score the same"
        if not self.difference.is_known:
            return f"{better.name} scores more, on too few films to say that it is better"
        if self.difference.low > 0 or self.difference.high < 0:
            return f"{better.name} is better: the interval leaves out 0"
        return f"{better.name} scores more, but not surely: the interval holds 0"

    def to_json(self) -> dict[str, Any]:
        """The comparison for machines."""
        from dataclasses import asdict

        return {**asdict(self), "difference": self.difference.to_json(), "verdict": self.verdict}


@dataclass(frozen=True)
class _Judged:
    """A version's scores and answers of the units of the held-out side."""

    units: tuple[Example, ...]
    film_scores: tuple[FilmScores, ...]
    baseline: tuple[FilmScores, ...]
    answers: tuple[Answers, ...]


def compare_versions(
    manifest: Manifest, name: str, a: str, b: str, label_set: str | None = None, most: int = MOMENTS
) -> Comparison:
    """Score two versions, each named by its number, `champion` or its MLflow run, on the films that neither has seen.

    label_set: other labels than the model's own, all of whose films count. Raises `UnknownName` for a version that
    there is not, `CannotTrain` where no film is left or the two cannot be scored by today's tables.
    """
    entry, lake = manifest.model(name), Lake(manifest.lake.place)
    found = [find_side(manifest, lake, name, reference) for reference in (a, b)]
    (side_a, artefact_a), (side_b, artefact_b) = found
    if side_a.version == side_b.version:
        raise UsageError(f"{a} and {b} are the same version of {name}: name two")
    for side, artefact in found:
        if artefact.code != entry.spec.version:
            raise CannotTrain(
                f"{name} {side.version} was trained by version {artefact.code} of the model's code, which is now "
                f"{entry.spec.version}: `cinelake train {name}` makes one that can be compared"
            )
    first = gather(manifest, replace(entry, config=artefact_a.config), label_set)
    is_same = artefact_b.config == artefact_a.config
    datasets = [first, first if is_same else gather(manifest, replace(entry, config=artefact_b.config), label_set)]
    for (side, artefact), dataset in zip(found, datasets, strict=True):
        check_inputs(name, side.version, artefact, dataset)
    sides = [_sides(entry, dataset, label_set) for dataset in datasets]
    films, left_out = _common(entry, found, sides)
    sides, fewer = _without_stills(found, sides, films)
    of_a, of_b = (_judge(entry, artefact, side, films) for (_, artefact), side in zip(found, sides, strict=True))
    spec, movie_ids = entry.spec, [unit.movie_id for unit in of_a.units]
    if movie_ids != [unit.movie_id for unit in of_b.units]:
        raise CannotTrain(f"{name}: the two configurations see other parts of the held-out films: nothing is paired")
    difference = compare(of_b.film_scores, of_a.film_scores, spec.summarise, spec.metric)
    scored_by = {"a": of_a.film_scores, "b": of_b.film_scores, "baseline": of_a.baseline}
    return Comparison(
        model=name,
        metric=spec.metric,
        on=datasets[0].labels.name,
        a=side_a,
        b=side_b,
        scores={who: dict(spec.summarise(film_scores)) for who, film_scores in scored_by.items()},
        difference=without_claims(difference, of_b.film_scores, spec.summarise, spec.metric),
        films={row["movie_id"]: row["scores"] for row in by_film(spec, movie_ids, scored_by)},
        moments=_moments(movie_ids, of_a, of_b, most),
        differs=_differs(side_a, side_b),
        left_out={**datasets[0].left_out, **datasets[1].left_out, **left_out, **fewer},
        warning=_warning(sides[0], len(movie_ids)),
    )


def find_side(manifest: Manifest, lake: Lake, name: str, reference: str) -> tuple[ComparedVersion, Artefact]:
    """A version by its number, `champion` or its MLflow run, with its files.

    Raises `UnknownName` with what there is, `UsageError` where nothing was trained yet.
    """
    from cinelake.tracking.registry import fetch, origin_of, versions

    known = versions(manifest.tracking, name)
    if not known:
        raise UsageError(f"there is no version of {name} yet: `cinelake train {name}` makes the first")
    wanted = next(
        (
            version
            for version in known
            if str(version.number) == reference
            or (reference == "champion" and version.is_champion)
            or (len(reference) >= RUN_ID_CHARACTERS and version.run_id.startswith(reference))
        ),
        None,
    )
    if wanted is None:
        names = [*(str(version.number) for version in known), "champion", *(version.run_id for version in known)]
        raise UnknownName(f"version of model {name!r}:", reference, names)
    applied = find_applied(lake, f"{name}@{wanted.number}")
    origin = (applied.origin if applied else None) or origin_of(manifest.tracking, name, wanted.number)
    artefact = _opened(lake, applied)
    if artefact is None:
        folder = cache_folder() / "models" / wanted.digest
        artefact = read_artefact(fetch(manifest.tracking, name, wanted.number, folder), wanted.digest)
    config, labels = artefact.config.model_dump(mode="json"), origin.get("labels", {})
    return ComparedVersion(wanted.number, wanted.run_id, wanted.created, labels, config, wanted.is_champion), artefact


def _opened(lake: Lake, applied: AppliedModel | None) -> Artefact | None:
    """A version's files in the lake; None where they are missing or damaged: the registry has them too."""
    try:
        return open_applied(lake, applied) if applied else None
    except ModelUnusable:
        return None


def _sides(entry: ModelEntry, dataset: Dataset, label_set: str | None) -> Split:
    """What the baseline knows, and what is scored: today's held-out side, or all films of another label set."""
    if label_set is None or label_set == entry.labels:
        return split(dataset.examples, entry.settings.held_out, singles=entry.spec.singles)
    return Split(dataset.examples, (), dataset.examples)


def _common(
    entry: ModelEntry, found: Sequence[tuple[ComparedVersion, Artefact]], sides: Sequence[Split]
) -> tuple[set[str], dict[str, str]]:
    """The held-out films that both see and neither has learned from; the others with the reason."""
    seen = [{example.movie_id for example in scored(side.test)} for side in sides]
    left_out = dict.fromkeys(sorted(seen[0] ^ seen[1]), f"only one of the two configurations sees it ({entry.name})")
    for (side, artefact), of_today in zip(found, sides, strict=True):
        for movie_id in held_out_known_to(artefact, of_today):
            left_out[movie_id] = f"{side.name} has learned from it"
    films = (seen[0] & seen[1]) - left_out.keys()
    if not films:
        shown = "; ".join(f"{movie_id}: {why}" for movie_id, why in list(left_out.items())[:SHOWN_LEFT_OUT])
        raise CannotTrain(
            f"{entry.name}: no held-out film is left that neither version has learned from ({shown}): label further "
            "films, or name another label set with --on"
        )
    return films, left_out


def _without_stills(
    found: Sequence[tuple[ComparedVersion, Artefact]], sides: Sequence[Split], films: set[str]
) -> tuple[list[Split], dict[str, str]]:
    """What is scored without the stills that either has learned from; source → how many these are, in words.

    Raises `CannotTrain` where nothing is left.
    """
    fewer = dict[str, list[str]]()
    for side, artefact in found:
        left = [replace(s, test=without_known_stills(artefact, s.test)) for s in sides]
        before, after = _steps(sides[0]), _steps(left[0])
        for movie_id in sorted(films):
            if gone := before[movie_id] - after[movie_id]:
                fewer.setdefault(movie_id, []).append(f"{gone} of its images: {side.name} has learned from them")
        sides = left
    said = {movie_id: "; ".join(why) for movie_id, why in fewer.items()}
    if not films & _steps(sides[0]).keys():
        shown = "; ".join(f"{movie_id}: {why}" for movie_id, why in list(said.items())[:SHOWN_LEFT_OUT])
        raise CannotTrain(f"no held-out image is left that neither version has learned from ({shown})")
    return list(sides), said


def _steps(side: Split) -> Counter[str]:
    """Film → how many of its steps are scored."""
    steps = Counter[str]()
    for unit in scored(side.test):
        steps[unit.movie_id] += len(unit)
    return steps


def _judge(entry: ModelEntry, artefact: Artefact, side: Split, films: set[str]) -> _Judged:
    spec, config = entry.spec, artefact.config
    units = tuple(sorted((u for u in scored(side.test) if u.movie_id in films), key=lambda unit: unit.movie_id))
    predictions = predict_all(spec, artefact, units)
    guess = spec.baseline(side.train, config)
    guesses = [guess(unit.features) for unit in units]
    answers = answers_of(spec, artefact, units, predictions)
    scores, trivial = score_films(spec, units, predictions, config), score_films(spec, units, guesses, config)
    return _Judged(units, scores, trivial, answers)


def _moments(movie_ids: Sequence[str], a: _Judged, b: _Judged, most: int) -> list[Moment]:
    if not a.answers or not b.answers:
        return []
    return apart(zip(movie_ids, a.answers, b.answers, strict=True), most, MOMENTS_OF_A_FILM)


def _differs(a: ComparedVersion, b: ComparedVersion) -> list[str]:
    """What the two were made with that is not the same, in words: settings, and the state of the labels."""
    names = sorted({*a.config, *b.config})
    told = [
        f"{name}: {a.config.get(name)!r} in version {a.version}, {b.config.get(name)!r} in version {b.version}"
        for name in names
        if a.config.get(name) != b.config.get(name)
    ]
    if not a.labels or not b.labels:
        return [*told, "labels: with which ones a version was trained is not recorded"]
    if a.labels.get("key") != b.labels.get("key"):
        words = [f"{side.labels.get('set')} up to import {side.labels.get('imports')}" for side in (a, b)]
        told.append(f"labels: {words[0]} taught version {a.version}, {words[1]} version {b.version}")
    return told


def _warning(side: Split, units: int) -> str:
    few = f"fewer than {MIN_UNITS} films or blocks are left: there is no interval" if units < MIN_UNITS else ""
    within = "the two are compared on held-out parts of films that they learned from" if side.by != "film" else ""
    return ". ".join(filter(None, [within, few]))
