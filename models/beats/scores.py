"""How good beats are: precision, recall and F of each category from a confusion matrix, and their means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from cinelake.lake.spill import joined
from cinelake.learning.metrics import accuracy, by_class, by_confusion, confusion, macro, one_hot, totals
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Scores
from models.beats.config import Config


def score_film(features: Arrays, targets: Arrays, prediction: Arrays, config: Config) -> FilmScores:
    """Confusion matrices over the known shots: after the window, of the shots alone, and of the linear SVM."""
    known = targets["known"]
    truth, count = targets["category"][known], len(config.categories)
    predicted = {
        "events": prediction["category"],
        "shots": prediction["probability"].argmax(axis=1),
        "svm": prediction["svm"],
    }
    counts = {name: confusion(truth, values[known], count) for name, values in predicted.items()}
    return {**counts, "categories": np.array(list(config.ordered))}


def summarise(film_scores: Sequence[FilmScores]) -> Scores:
    """See `summary`; shots_mean_f is without the sliding window, svm_mean_f that of the linear SVM."""
    names = [str(name) for name in film_scores[0]["categories"]]
    events, shots, svm = totals(film_scores, ("events", "shots", "svm"))
    beside = {f"{name}_mean_f": summary(c, names)["mean_f"] for name, c in (("shots", shots), ("svm", svm))}
    return summary(events, names) | beside


def support(film_scores: Sequence[FilmScores]) -> dict[str, float]:
    """Category → shots of it, of the categories that occur."""
    (events,) = totals(film_scores, ("events",))
    counts = zip(film_scores[0]["categories"], events.sum(axis=1), strict=True)
    return {str(category): float(count) for category, count in counts if count}


def summary(counts: Array, categories: Sequence[str]) -> Scores:
    """mean_precision, mean_recall and mean_f over categories that occur; accuracy; precision, recall and f of each of
    them, as f_CATEGORY."""
    each, occurs = by_confusion(counts), counts.sum(axis=1) > 0
    means = macro(each, occurs)
    scores = {
        "mean_f": float(means[2]),
        "mean_precision": float(means[0]),
        "mean_recall": float(means[1]),
        "accuracy": accuracy(counts),
        "categories_that_occur": float(occurs.sum()),
    }
    return scores | by_class(each, ("precision", "recall", "f"), categories, occurs)


def answers(
    features: Arrays, targets: Arrays, prediction: Arrays, config: Config, _facts: Mapping[str, Any]
) -> Answers:
    """The category of each known shot after the window, with the probabilities before it."""
    known, categories = targets["known"], tuple(config.ordered)
    truth, said = (one_hot(given[known], len(categories)) for given in (targets["category"], prediction["category"]))
    time_s, probability = features["time_s"][known], prediction["probability"][known]
    return Answers(time_s, categories, truth, said, probability, exclusive=True)


def baseline(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """Each shot's category is drawn, as often as in the training part: of all that know nothing of a shot the one with
    the best mean F, since whoever always says the most frequent has no other category at all."""
    counts = np.bincount(joined(examples, "category", of="targets"), minlength=len(config.categories))
    share = counts / counts.sum()

    def guess(features: Arrays) -> Arrays:
        rng = np.random.default_rng(crc32(np.ascontiguousarray(features["time_s"]).tobytes()))  # the film's own draw
        category = rng.choice(len(share), len(features["time_s"]), p=share)
        probability = np.tile(share, (len(category), 1))
        return {"probability": probability, "category": category, "svm": category}

    return guess


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """The confusion matrix of the held-out films, and the linear SVM's beside it."""
    film_scores = [score_film(e.features, e.targets, p, config) for e, p in zip(examples, predictions, strict=True)]
    names = list(config.ordered)
    titles = {"events": "Beats, held-out films", "svm": "Linear SVM on the same features"}
    return {
        f"confusion_{name}": confusion_figure(counts, names, title)
        for (name, title), counts in zip(titles.items(), totals(film_scores, list(titles)), strict=True)
    }


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
