"""How good tags are: per tag and macro over shots, mean precision and recall over films, and how tags go together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cinelake.lake.spill import joined
from cinelake.learning.metrics import (
    by_class,
    harmonic_mean,
    macro,
    mean_of_defined,
    precision_recall_f1,
    ratio,
    totals,
)
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Scores
from models.tags.config import Config


def score_film(features: Arrays, targets: Arrays, prediction: Arrays, config: Config) -> FilmScores:
    """Hits, false ones and misses per tag over the known shots, and the film's precision and recall."""
    known = targets["known"]
    scores = counts_of(targets["tags"][known] > 0, prediction["probability"][known] >= config.threshold)
    return {**scores, "vocabulary": np.array(config.vocabulary)}


def counts_of(truth: Array, carried: Array) -> FilmScores:
    """One film's hits, false ones and misses, each (tags,), and precision and recall of the film's tags.

    After Khan et al., "Movies Tags Extraction Using Deep Learning" (AVSS 2017).
    truth, carried: (T, tags) bool. A film's tags are those of any of its shots; see `film_precision`. Recall of a film
    without a tag is NaN, and does not count.
    """
    film_truth, film_carried = truth.any(axis=0), carried.any(axis=0)
    both = (film_truth & film_carried).sum()
    return {
        "hits": (truth & carried).sum(axis=0),
        "false": (~truth & carried).sum(axis=0),
        "misses": (truth & ~carried).sum(axis=0),
        "film": np.array(
            [film_precision(both, film_carried.sum(), film_truth.sum()), ratio(both, film_truth.sum(), np.nan)]
        ),
    }


def film_precision(hits: float, predicted: float, actual: float) -> float:
    """hits / predicted, counts of one film's tags; NaN where it has no tag and none is predicted.

    Where it has tags and none is predicted 0: silence is no hit. scikit-learn's `zero_division` cannot tell the two.
    """
    return 0.0 if actual and not predicted else float(ratio(hits, predicted, np.nan))


def summarise(film_scores: Sequence[FilmScores]) -> Scores:
    """See `summary`."""
    return summary(film_scores, [str(tag) for tag in film_scores[0]["vocabulary"]])


def summary(film_scores: Sequence[FilmScores], vocabulary: Sequence[str]) -> Scores:
    """macro_f1, macro_precision and macro_recall over tags that occur; micro_f1; film_precision, film_recall, film_f1;
    precision, recall and f1 of each tag that occurs, as `f1_TAG`.

    film_precision and film_recall are means over films of the precision and the recall of the film's tags: MAP and MAR
    of Khan et al., which are no average precision. Precision alone is easily high: one sure tag for every film has 1,
    and a recall near 0. Read both, or film_f1, their harmonic mean. Tags that no shot has are not averaged in, though a
    tag that is predicted and never there costs micro_f1 and film_precision.
    """
    hits, predicted, actual = _counts(film_scores)
    each, occurs = precision_recall_f1(hits, predicted, actual), actual > 0
    means = macro(each, occurs)
    films = np.array([j["film"] for j in film_scores])
    mean_precision, mean_recall = (mean_of_defined(films[:, side]) for side in (0, 1))
    scores = {
        "macro_f1": float(means[2]),
        "macro_precision": float(means[0]),
        "macro_recall": float(means[1]),
        "micro_f1": float(precision_recall_f1(hits.sum(), predicted.sum(), actual.sum())[2]),
        "film_precision": mean_precision,
        "film_recall": mean_recall,
        "film_f1": harmonic_mean(mean_precision, mean_recall),
        "tags_that_occur": float(occurs.sum()),
    }
    return scores | by_class(each, ("precision", "recall", "f1"), vocabulary, occurs)


def support(film_scores: Sequence[FilmScores]) -> dict[str, float]:
    """Tag → shots that have it, of the tags that occur."""
    names, counts = film_scores[0]["vocabulary"], _counts(film_scores)[2]
    return {str(tag): float(count) for tag, count in zip(names, counts, strict=True) if count}


def answers(
    features: Arrays, targets: Arrays, prediction: Arrays, config: Config, _facts: Mapping[str, Any]
) -> Answers:
    """The tags of each known shot."""
    known = targets["known"]
    truth, probability = targets["tags"][known] > 0, prediction["probability"][known]
    said, unmoved = probability >= config.threshold, prediction.get("unmoved", prediction["probability"])[known]
    time_s, vocabulary = features["time_s"][known], tuple(config.vocabulary)
    return Answers(time_s, vocabulary, truth, said, probability, unmoved=unmoved, none="no tag")


def tag_f1(film_scores: Sequence[FilmScores]) -> Array:
    """(tags, 3) precision, recall and F1 of each tag over all shots; 0 where they are undefined."""
    return precision_recall_f1(*_counts(film_scores))


def _counts(film_scores: Sequence[FilmScores]) -> tuple[Array, Array, Array]:
    """(tags,) hits, predicted and actual shots of each tag over all films."""
    hits, wrong, missed = totals(film_scores, ("hits", "false", "misses"))
    return hits, hits + wrong, hits + missed


def baseline(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """Every tag that was learned from, on all shots: the constant prediction with the best macro-F1."""
    always = joined(examples, "tags", of="targets").any(axis=0).astype(np.float32)

    def guess(features: Arrays) -> Arrays:
        return {"probability": np.tile(always, (len(features["time_s"]), 1))}

    return guess


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """F1 per tag, and the correlation between tags as labelled and as predicted."""
    film_scores = [score_film(e.features, e.targets, p, config) for e, p in zip(examples, predictions, strict=True)]
    known = [e.targets["known"] for e in examples]
    labelled = np.concatenate([e.targets["tags"][k] for e, k in zip(examples, known, strict=True)])
    probability = np.concatenate([p["probability"][k] for p, k in zip(predictions, known, strict=True)])
    return {
        "f1_per_tag": f1_figure(film_scores, config.vocabulary),
        "correlation_labelled": correlation_figure(labelled, config.vocabulary),
        "correlation_predicted": correlation_figure(probability >= config.threshold, config.vocabulary),
    }


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
    correlation = tag_correlation(np.asarray(carried)[:, used])
    apart = np.clip(1 - correlation, 0, None)
    np.fill_diagonal(apart, 0)
    order = leaves_list(linkage(squareform(apart, checks=False), "average")) if len(used) > 2 else np.arange(len(used))
    names = [vocabulary[used[i]] for i in order]
    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.add_subplot(title="Correlation between tags over shots")
    picture = axes.imshow(correlation[np.ix_(order, order)], vmin=-1, vmax=1, cmap="RdBu_r")
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    figure.colorbar(picture)
    return figure


def f1_figure(film_scores: Sequence[FilmScores], vocabulary: Sequence[str]) -> Any:
    """A Matplotlib figure of F1 per tag that occurs, from best to worst."""
    from matplotlib.figure import Figure

    each = tag_f1(film_scores)[:, 2]
    occurs = np.flatnonzero(_counts(film_scores)[2])
    order = occurs[np.argsort(each[occurs])]
    figure = Figure(figsize=(7, 1.5 + 0.22 * len(order)), layout="constrained")
    axes = figure.add_subplot(title="F1 per tag, held-out films", xlim=(0, 1))
    axes.barh([vocabulary[i] for i in order], each[order])
    return figure
