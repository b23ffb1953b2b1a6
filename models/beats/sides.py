"""The second stage of beats: categories that look alike are told apart by whose faces are seen in the event.

Where categories say whose faces they show (`people: [good]`, `[bad]`, `[good, bad]`), a classifier of faces is learned
from every category that shows one side only, and an event is judged by all of its faces. Groups that say nothing of it
are split by a classifier of the pooled features themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array, Arrays

STRANGER = 0.04
"""The share of faces that belong to nobody whom the category names: extras, and faces that are none."""
REACH = 8
"""So many shots before and after may belong to the same event."""
FEWEST = 3


def learn_sides(vectors: Array, sides: Array, names: Sequence[str]) -> Arrays:
    """A classifier of faces, (faces, d) → sides: coefficients and, for each side, whether it was seen at all.

    sides: (faces,) numbers into `names`. Nothing where fewer than two sides were seen.
    """
    from sklearn.linear_model import LogisticRegression

    counts = np.bincount(sides, minlength=len(names))
    if (counts >= FEWEST).sum() < 2:
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


def side_probabilities(vectors: Array, learned: Arrays, sides: int) -> Array:
    """(…, sides) how likely a face (…, d) is one of each side."""
    logits = vectors @ learned["side_coefficients"].T + learned["side_intercepts"]
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found = np.zeros((*vectors.shape[:-1], sides))
    found[..., learned["side_classes"]] = odds / odds.sum(axis=-1, keepdims=True)
    return found


def belonging(probabilities: Array, reach: int = REACH) -> Array:
    """(T, T) how far shot s belongs to the same event as shot t: the least probability of the class on the way.

    probabilities: (T,) of the class that the event is of.
    """
    count = len(probabilities)
    weights = np.diag(probabilities.astype(np.float64))
    for apart in range(1, min(reach, count - 1) + 1):
        here = np.arange(count - apart)
        least = np.minimum(weights[here, here + apart - 1], probabilities[here + apart])
        weights[here, here + apart] = weights[here + apart, here] = least
    return weights


def face_evidence(sides: Array, seen: Array, compositions: Array) -> Array:
    """(T, categories) log-likelihood of each shot's faces if the event were of each category, mean over its faces.

    sides: (T, faces, sides) probabilities; seen: (T, faces); compositions: (categories, sides), shares of faces.
    """
    mixed = (1 - STRANGER) * compositions + STRANGER / compositions.shape[1]
    each = np.log(np.maximum(sides @ mixed.T, 1e-6)) * seen[..., None]
    return np.asarray(each.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)[:, None])


def composition(people: Sequence[str], sides: Sequence[str]) -> Array:
    """(sides,) shares of faces by side: the named ones in equal parts."""
    return np.array([1.0 if side in people else 0.0 for side in sides]) / max(1, len(set(people)))


def softmax(values: Array) -> Array:
    """Softmax over the last axis."""
    odds = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))
