"""Viewers' ratings of a film's tags: mean opinion scores, and mean precision and recall against the tags they chose.

After the three experiments of Khan et al., "Movies Tags Extraction Using Deep Learning" (AVSS 2017), sections of 10
films and 10 viewers each. A film's tags are those of table `tags`, with their relevance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import UsageError
from cinelake.learning.metrics import harmonic_mean, mean_of_defined, precision_recall_f1, ratio
from cinelake.spec.model import Judged, Scores
from models.tags.config import Config
from models.tags.scores import film_precision

Relevance = Mapping[str, Mapping[str, float]]
"""Film → tag → relevance (0 … 1) of the tags that were found."""


def found_tags(tags: pa.Table) -> dict[str, dict[str, float]]:
    """Film → tag → relevance, of rows of table `tags`."""
    films: dict[str, dict[str, float]] = {}
    for row in tags.select(["movie_id", "tag", "relevance"]).to_pylist():
        films.setdefault(row["movie_id"], {})[row["tag"]] = row["relevance"]
    return films


def mean_opinion_score(ratings: pa.Table, best: float = 1.0) -> float:
    """Experiment 1: the mean of viewers' ratings as a share of the best rating (`best`), each rating counting once.

    ratings: columns movie_id, viewer, tag, rating. Raises `UsageError` when there is no rating.
    """
    return float(_values(ratings, best).mean())


def weighted_opinion_score(ratings: pa.Table, relevance: Relevance, best: float = 1.0) -> float:
    """Experiment 2: as `mean_opinion_score`, each rating weighted by the relevance that was predicted for its tag.

    Ratings of tags that were not found weigh nothing. Raises `UsageError` when no rated tag has any weight.
    """
    values = _values(ratings, best)
    rows = ratings.select(["movie_id", "tag"]).to_pylist()
    weights = np.array([relevance.get(row["movie_id"], {}).get(row["tag"], 0.0) for row in rows])
    if weights.sum() <= 0:
        raise UsageError("none of the rated tags was found in its film: the ratings are of other films or tags")
    return float((values * weights).sum() / weights.sum())


def _values(ratings: pa.Table, best: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    if not len(ratings):
        raise UsageError("there are no ratings")
    values = ratings["rating"].to_numpy().astype(np.float64) / best
    if values.min() < 0 or values.max() > 1:
        raise UsageError(
            f"a rating lies between 0 and {best:g}. Received: {values.min() * best:g}, {values.max() * best:g}"
        )
    return values


def chosen_tags(ratings: pa.Table, best: float = 1.0) -> dict[str, dict[str, set[str]]]:
    """Film → viewer → the tags they find relevant: those rated above half of the best rating."""
    chosen: dict[str, dict[str, set[str]]] = {}
    for row in ratings.select(["movie_id", "viewer", "tag", "rating"]).to_pylist():
        tags = chosen.setdefault(row["movie_id"], {}).setdefault(row["viewer"], set())
        if row["rating"] > best / 2:
            tags.add(row["tag"])
    return chosen


def precision_and_recall(
    found: Mapping[str, Iterable[str]], chosen: Mapping[str, Mapping[str, Set[str]]]
) -> dict[str, float]:
    """Experiment 3: film_precision, film_recall and film_f1.

    Precision and recall of a film's found tags against the tags that a viewer chose, averaged over all films and
    viewers (MAP and MAR of the paper, which are no average precision); film_f1 is their harmonic mean. A viewer who
    chose nothing has no recall; a film without tags has precision 0 for viewers who chose some, none for the others.
    """
    precisions, recalls = [], []
    for film, viewers in chosen.items():
        tags = set(found.get(film, ()))
        for wanted in viewers.values():
            precisions.append(film_precision(len(tags & wanted), len(tags), len(wanted)))
            recalls.append(ratio(len(tags & wanted), len(wanted), np.nan))
    mean_precision, mean_recall = mean_of_defined(precisions), mean_of_defined(recalls)
    return {
        "film_precision": mean_precision,
        "film_recall": mean_recall,
        "film_f1": harmonic_mean(mean_precision, mean_recall),
    }


def judge_ratings(ratings: pa.Table, tags: pa.Table, config: Config) -> Judged:
    """Viewers' ratings of the films' tags; see `judge_by_ratings`. Without a vocabulary: of all tags that are rated."""
    vocabulary = config.vocabulary or sorted(set(ratings["tag"].to_pylist()))
    return judge_by_ratings(ratings, tags, vocabulary, config.best_rating)


def judge_by_ratings(ratings: pa.Table, tags: pa.Table, vocabulary: Sequence[str], best: float = 1.0) -> Judged:
    """All three experiments at once: mos, mos_weighted, film_precision, film_recall, film_f1; per tag mos, precision
    and recall.

    ratings and tags (rows of table `tags`) are of the same films. The baseline predicts for every film the one tag that
    was found in most. Raises `UsageError` for ratings out of range.
    """
    found, chosen = found_tags(tags), chosen_tags(ratings, best)
    scores = {
        "mos": mean_opinion_score(ratings, best),
        "mos_weighted": weighted_opinion_score(ratings, found, best),
        **precision_and_recall(found, chosen),
        "viewers": float(len(set(ratings["viewer"].to_pylist()))),
        "ratings": float(len(ratings)),
    }
    everywhere = Counter(tag for tags_of_film in found.values() for tag in sorted(tags_of_film)).most_common(1)[0][0]
    trivial = precision_and_recall({film: [everywhere] for film in chosen}, chosen)
    return Judged(scores, trivial, _each(ratings, found, chosen, vocabulary, best))


def _each(
    ratings: pa.Table,
    found: Relevance,
    chosen: Mapping[str, Mapping[str, Set[str]]],
    vocabulary: Sequence[str],
    best: float,
) -> dict[str, Scores]:
    """Tag → its scores that are numbers; tags that nobody rated are left out."""
    rated = dict.fromkeys(tag for tag in vocabulary if tag in set(ratings["tag"].to_pylist()))
    pairs = per_tag(found, chosen, list(rated))
    each = {}
    for tag, (precision, recall) in pairs.items():
        own = ratings.filter(pc.equal(ratings["tag"], tag))
        values = {"mos": mean_opinion_score(own, best), "precision": precision, "recall": recall}
        each[tag] = {name: value for name, value in values.items() if not np.isnan(value)}
    return each


def per_tag(
    found: Mapping[str, Iterable[str]], chosen: Mapping[str, Mapping[str, Set[str]]], vocabulary: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Tag → precision and recall over (film, viewer) pairs; NaN where the tag was never found, or never chosen."""
    result = {}
    for tag in vocabulary:
        pairs = [(tag in set(found.get(f, ())), tag in wanted) for f, v in chosen.items() for wanted in v.values()]
        both, one, other = sum(a and b for a, b in pairs), sum(a for a, _ in pairs), sum(b for _, b in pairs)
        precision, recall, _ = precision_recall_f1(both, one, other, np.nan)
        result[tag] = (float(precision), float(recall))
    return result
