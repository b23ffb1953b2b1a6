"""Which of many moments are worth a label: those that are doubtful, and differ from each other and from labelled ones.

A moment is worth its doubt times its distance from the nearest labelled one. Of those that are worth most so many
groups are made as labels are wanted, and each gives the one nearest to its middle (Zhdanov, "Diverse Mini-Batch Active
Learning", 2019, 1901.05954). Before anything is known, doubt says nothing: groups are then made of all moments, and the
greatest without a label gives its most typical one (Hacohen, Dekel and Weinshall, "Active Learning on a Budget:
Opposite Strategies Suit High and Low Budgets", ICML 2022).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array

COMPONENTS = 48
"""Moments are compared by so many principal components."""
ROWS_TO_LEARN_FROM = 20_000
"""So many moments decide what these are, and what groups there are."""
DOUBTFUL = 10
"""So many times as many of the moments that are worth most are looked at as are wanted."""
LABELLED_TO_GROUP = 500
"""Of more labelled moments so many are drawn where groups of all moments are made, one for each: labels that are all
alike, as of films in which nothing is funny, may be ten thousands."""
ROWS_TOGETHER = 512
"""So many labelled moments are compared with all others at once."""
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
    x: Array, labelled: Array, doubt: Array | None, count: int, *, groups: Sequence[str] | None = None, seed: int = 0
) -> list[int]:
    """The numbers of at most `count` moments, those first that are worth most.

    x: (N, d) of the moments that may be asked about; labelled: (M, d); doubt: (N,), None where nothing is known.
    groups: the film of each moment: none gives more than twice its share, while others have any left.
    """
    count = min(count, len(x))
    if not count:
        return []
    if doubt is None:
        ranked = _typical(x, labelled, count, seed)
    else:
        ranked = _worthy(x, doubt * distances(x, labelled), count, seed)
    return _spread(ranked, count, groups)


def distances(x: Array, labelled: Array) -> Array:
    """(N,) how far each moment is from the nearest labelled one, as a share of the farthest; 1 where none is."""
    if not len(labelled):
        return np.ones(len(x))
    nearest = np.full(len(x), np.inf)
    squares = np.square(x).sum(axis=1)
    for rows in np.array_split(labelled, -(-len(labelled) // ROWS_TOGETHER)):
        apart = squares[:, None] + np.square(rows).sum(axis=1) - 2 * x @ rows.T
        nearest = np.minimum(nearest, apart.min(axis=1))
    far = np.sqrt(np.maximum(nearest, 0))
    return np.asarray(far / max(float(far.max()), 1e-9))


def _worthy(x: Array, worth: Array, count: int, seed: int) -> list[int]:
    """All moments in order: the middles of groups of those that are worth most, then the others by their worth."""
    order = np.argsort(-worth, kind="stable")
    least = worth[order[min(count * DOUBTFUL, len(order)) - 1]]
    near = np.flatnonzero(worth >= least)  # all that are worth as much: none is left out for where its film stands
    if len(near) > ROWS_TO_LEARN_FROM:
        near = np.sort(np.random.default_rng(seed).permutation(near)[:ROWS_TO_LEARN_FROM])
    middles = _middles(x[near], count, seed, weights=np.maximum(worth[near], 1e-6))
    first = sorted((int(near[row]) for row in middles), key=lambda row: -worth[row])
    chosen = set(first)
    return [*first, *(int(row) for row in order if int(row) not in chosen)]


def _typical(x: Array, labelled: Array, count: int, seed: int) -> list[int]:
    """All moments in order of worth: the middle of each group that has no label, the greatest group first."""
    from sklearn.cluster import MiniBatchKMeans

    labelled = labelled[np.random.default_rng(seed).permutation(len(labelled))[:LABELLED_TO_GROUP]]
    rows = np.concatenate([x, labelled.reshape(len(labelled), x.shape[1])])
    wanted = min(count + len(labelled), len(rows))
    fitted = MiniBatchKMeans(wanted, n_init=1, random_state=seed).fit(rows)
    of, known = fitted.labels_[: len(x)], set(fitted.labels_[len(x) :].tolist())
    apart = np.square(x - fitted.cluster_centers_[of]).sum(axis=1)
    sizes = np.bincount(of, minlength=wanted)
    first = []
    for group in np.argsort(-sizes, kind="stable"):
        if sizes[group] and int(group) not in known:
            own = np.flatnonzero(of == group)
            first.append(int(own[apart[own].argmin()]))
    chosen = set(first)
    rest = [int(row) for row in np.random.default_rng(seed).permutation(len(x)) if int(row) not in chosen]
    return [*first, *rest]


def _middles(x: Array, count: int, seed: int, weights: Array) -> list[int]:
    """The row nearest to the middle of each of `count` groups."""
    from sklearn.cluster import KMeans

    if len(x) <= count:
        return list(range(len(x)))
    distinct = len(np.unique(x, axis=0))
    fitted = KMeans(min(count, distinct), n_init=1, random_state=seed).fit(x, sample_weight=weights)
    apart = np.square(x - fitted.cluster_centers_[fitted.labels_]).sum(axis=1)
    own = [np.flatnonzero(fitted.labels_ == group) for group in range(fitted.n_clusters)]
    return [int(rows[apart[rows].argmin()]) for rows in own if len(rows)]


def _spread(ranked: Sequence[int], count: int, groups: Sequence[str] | None) -> list[int]:
    """The first `count` of them, no group having more than twice its share while others have any."""
    if groups is None:
        return list(ranked[:count])
    most = max(1, -(-2 * count // max(1, len(set(groups)))))
    taken: dict[str, int] = {}
    first: list[int] = []
    later: list[int] = []
    for row in ranked:
        taken[groups[row]] = taken.get(groups[row], 0) + 1
        (first if taken[groups[row]] <= most else later).append(row)
    return [*first, *later][:count]
