"""How well a model of characters does: accuracy per frame, F1 per character, and the error of screen time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.model import Judgement, Scores
from models.characters.labels import as_columns, cast_of

COUNTS = ("true", "predicted", "both")


def judge_film(targets: Arrays, prediction: Arrays, seconds: float) -> Judgement:
    """One film's counts over its labelled frames, each of which stands for `seconds`.

    cast (C,) names; true, predicted, both (C,): frames with that character by the labels, by the model, by both;
    right, frames (1,): frames in which exactly those who are there were found, and all.
    """
    known = targets["known"]
    said, found = targets["character"][known], prediction["character"][known]
    cast = cast_of(np.concatenate([said, found]))
    is_true, is_found = as_columns(said, cast) > 0, as_columns(found, cast) > 0
    return {
        "cast": np.array(cast, dtype=np.str_),
        "true": is_true.sum(axis=0),
        "predicted": is_found.sum(axis=0),
        "both": (is_true & is_found).sum(axis=0),
        "right": np.array([(is_true == is_found).all(axis=1).sum()]),
        "frames": np.array([len(said)]),
        "seconds": np.array([seconds]),
    }


def summarise_films(judgements: Sequence[Judgement]) -> Scores:
    """Scores over films.

    accuracy: share of frames in which exactly those who are there were found. f1: mean over characters.
    f1_NAME. screen_time_error_median, _worst: |predicted − true| / true over every character of every film;
    screen_time_error_NAME: the same of the character's sum over the films.
    """
    cast = sorted({str(name) for judgement in judgements for name in judgement["cast"]})
    totals = {name: np.zeros(3) for name in cast}
    errors = []
    for judgement in judgements:
        counts = np.stack([judgement[name] for name in COUNTS], axis=1)
        for name, row in zip(judgement["cast"], counts, strict=True):
            totals[str(name)] += row
            errors += [abs(row[1] - row[0]) / row[0]] if row[0] else []
    f1 = {name: _f1(totals[name]) for name in cast}
    return {
        "accuracy": _share(judgements),
        "f1": float(np.mean(list(f1.values()))) if f1 else 1.0,
        "screen_time_error_median": float(np.median(errors)) if errors else 0.0,
        "screen_time_error_worst": float(np.max(errors)) if errors else 0.0,
        **{f"f1_{name}": value for name, value in f1.items()},
        **{f"screen_time_error_{name}": _error(totals[name]) for name in cast if totals[name][0]},
    }


def _share(judgements: Sequence[Judgement]) -> float:
    frames = sum(int(judgement["frames"][0]) for judgement in judgements)
    return sum(int(judgement["right"][0]) for judgement in judgements) / max(1, frames)


def _f1(counts: Array) -> float:
    return float(2 * counts[2] / (counts[0] + counts[1])) if counts[0] + counts[1] else 1.0


def _error(counts: Array) -> float:
    return float(abs(counts[1] - counts[0]) / counts[0])
