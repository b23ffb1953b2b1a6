"""How good tags are: per tag and macro over shots, mean precision and recall over films, and how tags go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cinelake.spec.arrays import Array
from cinelake.spec.model import Judgement, Scores
from models.heads.scores import by_class


def counts_of(truth: Array, carried: Array) -> Judgement:
    """One film's hits, false ones and misses, each (tags,), and precision and recall of the film's tags.

    After Khan et al., "Movies Tags Extraction Using Deep Learning" (AVSS 2017).
    truth, carried: (T, tags) bool. A film's tags are those of any of its shots. Where nothing is said of a film that
    has tags, precision is 0: silence is no hit. Recall of a film without a tag is not a number, and does not count;
    nor does precision where nothing is said and nothing is there.
    """
    film_truth, film_carried = truth.any(axis=0), carried.any(axis=0)
    both = (film_truth & film_carried).sum()
    return {
        "hits": (truth & carried).sum(axis=0),
        "false": (~truth & carried).sum(axis=0),
        "misses": (truth & ~carried).sum(axis=0),
        "film": np.array([precision_of(both, film_carried.sum(), film_truth.sum()), share(both, film_truth.sum())]),
    }


def share(part: float, whole: float) -> float:
    """part / whole, not a number where there is no whole."""
    return float(part / whole) if whole else float("nan")


def precision_of(hits: float, said: float, there: float) -> float:
    """hits / said; 0 where nothing is said of what has something, not a number where neither has anything."""
    return 0.0 if there and not said else share(hits, said)


def harmonic(one: float, other: float) -> float:
    """2ab / (a + b), 0 where both are."""
    return 2 * one * other / (one + other) if one + other > 0 else 0.0


def tag_f1(judgements: Sequence[Judgement]) -> Array:
    """(tags, 3) precision, recall and F1 of each tag over all shots; 0 where nothing was said or nothing is there."""
    hits, wrong, missed = (np.sum([j[name] for j in judgements], axis=0) for name in ("hits", "false", "misses"))
    precision = hits / np.maximum(hits + wrong, 1)
    recall = hits / np.maximum(hits + missed, 1)
    return np.stack([precision, recall, 2 * hits / np.maximum(2 * hits + wrong + missed, 1)], axis=1)


def summary(judgements: Sequence[Judgement], vocabulary: Sequence[str]) -> Scores:
    """macro_f1, macro_precision and macro_recall over tags that occur; micro_f1; map, mar and their f1 over films;
    precision, recall and f1 of each tag that occurs, as `f1_TAG`.

    map alone is easily had: who says one sure tag of every film has a map of 1, and a mar near 0. Read both, or
    map_mar_f1. Tags that no shot has are not averaged in, though a tag that is said and never there costs micro_f1
    and map.
    """
    each = tag_f1(judgements)
    hits, wrong, missed = (np.sum([j[name] for j in judgements], axis=0) for name in ("hits", "false", "misses"))
    occurs = hits + missed > 0
    macro = each[occurs].mean(axis=0) if occurs.any() else np.zeros(3)
    films = np.array([j["film"] for j in judgements])
    mean_precision, mean_recall = (mean_of_numbers(films[:, side]) for side in (0, 1))
    scores = {
        "macro_f1": float(macro[2]),
        "macro_precision": float(macro[0]),
        "macro_recall": float(macro[1]),
        "micro_f1": float(2 * hits.sum() / max(1, 2 * hits.sum() + wrong.sum() + missed.sum())),
        "map": mean_precision,
        "mar": mean_recall,
        "map_mar_f1": harmonic(mean_precision, mean_recall),
        "tags_that_occur": float(occurs.sum()),
    }
    return scores | by_class(each, ("precision", "recall", "f1"), vocabulary, occurs)


def mean_of_numbers(values: Array) -> float:
    """The mean of those that are numbers; 0 where none is."""
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if len(numbers) else 0.0


def tag_correlation(carried: Array) -> Array:
    """(tags, tags) how tags go together: Pearson's correlation of their presence over shots (phi coefficient).

    carried: (shots, tags), bool or probabilities. A tag that never changes correlates with nothing: 0, with itself 1.
    """
    values = np.asarray(carried, np.float64)
    values = values - values.mean(axis=0)
    lengths = np.sqrt((values**2).sum(axis=0))
    correlation = values.T @ values / np.maximum(np.outer(lengths, lengths), 1e-12)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(np.clip(correlation, -1, 1))


def correlation_figure(carried: Array, vocabulary: Sequence[str]) -> Any:
    """A Matplotlib figure of `tag_correlation`, tags that go together side by side."""
    from matplotlib.figure import Figure
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    used = np.flatnonzero(np.asarray(carried).any(axis=0))
    found = tag_correlation(np.asarray(carried)[:, used])
    apart = np.clip(1 - found, 0, None)
    np.fill_diagonal(apart, 0)
    order = leaves_list(linkage(squareform(apart, checks=False), "average")) if len(used) > 2 else np.arange(len(used))
    names = [vocabulary[used[i]] for i in order]
    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.add_subplot(title="Correlation between tags over shots")
    picture = axes.imshow(found[np.ix_(order, order)], vmin=-1, vmax=1, cmap="RdBu_r")
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    figure.colorbar(picture)
    return figure


def f1_figure(judgements: Sequence[Judgement], vocabulary: Sequence[str]) -> Any:
    """A Matplotlib figure of F1 per tag that occurs, from best to worst."""
    from matplotlib.figure import Figure

    each = tag_f1(judgements)[:, 2]
    occurs = np.flatnonzero(np.sum([j["hits"] + j["misses"] for j in judgements], axis=0) > 0)
    order = occurs[np.argsort(each[occurs])]
    figure = Figure(figsize=(7, 1.5 + 0.22 * len(order)), layout="constrained")
    axes = figure.add_subplot(title="F1 per tag, held-out films", xlim=(0, 1))
    axes.barh([vocabulary[i] for i in order], each[order])
    return figure
