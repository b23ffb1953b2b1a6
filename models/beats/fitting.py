"""Fitting: the first stage on sub-categories, the second on faces, and a linear SVM that stands beside them.

Where categories say whose faces they show (`people: [good]`, `[bad]`, `[good, bad]`), a classifier of faces is learned
from every category that shows one side only. Without such faces the second stage has the priors alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cinelake.errors import CannotTrain
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import Trained
from cinelake.spec.training import Training
from models.beats.config import Config
from models.beats.features import UNKNOWN
from models.heads.config import LabelledRows
from models.heads.networks import fit_head
from models.shots.scaling import learn_scaling, shot_vectors

MIN_ROWS = 10
MIN_FACES = 3
"""A side with fewer faces is not learned."""


def train(
    train_examples: Sequence[Example], validation_examples: Sequence[Example], config: Config, training: Training
) -> Trained:
    """Fit the first stage on sub-categories, the second on faces, and the linear SVM beside them."""
    everything = [*train_examples, *validation_examples]
    learned_from = everything if config.refit else list(train_examples)
    leaves = _check_rows(train_examples)
    scaling = learn_scaling(train_examples, config.use)
    head = config.as_head()
    rows, validation = (_rows(part, scaling, config, leaves) for part in (train_examples, validation_examples))
    network, epochs = fit_head(head, rows, validation if len(validation) else None, training)
    if config.refit and len(validation):
        leaves = np.unique(joined(everything, "leaf", of="targets"))
        again, exactly = Training(training.folder / "refit", training.seed), replace(head, epochs=epochs, patience=None)
        network, _ = fit_head(exactly, _rows(everything, scaling, config, leaves), None, again)
    arrays = {**scaling, "leaves": leaves, **_second_stage(learned_from, config), **_svm(learned_from, scaling, config)}
    facts = {"categories": list(config.ordered), "trained_as": [" / ".join(config.leaves[i]) for i in leaves]}
    return Trained(network, arrays, {**facts, "epochs": epochs})


def _check_rows(examples: Sequence[Example]) -> Array:
    """The leaves that occur. Raises `CannotTrain` when there are too few rows or one leaf only."""
    leaves = joined(examples, "leaf", of="targets") if examples else np.zeros(0, int)
    if len(leaves) < MIN_ROWS:
        raise CannotTrain(f"beats: {len(leaves)} labelled shots to learn from, at least {MIN_ROWS} are needed")
    present = np.unique(leaves)
    if len(present) < 2:
        raise CannotTrain("beats: the films to learn from show one kind of beat only: label others too")
    return np.asarray(present)


def _vectors(examples: Sequence[Example], scaling: Arrays, config: Config) -> Array:
    parts = [shot_vectors(e.features, scaling, config.use, config.context)[e.targets["known"]] for e in examples]
    return np.concatenate(parts)


def _rows(examples: Sequence[Example], scaling: Arrays, config: Config, leaves: Array) -> LabelledRows:
    """Known shots of the leaves that are trained."""
    if not examples:
        return LabelledRows(np.zeros((0, 1), np.float32), np.zeros((0, len(leaves)), np.float32))
    y = (joined(examples, "leaf", of="targets")[:, None] == leaves).astype(np.float32)
    trained = y.any(axis=1)
    return LabelledRows(_vectors(examples, scaling, config)[trained], y[trained])


def _second_stage(examples: Sequence[Example], config: Config) -> Arrays:
    """Priors of the categories, and the classifier of faces where there are faces and categories name people."""
    categories = list(config.ordered.values())
    shown = joined(examples, "category", of="targets")
    arrays: Arrays = {"category_counts": np.bincount(shown, minlength=len(categories)).astype(np.float32)}
    if "faces" not in config.use or len(config.sides) < 2:
        return arrays
    seen = joined(examples, "face_seen")
    single = np.array([config.sides.index(c.people[0]) if len(c.people) == 1 else UNKNOWN for c in categories])
    sides = np.where(seen, single[shown][:, None], UNKNOWN)
    chosen = sides != UNKNOWN
    return {**arrays, **learn_sides(joined(examples, "face_vectors")[chosen], sides[chosen], config.sides)}


def learn_sides(vectors: Array, sides: Array, names: Sequence[str]) -> Arrays:
    """A classifier of faces, (faces, d) → sides: coefficients and, for each side, whether it was seen at all.

    sides: (faces,) numbers into `names`. Returns nothing where fewer than two sides were seen.
    """
    from sklearn.linear_model import LogisticRegression

    counts = np.bincount(sides, minlength=len(names))
    if (counts >= MIN_FACES).sum() < 2:
        return {}
    fitted = LogisticRegression(C=30, max_iter=1000, class_weight="balanced").fit(vectors, sides)
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    return {
        "side_coefficients": coefficients.astype(np.float32),
        "side_intercepts": intercepts.astype(np.float32),
        "side_classes": fitted.classes_.astype(np.int64),
    }


def _svm(examples: Sequence[Example], scaling: Arrays, config: Config) -> Arrays:
    """The linear SVM on the same features, straight to the categories."""
    from sklearn.svm import LinearSVC

    shown = joined(examples, "category", of="targets")
    if len(np.unique(shown)) < 2:
        return {}
    fitted = LinearSVC(C=config.svm_c, class_weight="balanced", random_state=0)
    fitted.fit(_vectors(examples, scaling, config), shown)
    names = ("svm_coefficients", "svm_intercepts", "svm_classes")
    return dict(zip(names, (fitted.coef_, fitted.intercept_, fitted.classes_), strict=True))
