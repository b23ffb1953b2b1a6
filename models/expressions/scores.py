"""How well expressions are told: what is taken for what, and the scores that follow from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from cinelake.spec.arrays import Array
from cinelake.spec.model import Scores
from models.expressions.networks import EMOTIONS


def confusion(truth: Array, told: Array) -> Array:
    """(7, 7) counts: row the true emotion, column the one that was told; both given as places in `EMOTIONS`."""
    size = len(EMOTIONS)
    return np.bincount(truth * size + told, minlength=size * size).reshape(size, size)


def scores_of(counts: Array) -> Scores:
    """accuracy; balanced_accuracy, the mean recall, and macro_f1 over the emotions that occur; recall of each."""
    right, true, told = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    occurs = true > 0
    recall = right[occurs] / true[occurs]
    f1 = 2 * right[occurs] / (true + told)[occurs]
    scores = {
        "accuracy": float(right.sum() / max(1, counts.sum())),
        "balanced_accuracy": float(recall.mean()) if occurs.any() else 0.0,
        "macro_f1": float(f1.mean()) if occurs.any() else 0.0,
    }
    names = [name for name, there in zip(EMOTIONS, occurs, strict=True) if there]
    return scores | {f"recall_{name}": float(value) for name, value in zip(names, recall, strict=True)}


def confusion_figure(counts: Array) -> Any:
    """A Matplotlib figure: of the faces of each emotion, the share that was told to be each."""
    from matplotlib.figure import Figure

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6, 5.5), layout="constrained")
    axes = figure.add_subplot(title="Expressions, held-out films", xlabel="told", ylabel="true")
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=45)
    axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
    for (row, column), share in np.ndenumerate(shares):
        axes.text(column, row, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.5 else "black")
    return figure
