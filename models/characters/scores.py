"""How well a model of characters does: accuracy per frame, F1 per character, and the error of screen time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cinelake.learning.metrics import precision_recall_f1, ratio, totals
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.model import FilmScores, Scores
from models.characters.config import Config
from models.characters.labels import as_columns, cast_of, sampling_step_s

COUNTS = ("true", "predicted", "both")


def score_film(features: Arrays, targets: Arrays, prediction: Arrays, _config: Config) -> FilmScores:
    """The film's counts over its labelled frames; each stands for the median time between labels."""
    step_s = sampling_step_s(features["time_s"][targets["known"]])
    return film_counts(targets, prediction, step_s)


def film_counts(targets: Arrays, prediction: Arrays, seconds: float) -> FilmScores:
    """One film's counts over its labelled frames, each of which stands for `seconds`.

    cast (C,) names; true, predicted, both (C,): frames with that character by the labels, by the model, by both;
    right, frames (1,): frames in which exactly those who are there are predicted, and all.
    """
    known = targets["known"]
    labelled, predicted = targets["character"][known], prediction["character"][known]
    cast = cast_of(np.concatenate([labelled, predicted]))
    is_true, is_predicted = as_columns(labelled, cast) > 0, as_columns(predicted, cast) > 0
    return {
        "cast": np.array(cast, dtype=np.str_),
        "true": is_true.sum(axis=0),
        "predicted": is_predicted.sum(axis=0),
        "both": (is_true & is_predicted).sum(axis=0),
        "right": np.array([(is_true == is_predicted).all(axis=1).sum()]),
        "frames": np.array([len(labelled)]),
        "seconds": np.array([seconds]),
    }


def answers(
    features: Arrays, targets: Arrays, prediction: Arrays, _config: Config, facts: Mapping[str, Any]
) -> Answers:
    """Who is in each labelled frame, with the probabilities of those whom the model has learned."""
    known, learned = targets["known"], list(facts.get("characters", ()))
    labelled, predicted = targets["character"][known], prediction["character"][known]
    cast = sorted({*learned, *cast_of(np.concatenate([labelled, predicted]))})
    truth, said = as_columns(labelled, cast) > 0, as_columns(predicted, cast) > 0
    columns, probabilities = [cast.index(name) for name in learned], dict[str, Array]()
    for name in ("probability", "unmoved") if learned else ():
        if name in prediction:
            probabilities[name] = np.zeros(truth.shape)
            probabilities[name][:, columns] = prediction[name][known]
    probability, unmoved = (probabilities.get(name) for name in ("probability", "unmoved"))
    return Answers(features["time_s"][known], tuple(cast), truth, said, probability, unmoved=unmoved, none="nobody")


def summarise_films(film_scores: Sequence[FilmScores]) -> Scores:
    """Scores over films.

    accuracy: share of frames in which exactly those who are there are predicted. f1: mean over characters.
    f1_NAME. screen_time_error_median, _worst: |predicted − true| / true over every character of every film;
    screen_time_error_NAME: the same of the character's sum over the films.
    """
    cast = sorted({str(name) for scores in film_scores for name in scores["cast"]})
    sums = {name: np.zeros(3) for name in cast}
    errors = []
    for scores in film_scores:
        counts = np.stack([scores[name] for name in COUNTS], axis=1)
        for name, row in zip(scores["cast"], counts, strict=True):
            sums[str(name)] += row
            errors += [abs(row[1] - row[0]) / row[0]] if row[0] else []
    true, predicted, both = np.array([sums[name] for name in cast]).reshape(-1, 3).T
    # who is neither labelled nor predicted is recognised wholly: 1
    f1 = precision_recall_f1(both, predicted, true, zero_division=1.0)[:, 2]
    error = ratio(np.abs(predicted - true), true)
    right, frames = totals(film_scores, ("right", "frames"))
    return {
        "accuracy": float(ratio(right, frames).item()),
        "f1": float(f1.mean()) if cast else 1.0,
        "screen_time_error_median": float(np.median(errors)) if errors else 0.0,
        "screen_time_error_worst": float(np.max(errors)) if errors else 0.0,
        **{f"f1_{name}": float(value) for name, value in zip(cast, f1, strict=True)},
        **{f"screen_time_error_{name}": float(error[i]) for i, name in enumerate(cast) if true[i]},
    }


def support(film_scores: Sequence[FilmScores]) -> dict[str, float]:
    """Character → labelled frames with it, by name."""
    counts: dict[str, float] = {}
    for scores in film_scores:
        for name, frames in zip(scores["cast"], scores["true"], strict=True):
            counts[str(name)] = counts.get(str(name), 0.0) + float(frames)
    return dict(sorted(counts.items()))
