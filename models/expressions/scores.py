"""How well expressions are recognised: what is taken for what, and the scores that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cinelake.learning import metrics
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Scores
from models.expressions.config import Config
from models.expressions.networks import EMOTIONS


def score_film(_features: Arrays, targets: Arrays, prediction: Arrays, _config: Config) -> FilmScores:
    """confusion (7, 7): labelled faces by true and predicted emotion."""
    known = targets["known"]
    return {"confusion": confusion(targets["emotion"][known], prediction["emotion"][known])}


def summarise(film_scores: Sequence[FilmScores]) -> Scores:
    """accuracy, balanced_accuracy, macro_f1, and recall_EMOTION of those that occur."""
    return scores_of(np.sum([scores["confusion"] for scores in film_scores], axis=0))


def support(film_scores: Sequence[FilmScores]) -> dict[str, float]:
    """Emotion → faces that show it, of the emotions that occur."""
    counts = np.sum([scores["confusion"] for scores in film_scores], axis=0).sum(axis=1)
    return {emotion: float(count) for emotion, count in zip(EMOTIONS, counts, strict=True) if count}


def answers(
    features: Arrays, targets: Arrays, prediction: Arrays, _config: Config, _facts: Mapping[str, Any]
) -> Answers:
    """The emotion of each labelled face; the trivial baseline has no probabilities."""
    known = targets["known"]
    truth, said = (metrics.one_hot(given["emotion"][known], len(EMOTIONS)) for given in (targets, prediction))
    probability = prediction["probabilities"][known] if "probabilities" in prediction else None
    return Answers(features["time_s"][known], tuple(EMOTIONS), truth, said, probability, exclusive=True)


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """Which emotions are taken for which."""
    counts = [
        score_film(e.features, e.targets, p, config)["confusion"] for e, p in zip(examples, predictions, strict=True)
    ]
    return {"confusion": confusion_figure(np.sum(counts, axis=0))}


def confusion(truth: Array, predicted: Array) -> Array:
    """(7, 7) counts: row the true emotion, column the predicted one; both (T,), places in `EMOTIONS`."""
    return metrics.confusion(truth, predicted, len(EMOTIONS))


def scores_of(counts: Array) -> Scores:
    """accuracy; balanced_accuracy, the mean recall, and macro_f1 over the emotions that occur; recall of each."""
    each, occurs = metrics.by_confusion(counts), counts.sum(axis=1) > 0
    _, recall, f1 = metrics.macro(each, occurs)
    scores = {"accuracy": metrics.accuracy(counts), "balanced_accuracy": float(recall), "macro_f1": float(f1)}
    return scores | metrics.by_class(each[:, 1:2], ("recall",), EMOTIONS, occurs)


def confusion_figure(counts: Array) -> Any:
    """A Matplotlib figure: of the faces of each emotion, the share that was predicted to be each."""
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
