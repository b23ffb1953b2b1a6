"""Which of many moments are worth a label: those that are doubtful themselves and stand for others that are.

A moment without a label is as far from being known as the nearest one with a label is unlike it. Each next moment is
the one that brings all others nearest, each of them weighted by its worth: greedy maximisation of a facility location
(Wei, Iyer and Bilmes, "Submodularity in Data Subset Selection and Active Learning", ICML 2015). Worth is doubt, and
counts most for the classes that few labels have. Before anything is known all are worth the same: what is chosen is
then typical of many, and different.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array

COMPONENTS = 48
"""Moments are compared by so many principal components."""
ROWS_TO_LEARN_FROM = 20_000
"""So many moments decide what these are, and what groups there are."""
ROWS_TO_CHOOSE_FROM = 4_000
"""Of more moments so many are drawn, each as likely as it is worth."""
MEMBERS = 8
"""Regressions whose disagreement on a quantity is its doubt."""


def compared(views: Sequence[Array], seed: int = 0) -> Array:
    """(N, d) principal components of the moments of all films, of size 1 on average; d ≤ `COMPONENTS`.

    views: one (T, D) array a film, of which no more than one at a time, and the rows that are learned from, are copied.
    """
    from sklearn.decomposition import PCA

    if not len(views):
        return np.zeros((0, 1), np.float32)
    ends = np.cumsum([len(view) for view in views])
    total, width = int(ends[-1]), views[0].shape[1]
    chosen = np.random.default_rng(seed).permutation(total)[:ROWS_TO_LEARN_FROM]
    size = min(COMPONENTS, len(chosen), width)
    if size < 1:
        return np.zeros((total, 1), np.float32)
    rows, film = np.empty((len(chosen), width), np.float32), np.searchsorted(ends, chosen, side="right")
    for number in np.unique(film):
        own = film == number
        rows[own] = views[number][chosen[own] - (ends[number] - len(views[number]))]
    fitted = PCA(size, svd_solver="randomized" if size < min(rows.shape) else "full", random_state=seed).fit(rows)
    turned = np.concatenate([fitted.transform(np.asarray(view, np.float32)) for view in views if len(view)])
    return np.asarray(turned / max(float(np.sqrt(np.square(turned).mean())), 1e-9), np.float32)


def doubt_of(probability: Array, *, exclusive: bool) -> Array:
    """(N,) between 0 and 1, of probabilities (N, C).

    Where one class holds at most: how near the second is to the likeliest, that none holds being one of them. Else the
    mean entropy of the classes, as a share of the greatest among these moments.
    """
    if not probability.shape[1]:
        return np.zeros(len(probability))
    inside = np.clip(probability.astype(np.float64), 1e-6, 1 - 1e-6)
    if exclusive:
        full = np.column_stack([np.clip(1 - probability.sum(axis=1), 0, 1), probability])
        ranked = np.sort(full, axis=1)
        return np.asarray(1 - (ranked[:, -1] - ranked[:, -2]))
    entropy = -(inside * np.log2(inside) + (1 - inside) * np.log2(1 - inside)).mean(axis=1)
    return np.asarray(entropy / max(float(entropy.max(initial=0.0)), 1e-9))


def worth_of(probability: Array, labels: Array) -> Array:
    """(N,) what it is worth to know each moment, of probabilities (N, C) and how many labels have each class (C,).

    The entropies of the classes, each divided by the root of its labels: macro scores count classes, not moments.
    """
    inside = np.clip(probability.astype(np.float64), 1e-6, 1 - 1e-6)
    entropy = -(inside * np.log2(inside) + (1 - inside) * np.log2(1 - inside))
    return np.asarray((entropy / np.sqrt(1 + labels)).sum(axis=1))


def learned_probability(x: Array, y: Array, asked: Array, *, exclusive: bool) -> Array:
    """(M, C) of logistic regressions on the labelled moments x (N, d), y (N, C) 0 or 1, for those asked about (M, d).

    A class that all labelled moments have, or none, is expected as often as Laplace's rule says.
    """
    from sklearn.linear_model import LogisticRegression

    columns = []
    for column in y.T >= 0.5:
        if column.all() or not column.any():
            columns.append(np.full(len(asked), (column.sum() + 1) / (len(column) + 2)))
        else:
            columns.append(LogisticRegression(max_iter=300).fit(x, column).predict_proba(asked)[:, 1])
    found = np.stack(columns, axis=1) if columns else np.zeros((len(asked), 0))
    total = found.sum(axis=1, keepdims=True)
    return np.asarray(found / np.maximum(total, 1.0) if exclusive else found)


def disagreement(x: Array, y: Array, asked: Array, seed: int) -> Array:
    """(M,) how far ridge regressions on draws of the labelled moments differ, as a share of the most.

    x: (N, d); y: (N, C) quantities, NaN where one is not known; asked: (M, d).
    """
    from sklearn.linear_model import Ridge

    rng, spread = np.random.default_rng(seed), np.zeros(len(asked))
    for column in y.T:
        rows = np.flatnonzero(np.isfinite(column))
        if len(rows) < 2:
            continue
        draws = [rng.choice(rows, len(rows)) for _ in range(MEMBERS)]
        predicted = [Ridge(x.shape[1] / 4).fit(x[draw], column[draw]).predict(asked) for draw in draws]
        spread += np.std(predicted, axis=0) / max(float(np.std(column[rows])), 1e-9)
    return np.asarray(spread / max(float(spread.max(initial=0.0)), 1e-9))


def choose(
    x: Array, labelled: Array, worth: Array | None, count: int, *, groups: Sequence[str] | None = None, seed: int = 0
) -> list[int]:
    """The numbers of at most `count` moments, those first that bring most.

    x: (N, d) of the moments that may be asked about; labelled: (M, d); worth: (N,), None where nothing is known.
    groups: the film of each moment: none gives more than twice its share, while others have any left.
    """
    count = min(count, len(x))
    if not count:
        return []
    weights = np.ones(len(x)) if worth is None else np.maximum(worth, 1e-6 * max(float(worth.max()), 1e-9))
    rows, rng = np.arange(len(x)), np.random.default_rng(seed)
    if len(rows) > (most := max(count, ROWS_TO_CHOOSE_FROM)):
        rows = rng.choice(rows, most, replace=False, p=weights / weights.sum())
    rows = rng.permutation(rows)  # which of those that bring as much is chosen depends on the seed alone
    films = np.zeros(len(rows)) if groups is None else np.unique(np.asarray(groups)[rows], return_inverse=True)[1]
    return [int(rows[place]) for place in _covering(x[rows], labelled, weights[rows], count, films)]


def _covering(x: Array, labelled: Array, weights: Array, count: int, films: Array) -> list[int]:
    """Places in x of `count` moments, each the one that brings all nearest, no film giving too many of them.

    What a moment brings gets less with every other that is chosen: it is reckoned anew only where it may be the most.
    """
    from sklearn.metrics import euclidean_distances, pairwise_distances_argmin_min

    apart, weights = euclidean_distances(x.astype(np.float32)), weights.astype(np.float32)
    farthest = np.full(len(x), apart.max())
    far = pairwise_distances_argmin_min(x, labelled)[1] if len(labelled) else farthest
    brings = np.array([weights @ np.maximum(far - own, 0) for own in apart])
    most, left, chosen = -(-2 * count // len(np.unique(films))), np.ones(len(x), bool), list[int]()
    may = left.copy()
    while len(chosen) < count:
        place = int(np.where(may, brings, -1).argmax())
        before, brings[place] = brings[place], weights @ np.maximum(far - apart[place], 0)
        if brings[place] < before and brings[place] < np.where(may, brings, -1).max():
            continue
        chosen.append(place)
        left[place] = may[place] = False
        far = np.minimum(far, apart[place])
        if (films[chosen] == films[place]).sum() >= most:
            may &= films != films[place]
        if not may.any():
            may = left.copy()
    return chosen
