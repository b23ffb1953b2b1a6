"""One candidate: prepared data, a training, its scores beside the baseline's and the champion's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from cinelake.errors import CannotTrain, ModelUnusable, TrainingFailed
from cinelake.lake.artefact import write_artefact
from cinelake.learning.dataset import Dataset, OnFilm, gather, known_steps
from cinelake.learning.split import Split, split
from cinelake.manifest.document import Manifest, ModelEntry
from cinelake.spec.arrays import Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.model import Example, FilmScores, Model, Scores
from cinelake.spec.task import Params
from cinelake.spec.training import Training
from cinelake.storage.content import digest


@dataclass(frozen=True)
class Prepared:
    """A model with its data, split: what a training and a tuning begin with."""

    entry: ModelEntry
    dataset: Dataset
    split: Split

    def key(self, config: Params, seed: int) -> str:
        """A hash of all that decides a training's result: code, configuration, seed, data."""
        spec = self.entry.spec
        return digest(
            [spec.name, spec.version, config.model_dump(mode="json"), seed, self.dataset.key, self.split.films()]
        )


@dataclass(frozen=True)
class Candidate:
    """A trained model and how it does on held-out films (or blocks), one prediction and one `FilmScores` each."""

    artefact: Artefact
    predictions: tuple[Arrays, ...]
    film_scores: tuple[FilmScores, ...]
    baseline: tuple[FilmScores, ...]
    scores: Scores
    baseline_scores: Scores


def prepare(
    manifest: Manifest, entry: ModelEntry, *, all_films: bool = False, on_film: OnFilm = lambda *_: None
) -> Prepared:
    """Gather and split a model's data. Raises `CannotTrain` before any time is spent.

    all_films: a refit: the held-out films are learned from too (and their scores mean nothing any more).
    """
    dataset = gather(manifest, entry, on_film=on_film)
    check_labels(entry, dataset)
    sides = split(dataset.examples, entry.settings.held_out)
    for name, side in (("learn from", sides.train), ("stop by", sides.validation), ("be scored on", sides.test)):
        if not known_steps(side):
            raise CannotTrain(f"{entry.name}: the films to {name} have no labelled step that counts: label more films")
    if all_films:
        sides = replace(sides, train=dataset.examples)
    return Prepared(replace(entry, config=dataset.config), dataset, sides)


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
    trained = spec.train(learned_from, stopped_by, config, training)
    seen = [example.movie_id for example in (*learned_from, *stopped_by)]
    seen += training.champion.trained_on if training.from_champion and training.champion else ()
    return write_artefact(folder, spec.name, config, trained, prepared.dataset.inputs, seen)


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


def scored(examples: Sequence[Example]) -> tuple[Example, ...]:
    """The examples that have something to be scored on."""
    return tuple(example for example in examples if example.targets["known"].any())


def evaluate(prepared: Prepared, artefact: Artefact, config: Params) -> Candidate:
    """A trained model on the held-out side, beside the trivial baseline."""
    return score_on(prepared.entry.spec, artefact, config, prepared.split.train, scored(prepared.split.test))


def score_on(
    spec: Model, artefact: Artefact, config: Params, train: Sequence[Example], test: Sequence[Example]
) -> Candidate:
    """A trained model on `test`; the baseline knows the labels of `train` alone."""
    predictions = predict_all(spec, artefact, test)
    guess = spec.baseline(train, config)
    guesses = [guess(example.features) for example in test]
    film_scores = score_films(spec, test, predictions, config)
    baseline = score_films(spec, test, guesses, config)
    return Candidate(
        artefact, predictions, film_scores, baseline, dict(spec.summarise(film_scores)), dict(spec.summarise(baseline))
    )


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
    test = prepared.split.test
    try:
        if champion.config != entry.config:
            test = _as_seen_by(manifest, replace(entry, config=champion.config), prepared.split)
        predictions = predict_all(spec, champion, scored(test))
        return score_films(spec, scored(test), predictions, champion.config), ""
    except (ModelUnusable, TrainingFailed) as error:
        return None, str(error)


def _as_seen_by(manifest: Manifest, entry: ModelEntry, sides: Split) -> tuple[Example, ...]:
    """The held-out side with the features that another configuration of the model asks for."""
    examples = {example.movie_id: example for example in gather(manifest, entry).examples}
    if sides.by == "film":
        return tuple(examples[example.movie_id] for example in sides.test)
    return split(tuple(examples.values()), entry.settings.held_out).test
