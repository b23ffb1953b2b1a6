"""How good beats are: precision, recall and F of each category from a confusion matrix, and their means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cinelake.spec.arrays import Array
from cinelake.spec.model import Scores
from models.heads.scores import by_class


def confusion(truth: Array, said: Array, categories: int) -> Array:
    """(categories, categories) counts: row what it is, column what was said."""
    counts = np.zeros((categories, categories), np.int64)
    np.add.at(counts, (truth, said), 1)
    return counts


def per_category(counts: Array) -> Array:
    """(categories, 3) precision, recall and F of a confusion matrix; 0 where nothing was said, or nothing is there."""
    hits = np.diag(counts).astype(np.float64)
    said, there = counts.sum(axis=0), counts.sum(axis=1)
    return np.stack(
        [hits / np.maximum(said, 1), hits / np.maximum(there, 1), 2 * hits / np.maximum(said + there, 1)], 1
    )


def summary(counts: Array, categories: Sequence[str]) -> Scores:
    """mean_precision, mean_recall and mean_f over categories that occur; accuracy; precision, recall and f of each of
    them, as f_CATEGORY."""
    each, occurs = per_category(counts), counts.sum(axis=1) > 0
    means = each[occurs].mean(axis=0) if occurs.any() else np.zeros(3)
    scores = {
        "mean_f": float(means[2]),
        "mean_precision": float(means[0]),
        "mean_recall": float(means[1]),
        "accuracy": float(np.trace(counts) / max(1, counts.sum())),
        "categories_that_occur": float(occurs.sum()),
    }
    return scores | by_class(each, ("precision", "recall", "f"), categories, occurs)


def confusion_figure(counts: Array, categories: Sequence[str], title: str) -> Any:
    """A Matplotlib figure: shares of each row as colour, counts as numbers."""
    from matplotlib.figure import Figure

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(2 + 0.6 * len(categories), 1.5 + 0.55 * len(categories)), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="said", ylabel="is")
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axes.set_xticks(range(len(categories)), categories, rotation=60, ha="right")
    axes.set_yticks(range(len(categories)), categories)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(
                column, row, str(count), ha="center", va="center", color="white" if shares[row, column] > 0.5 else "k"
            )
    return figure
