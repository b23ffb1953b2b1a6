"""Scores that several models share, from counts or from a ranking: each is written here once.

The gate scores a thousand draws of films (`cinelake.learning.gate`), so what a film contributes are counts, and all of
this is vectorised over them: scikit-learn's checks of its input would take minutes there. Its conventions are kept
(`zero_division`, ties count as one), and the tests compare with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cinelake.spec.arrays import Array
from cinelake.spec.model import FilmScores, Scores


def totals(film_scores: Sequence[FilmScores], names: Sequence[str]) -> list[Array]:
    """The sums over films of counts by name, each of the shape that one film has."""
    return [np.sum([scores[name] for scores in film_scores], axis=0) for name in names]


def ratio(part: Any, whole: Any, zero_division: float = 0.0) -> Array:
    """part / whole, elementwise float64; `zero_division` where the whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, zero_division, np.float64), where=whole != 0))


def precision_recall_f1(hits: Any, predicted: Any, actual: Any, zero_division: float = 0.0) -> Array:
    """(…, 3) precision, recall and F1 of counts (…): true positives, all predicted and all actual positives.

    zero_division: precision where nothing is predicted, recall where nothing is actual, F1 where both are so.
    """
    both = np.asarray(predicted) + np.asarray(actual)
    wholes = ((hits, predicted), (hits, actual), (2 * np.asarray(hits), both))
    return np.stack([ratio(part, whole, zero_division) for part, whole in wholes], axis=-1)


def harmonic_mean(one: float, other: float) -> float:
    """2ab / (a + b); 0 where both are 0, NaN where one is."""
    return 2 * one * other / (one + other) if one + other != 0 else 0.0


def mean_of_defined(values: Any) -> float:
    """The mean of all values that are not NaN; NaN where there is none."""
    defined = np.asarray(values, np.float64)
    defined = defined[~np.isnan(defined)]
    return float(defined.mean()) if len(defined) else float("nan")


def confusion(truth: Array, predicted: Array, classes: int) -> Array:
    """(classes, classes) counts: row the true class, column the predicted one; both (T,), numbers of classes.

    Raises `ValueError` for a number that is no class.
    """
    cells = np.ravel_multi_index((truth, predicted), (classes, classes))
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def one_hot(numbers: Array, classes: int) -> Array:
    """(T, classes) bool of (T,) numbers of classes; all False for a number that is no class."""
    return np.asarray(np.asarray(numbers)[:, None] == np.arange(classes))


def by_confusion(counts: Array) -> Array:
    """(classes, 3) precision, recall and F1 of each class of a confusion matrix; 0 where they are undefined."""
    return precision_recall_f1(np.diag(counts), counts.sum(axis=0), counts.sum(axis=1))


def accuracy(counts: Array) -> float:
    """The share on the diagonal of a confusion matrix; 0 of an empty one."""
    return float(ratio(np.trace(counts), counts.sum()))


def macro(each: Array, occurs: Array) -> Array:
    """(measures,) means of (classes, measures) over the classes that occur, (classes,) bool; zeros where none does."""
    return np.asarray(each[occurs].mean(axis=0)) if occurs.any() else np.zeros(each.shape[1])


def by_class(each: Array, measures: Sequence[str], classes: Sequence[str], occurs: Array) -> Scores:
    """`MEASURE_CLASS` → score, of the classes that occur. each: (classes, measures); occurs: (classes,) bool."""
    return {
        f"{measure}_{name}": float(each[place, column])
        for column, measure in enumerate(measures)
        for place, name in enumerate(classes)
        if occurs[place]
    }


def average_precision(truth: Array, score: Array) -> float:
    """Area under the steps of the precision-recall curve, of (T,) bool and (T,) scores; 0 where nothing is true.

    Raises `ValueError` for scores that are NaN or infinite.
    """
    if not truth.any():
        return 0.0
    hits, taken = _ranked_counts(truth, score)
    return float((np.diff(hits) * hits[1:] / taken[1:]).sum() / truth.sum())


def expected_average_precision(truth: Array, score: Array) -> float:
    """The mean average precision over all orders of what has equal scores, of (T,) bool and (T,) scores.

    `average_precision` takes ties together, so that a constant has the share of what is true; any order of the same few
    has more than that on the mean, and would seem to know something. After McSherry and Najork, "Computing Information
    Retrieval Performance Measures Efficiently in the Presence of Tied Scores" (ECIR 2008). 0 where nothing is true.

    Raises `ValueError` for scores that are NaN or infinite.
    """
    if not truth.any():
        return 0.0
    hits, taken = _ranked_counts(truth, score)
    before, tied = np.repeat(taken[:-1], np.diff(taken)), np.repeat(np.diff(taken), np.diff(taken))
    true_before, true_tied = (np.repeat(counts, np.diff(taken)) for counts in (hits[:-1], np.diff(hits)))
    rank = np.arange(1, len(truth) + 1)
    others = (rank - before - 1) * (true_tied - 1) / np.maximum(tied - 1, 1)
    return float((true_tied / tied * (true_before + 1 + others) / rank).sum() / truth.sum())


def roc_auc(truth: Array, score: Array) -> float:
    """Area under the ROC curve, of (T,) bool and (T,) scores; NaN where all are of one class.

    Raises `ValueError` for scores that are NaN or infinite.
    """
    if truth.all() or not truth.any():
        return float("nan")
    hits, taken = _ranked_counts(truth, score)
    return float(np.trapezoid(hits, taken - hits) / (truth.sum() * (~truth).sum()))


def _ranked_counts(truth: Array, score: Array) -> tuple[Array, Array]:
    """(k + 1,) hits among, and number of, those with at least each of the k different scores, from 0 for none."""
    if not np.isfinite(score).all():
        raise ValueError("scores contain NaN or infinity: they cannot be ranked")
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)  # equal scores are taken together
    return np.append(0, np.cumsum(truth[order])[last]), np.append(0, 1 + np.flatnonzero(last))
