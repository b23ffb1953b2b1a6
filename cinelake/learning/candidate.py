"""One candidate: prepared data, a training, its scores beside the baseline's and the champion's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from cinelake.errors import CannotTrain, ModelUnusable, TrainingFailed, UnknownName
from cinelake.lake.artefact import write_artefact
from cinelake.learning.dataset import Dataset, OnFilm, gather, known_steps
from cinelake.learning.leaks import leaks
from cinelake.learning.partly_labelled import unasked
from cinelake.learning.split import Split, folds, split
from cinelake.manifest.document import Manifest, ModelEntry
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Model, Scores, no_answers, no_classes
from cinelake.spec.task import Params
from cinelake.spec.training import Training, keep_nothing, say_nothing
from cinelake.storage.content import digest

AUTO = "auto"
"""The learner is chosen by comparison, when a training begins (`cinelake.learning.learners`)."""
SHOWN_CLASSES = 12
STILLS = "learned_stills"
"""The fact that says which stills a version has learned from."""
CROSS_FITS = 3
"""Parts that the films are cut into to settle thresholds and epochs, where all of them are learned from."""


@dataclass(frozen=True)
class Prepared:
    """A model with its data, split: what a training and a tuning begin with.

    all_films: the held-out films are learned from too, or none could be held out: scores on them are in-sample.
    """

    entry: ModelEntry
    dataset: Dataset
    split: Split
    all_films: bool = False

    def key(self, config: Params, seed: int) -> str:
        """A hash of all that decides a training's result: code, configuration, seed, data."""
        spec = self.entry.spec
        return digest(
            [spec.name, spec.version, config.model_dump(mode="json"), seed, self.dataset.key, self.split.films()]
        )


@dataclass(frozen=True)
class Candidate:
    """A trained model and how it does on held-out films (or blocks), one prediction and one `FilmScores` each.

    simple: name → the same of a strong simple predictor.
    """

    artefact: Artefact
    predictions: tuple[Arrays, ...]
    film_scores: tuple[FilmScores, ...]
    baseline: tuple[FilmScores, ...]
    scores: Scores
    baseline_scores: Scores
    simple: Mapping[str, tuple[FilmScores, ...]] = field(default_factory=dict)


def prepare(
    manifest: Manifest, entry: ModelEntry, *, all_films: bool = False, on_film: OnFilm = lambda *_: None
) -> Prepared:
    """Gather and split a model's data. Raises `CannotTrain` before any time is spent.

    all_films: a refit: the held-out films are learned from too (and their scores mean nothing any more). The films to
    stop by are not, but by models that settle by cross-fitting when to stop.
    """
    entry = with_learner(entry)
    dataset = gather(manifest, entry, on_film=on_film)
    check_labels(entry, dataset)
    sides = split(dataset.examples, entry.settings.held_out, singles=entry.spec.singles)
    for name, side in (("learn from", sides.train), ("stop by", sides.validation), ("be scored on", sides.test)):
        if not known_steps(side) and not (name == "stop by" and entry.spec.singles):
            raise CannotTrain(f"{entry.name}: the films to {name} have no labelled step that counts: label more films")
    entry = replace(entry, config=dataset.config)
    told = [sides.warning, *leaks(sides), missing_classes(entry, sides)]
    told += [unseen_classes(entry, dataset), unasked(entry, dataset)]
    sides = replace(sides, warning=". ".join(filter(None, told)))
    if all_films and sides.by != "none":
        sides = replace(sides, train=(*sides.train, *sides.test))
    return Prepared(entry, dataset, sides, all_films or sides.by == "none")


def with_learner(entry: ModelEntry) -> ModelEntry:
    """The model with the settings of the learner that the manifest names; as it is where that is `auto`, or none.

    Raises `UnknownName` with close matches, and `CannotTrain` where the model has no learners, or the manifest's
    configuration reads other tables than its learner needs.
    """
    learner = entry.settings.learner
    if learner is None:
        return entry
    if not entry.spec.learners:
        kind = entry.spec.name
        raise CannotTrain(f"{entry.name}: a model of kind {kind} has one learner alone: leave out `learner: {learner}`")
    named = entry if learner == AUTO else replace(entry, config=config_of(entry, learner, entry.config))
    for name in entry.spec.learners if learner == AUTO else (learner,):
        settings = entry.spec.learners[name]
        needed = set(entry.spec.reads(config_of(entry, name, entry.config))) - set(entry.spec.reads(entry.config))
        if needed:
            own = {key: getattr(entry.config, key) for key in settings if getattr(entry.config, key) != settings[key]}
            own = {key: own[key] for key in own if key in entry.config.model_fields_set} or own  # what somebody wrote
            given = ", ".join(key if isinstance(value, Params) else f"{key}: {value}" for key, value in own.items())
            raise CannotTrain(
                f"{entry.name}: learner {name!r} reads {', '.join(sorted(needed))}, which {given} of its config does "
                f"without: leave out {', '.join(own)} there"
            )
    return named


def config_of(entry: ModelEntry, learner: str, config: Params) -> Params:
    """The configuration with a learner's settings. Raises `UnknownName` with close matches."""
    if learner not in entry.spec.learners:
        raise UnknownName(f"learner of {entry.spec.name}", learner, [*entry.spec.learners, AUTO])
    return type(config).model_validate({**config.model_dump(), **entry.spec.learners[learner]})


def missing_classes(entry: ModelEntry, sides: Split) -> str:
    """Which classes a side lacks that another side has, in words; empty where none is missing, or none is scored."""
    spec, config = entry.spec, entry.config
    if spec.support is no_classes:
        return ""
    guess = spec.baseline(sides.train, config)
    given = {"to learn from": sides.train, "to stop by": sides.validation, "to be scored on": sides.test}
    words, counts = {what: scored(side) for what, side in given.items() if side or not spec.singles}, {}
    for what, side in words.items():
        guesses = [guess(example.features) for example in side]
        counts[what] = spec.support(score_films(spec, side, guesses, config)) if side else {}
    occurring = {name for support in counts.values() for name, count in support.items() if count > 0}
    missing = {what: sorted(name for name in occurring if not counts[what].get(name)) for what in words}
    told = [f"no {', '.join(names[:SHOWN_CLASSES])}{' …' if len(names) > SHOWN_CLASSES else ''} {what}"
            for what, names in missing.items() if names]  # fmt: skip
    return f"classes that a side lacks: {'; '.join(told)}" if told else ""


def unseen_classes(entry: ModelEntry, dataset: Dataset) -> str:
    """Which classes no step that counts has, though labels name them, of a model that single stills teach."""
    spec = entry.spec
    if not spec.singles or spec.labels.class_column is None:
        return ""
    examples = scored(dataset.examples)
    guess = spec.baseline(examples, entry.config)
    guesses = [guess(example.features) for example in examples]
    seen = spec.support(score_films(spec, examples, guesses, entry.config))
    labelled = pc.unique(dataset.labels.table[spec.labels.class_column]).drop_null().to_pylist()
    names = sorted(name for name in labelled if name and not seen.get(name))
    shown = f"{', '.join(names[:SHOWN_CLASSES])}{' …' if len(names) > SHOWN_CLASSES else ''}"
    return f"nothing of {shown} can be learned: no label of that name falls on what counts" if names else ""


def check_labels(entry: ModelEntry, dataset: Dataset) -> None:
    """Raise `CannotTrain` where there is but one class and the model needs two, or no labelled step that counts."""
    column = entry.spec.labels.class_column
    if column:
        classes = [name for name in pc.unique(dataset.labels.table[column]).to_pylist() if name is not None]
        if len(classes) < entry.spec.least_classes:
            present = f"only {classes[0]!r}" if classes else "none"
            raise CannotTrain(f"{entry.name}: labels {dataset.labels.name!r} hold {present}: two classes are needed")
    if not known_steps(dataset.examples):
        raise CannotTrain(f"{entry.name}: no label of {dataset.labels.name!r} falls on a step of a film that counts")


def train_artefact(
    prepared: Prepared,
    config: Params,
    training: Training,
    folder: Path,
    train: Sequence[Example] | None = None,
    validation: Sequence[Example] | None = None,
) -> Artefact:
    """Train a model and write its artefact into `folder`. Raises `TrainingFailed`, `CannotTrain`."""
    spec = prepared.entry.spec
    learned_from = prepared.split.train if train is None else tuple(train)
    stopped_by = prepared.split.validation if validation is None else tuple(validation)
    if prepared.all_films and spec.cross_fits:
        everything = (*learned_from, *stopped_by)
        settled = cross_fitted(spec, everything, config, training)
        trained = spec.train(everything, (), config, replace(training, settled=settled))
    else:
        trained = spec.train(learned_from, stopped_by, config, training)
    if prepared.all_films:
        trained.facts["learned_from_all"] = True
    trained.facts["split"] = prepared.split.by
    seen = [example.movie_id for example in (*learned_from, *stopped_by)]
    stills = _stills_of((*learned_from, *stopped_by))
    before = _known(training.champion) if training.from_champion and training.champion else {}
    stills |= {name: sorted({*stills.get(name, ()), *seconds}) for name, seconds in before.items()}
    trained.facts |= {STILLS: stills} if stills else {}
    if prepared.split.by == "film" and not prepared.all_films:
        held_out = {example.movie_id for example in prepared.split.test}
        trained.facts |= {"learned_from_parts": parts} if (parts := sorted(held_out & set(seen))) else {}
    seen += training.champion.trained_on if training.from_champion and training.champion else ()
    return write_artefact(folder, spec.name, config, trained, prepared.dataset.inputs, seen)


def cross_fitted(spec: Model, examples: Sequence[Example], config: Params, training: Training) -> dict[str, Any]:
    """Numbers among the facts of trainings on parts of the films (thresholds, epochs): the median over the parts.

    Each training is stopped and judged by the part that it did not learn from. Parts of which nothing can be learned or
    judged are left out. Raises `CannotTrain` where all are.
    """
    alone = config.model_copy(update={"refit": False}) if hasattr(config, "refit") else config
    facts, refused = [], None
    for number, (learned, judged) in enumerate(folds(examples, CROSS_FITS)):
        own = replace(training, folder=training.folder / f"part_{number}", report=say_nothing, episodes=keep_nothing)
        if not scored(judged):
            continue
        try:
            facts.append(spec.train(learned, scored(judged), alone, own).facts)
        except CannotTrain as error:
            refused = error
    if not facts:
        raise refused or CannotTrain(f"{spec.name}: no part of the films has a labelled step to be judged by")
    return {name: _median([found[name] for found in facts]) for name in facts[0] if _are_numbers(facts, name)}


def _are_numbers(facts: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether all have numbers there, or lists of equally many."""
    values = [np.asarray(found.get(name, "")) for found in facts]
    return all(v.dtype.kind in "iuf" and v.shape == values[0].shape for v in values)


def _median(values: Sequence[Any]) -> Any:
    """The median of numbers, or of lists place by place; whole numbers stay whole."""
    arrays = np.asarray(values)
    middle = np.median(arrays, axis=0)
    return (np.rint(middle).astype(int) if arrays.dtype.kind in "iu" else middle).tolist()


def predict_all(spec: Model, artefact: Artefact, examples: Sequence[Example]) -> tuple[Arrays, ...]:
    """Each example's prediction. Raises `TrainingFailed` where one holds NaN or infinite values."""
    predictions = tuple(spec.predict(artefact, example.features) for example in examples)
    for example, prediction in zip(examples, predictions, strict=True):
        for name, values in prediction.items():
            if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
                raise TrainingFailed(f"{spec.name} predicts NaN or infinite values ({name} of {example.movie_id})")
    return predictions


def score_films(
    spec: Model, examples: Sequence[Example], predictions: Sequence[Arrays], config: Params
) -> tuple[FilmScores, ...]:
    """Each example's scores; one without a labelled step that counts is left out by `scored`."""
    return tuple(
        spec.score_film(example.features, example.targets, prediction, config)
        for example, prediction in zip(examples, predictions, strict=True)
    )


def answers_of(
    spec: Model, artefact: Artefact, examples: Sequence[Example], predictions: Sequence[Arrays]
) -> tuple[Answers, ...]:
    """What people and a model say of each example's labelled steps; empty where the model cannot tell it so."""
    if spec.answers is no_answers:
        return ()
    return tuple(
        spec.answers(example.features, example.targets, prediction, artefact.config, artefact.facts)
        for example, prediction in zip(examples, predictions, strict=True)
    )


def scored(examples: Sequence[Example]) -> tuple[Example, ...]:
    """The examples that have something to be scored on."""
    return tuple(example for example in examples if example.targets["known"].any())


def evaluate(prepared: Prepared, artefact: Artefact, config: Params) -> Candidate:
    """A trained model on the held-out side, beside the trivial baseline."""
    return score_on(prepared.entry.spec, artefact, config, prepared.split.train, scored(prepared.split.test))


def score_on(
    spec: Model,
    artefact: Artefact,
    config: Params,
    train: Sequence[Example],
    test: Sequence[Example],
    taught: Sequence[Example] | None = None,
) -> Candidate:
    """A trained model on `test`; the baseline and the simple predictors know the labels of `train` alone.

    taught: what simple predictors learn from in place of `train`; where nothing is labelled in it there are none.
    """
    learned = train if taught is None else scored(taught)
    predictions = predict_all(spec, artefact, test)
    film_scores = score_films(spec, test, predictions, config)
    baseline = score_guess(spec, spec.baseline(train, config), test, config)
    makers = spec.simple.items() if learned else ()
    simple = {name: score_guess(spec, make(learned, config), test, config) for name, make in makers}
    scores, of_baseline = dict(spec.summarise(film_scores)), dict(spec.summarise(baseline))
    return Candidate(artefact, predictions, film_scores, baseline, scores, of_baseline, simple)


def score_guess(
    spec: Model, guess: Callable[[Arrays], Arrays], examples: Sequence[Example], config: Params
) -> tuple[FilmScores, ...]:
    """Each example's scores by a predictor that is no artefact: the trivial one, a simple one."""
    return score_films(spec, examples, [guess(example.features) for example in examples], config)


def score_champion(
    manifest: Manifest, prepared: Prepared, champion: Artefact
) -> tuple[tuple[FilmScores, ...] | None, str]:
    """The champion on today's held-out side; or None and why it cannot be scored there."""
    entry, spec = prepared.entry, prepared.entry.spec
    if champion.code != spec.version:
        return None, f"it was trained by version {champion.code} of the model's code, which is now {spec.version}"
    for table, recipe_hash in prepared.dataset.inputs.items():
        if champion.inputs.get(table) != recipe_hash:
            return None, f"it was trained on another version of {table}"
    sides = prepared.split
    if known := held_out_known_to(champion, sides):
        return None, f"it has learned from {len(known)} of today's held-out films"
    test = sides.test
    try:
        if champion.config != entry.config:
            test = without_known_stills(champion, _as_seen_by(manifest, replace(entry, config=champion.config)))
        if [example.movie_id for example in scored(test)] != [example.movie_id for example in scored(sides.test)]:
            return None, "its configuration sees other films or images of the held-out side"
        predictions = predict_all(spec, champion, scored(test))
        return score_films(spec, scored(test), predictions, champion.config), ""
    except (ModelUnusable, TrainingFailed) as error:
        return None, str(error)


def _as_seen_by(manifest: Manifest, entry: ModelEntry) -> tuple[Example, ...]:
    """The held-out side with the features that another configuration of the model asks for, in the same units."""
    examples = gather(manifest, entry).examples
    return split(examples, entry.settings.held_out, singles=entry.spec.singles).test


def _stills_of(examples: Sequence[Example]) -> dict[str, list[float]]:
    """Source → seconds of its stills that are labelled; nothing of films."""
    found: dict[str, set[float]] = {}
    for example in examples:
        if not example.in_time:
            known = example.features["time_s"][example.targets["known"]]
            found.setdefault(example.movie_id, set()).update(map(float, known))
    return {name: sorted(seconds) for name, seconds in sorted(found.items())}


def _known(version: Artefact) -> dict[str, list[float]]:
    return dict(version.facts.get(STILLS, {}))


def without_known_stills(version: Artefact, units: Sequence[Example]) -> tuple[Example, ...]:
    """The units without the stills that a version has learned from; those of which nothing is left are missing.

    A still changes sides where its class has gained others: one that was alone in it was learned from.
    """
    known, left = _known(version), list[Example]()
    for unit in units:
        if not unit.in_time and unit.movie_id in known:
            unit = unit.chosen(np.flatnonzero(~np.isin(unit.features["time_s"], known[unit.movie_id])))
        left += [unit] if len(unit) else []
    return tuple(left)


def split_unknown_to(version: Artefact, sides: Split) -> Split:
    """The sides, the held-out one without the stills that a version has learned from, and how many these are told.

    As they are where it has learned from whole films of that side, with which it is not compared anyway, or from all.
    """
    test = scored(without_known_stills(version, sides.test))
    gone = sum(map(len, scored(sides.test))) - sum(map(len, test))
    if not gone or not test or sides.by == "none" or held_out_known_to(version, sides):
        return sides
    what = "1 held-out image is" if gone == 1 else f"{gone} held-out images are"
    told = f"{what} left out: the champion has learned from {'it' if gone == 1 else 'them'}"
    return replace(sides, test=test, warning=". ".join(filter(None, [sides.warning, told])))


def held_out_known_to(version: Artefact, sides: Split) -> list[str]:
    """The held-out films that a version has learned from, which flatter it.

    Of held-out parts of films these are all, where it has learned from all parts, or from whole films; that a version
    has learned from other parts of them does not count; nor that it has learned from those stills of a held-out source
    that are alone in their class, unless the source is scored whole, as of another label set.
    """
    test = {example.movie_id for example in scored(sides.test)}
    by_film = "film" in (sides.by, version.facts.get("split", sides.by))
    if not by_film:
        return sorted(test) if version.facts.get("learned_from_all") else []
    is_whole = sides.by != "film" or sides.train is sides.test
    parts = () if is_whole else version.facts.get("learned_from_parts", ())
    return sorted(test & set(version.trained_on) - set(parts))
