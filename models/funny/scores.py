"""How good funny moments are found: precision, recall and F1 of steps, and how well the margin ranks them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cinelake.learning.metrics import average_precision, precision_recall_f1, roc_auc
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Scores
from models.funny.config import Config


def score_film(_features: Arrays, targets: Arrays, prediction: Arrays, _config: Config) -> FilmScores:
    """Truth and margin of the known steps."""
    known = targets["known"]
    return {"truth": targets["funny"][known].astype(bool), "margin": prediction["margin"][known]}


def summarise(film_scores: Sequence[FilmScores]) -> Scores:
    """f1, precision, recall and accuracy of `margin` > 0; auc and ap of its order; share of funny steps, steps.

    f1 is 1 where nothing is funny and nothing was predicted, which is right; auc is 0.5 where all known steps are of
    one kind: there is nothing to rank.
    """
    truth = np.concatenate([scores["truth"] for scores in film_scores])
    margin = np.concatenate([scores["margin"] for scores in film_scores])
    predicted = margin > 0
    counts = ((predicted & truth).sum(), predicted.sum(), truth.sum())
    precision, recall, _ = precision_recall_f1(*counts)
    return {
        "f1": float(precision_recall_f1(*counts, zero_division=1)[2]),
        "precision": float(precision),
        "recall": float(recall),
        "accuracy": float((predicted == truth).mean()) if len(truth) else 0.0,
        "auc": 0.5 if math.isnan(auc := roc_auc(truth, margin)) else auc,
        "ap": average_precision(truth, margin),
        "share_funny": float(truth.mean()) if len(truth) else 0.0,
        "steps": float(len(truth)),
    }


def answers(
    features: Arrays, targets: Arrays, prediction: Arrays, _config: Config, _facts: Mapping[str, Any]
) -> Answers:
    """Whether each known step is funny; the margin of the two Q-values ranks steps, and is no probability."""
    known = targets["known"]
    margin = prediction["margin"][known][:, None]
    truth = targets["funny"][known][:, None].astype(bool)
    time_s = features["time_s"][known]
    return Answers(time_s, ("funny",), truth, margin > 0, margin, is_probability=False, none="not funny")


def best_threshold(truth: Array, margin: Array) -> float:
    """The margin that is best by F1: halfway between the last step taken and the first left out. 0 for one class."""
    if not len(truth) or truth.all() or not truth.any():
        return 0.0
    order = np.argsort(-margin, kind="stable")
    sorted_margin, hits = margin[order], np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(truth) + 1) + truth.sum())
    last = np.append(sorted_margin[1:] != sorted_margin[:-1], True)
    best = int(np.where(last, f1, -1).argmax())
    below = sorted_margin[best + 1] if best + 1 < len(truth) else sorted_margin[best] - 1.0
    return float((sorted_margin[best] + below) / 2)


def baseline(_examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Everything is funny: the constant prediction with the best F1."""

    def guess(features: Arrays) -> Arrays:
        ones = np.ones(len(features["time_s"]), np.float32)
        return {"q": np.stack([0 * ones, ones], axis=1), "margin": ones}

    return guess


# --- figures


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """The ROC curve of the held-out films, and the margin over the time of the one with most that is funny."""
    pairs = zip(examples, predictions, strict=True)
    film_scores: list[FilmScores] = [score_film(e.features, e.targets, p, config) for e, p in pairs]
    most = int(np.argmax([scores["truth"].sum() for scores in film_scores]))
    return {"roc": roc_figure(film_scores), "margin": line_figure(examples[most], predictions[most])}


def roc_figure(film_scores: Sequence[FilmScores]) -> Any:
    """A Matplotlib figure: the ROC curve of all judged steps."""
    from matplotlib.figure import Figure
    from sklearn.metrics import roc_curve

    truth = np.concatenate([scores["truth"] for scores in film_scores])
    margin = np.concatenate([scores["margin"] for scores in film_scores])
    figure = Figure(figsize=(4.5, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="false positive rate", ylabel="true positive rate", title="Funny, held-out films")
    if truth.any() and not truth.all():
        false_rate, true_rate, _ = roc_curve(truth, margin)
        axes.plot(false_rate, true_rate, label=f"AUC {roc_auc(truth, margin):.3f}")
        axes.legend(loc="lower right")
    axes.plot([0, 1], [0, 1], color="0.7", linestyle=":")
    return figure


def line_figure(example: Example, prediction: Arrays) -> Any:
    """A Matplotlib figure: what is funny in a film, and the margin of the two Q-values over its time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.add_subplot(xlabel="seconds", ylabel="Q(funny) − Q(not)", title=example.movie_id)
    time_s, truth = example.features["time_s"], example.targets["funny"] & example.targets["known"]
    axes.fill_between(time_s, 0, 1, where=truth, step="post", alpha=0.3, transform=axes.get_xaxis_transform())
    axes.step(time_s, prediction["margin"], where="post")
    axes.axhline(0, color="0.6", linewidth=0.8)
    return figure
