"""Two learners without settings, quick enough to stand beside every training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cinelake.spec.arrays import Array

MOST_ROWS = 4000
"""Of more labelled steps so many are taken, evenly: the rest costs minutes and changes little."""
AT_ONCE = 512
ITERATIONS = 200
HOLDS = 0.5
LEAST_SPREAD = 1e-6


def evenly(count: int, most: int = MOST_ROWS) -> Array:
    """Numbers of at most so many rows, spread evenly over all."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)) if count else np.zeros(0, int)


def scaled(x: Array) -> Callable[[Array], Array]:
    """What brings numbers to mean 0 and deviation 1, as those of x (n, d) have."""
    mean, spread = x.mean(axis=0), x.std(axis=0) + LEAST_SPREAD
    return lambda rows: np.asarray((rows - mean) / spread, np.float32)


def nearest(x: Array, answers: Array) -> Callable[[Array], Array]:
    """The answer of the labelled step whose vector is nearest (Cover & Hart, 1967), of x (n, d) and (n, …) answers."""
    rows = evenly(len(x))
    scale = scaled(x[rows])
    known, own = scale(x[rows]), answers[rows]
    squares = (known**2).sum(axis=1)

    def guess(given: Array) -> Array:
        parts = [scale(given[i : i + AT_ONCE]) for i in range(0, len(given), AT_ONCE)]
        found = [(squares - 2 * part @ known.T).argmin(axis=1) for part in parts]
        return np.asarray(own[np.concatenate([np.zeros(0, int), *found])])

    return guess


def logistic(x: Array, truth: Array, *, exclusive: bool) -> Callable[[Array], Array]:
    """Probabilities (…, C) of classes by logistic regression of x (n, d) and what holds, truth (n, C) bool.

    exclusive: one class holds at a time, and the probabilities add up to 1; else each class is a question of its own.
    A class that always or never holds has that probability.
    """
    rows = evenly(len(x))
    scale = scaled(x[rows])
    known, held = scale(x[rows]), np.asarray(truth[rows], bool)
    if exclusive:
        fitted = _fitted(known, held.argmax(axis=1))

        def of_one(given: Array) -> Array:
            made = np.zeros((len(given), truth.shape[1]), np.float32)
            classes, probabilities = fitted(scale(given))
            made[:, classes] = probabilities
            return made

        return of_one
    each = [_fitted(known, held[:, column].astype(int)) for column in range(truth.shape[1])]

    def of_each(given: Array) -> Array:
        made = np.zeros((len(given), truth.shape[1]), np.float32)
        for column, one in enumerate(each):
            classes, probabilities = one(scale(given))
            made[:, column] = probabilities[:, classes == 1].sum(axis=1)
        return made

    return of_each


def _fitted(x: Array, classes: Array) -> Callable[[Array], tuple[Array, Array]]:
    """Classes (k,) and their probabilities (…, k)."""
    present = np.unique(classes)
    if len(present) < 2:
        return lambda given: (present, np.ones((len(given), len(present)), np.float32))
    from sklearn.linear_model import LogisticRegression

    # the more numbers there are, the less each may weigh
    model = LogisticRegression(C=1 / np.sqrt(x.shape[1]), max_iter=ITERATIONS, class_weight="balanced")
    model.fit(x, classes)

    def predict(given: Array) -> tuple[Array, Array]:
        empty = np.zeros((0, len(model.classes_)))
        return model.classes_, model.predict_proba(given) if len(given) else empty

    return predict
