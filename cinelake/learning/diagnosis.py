"""Why a version scores as it does: its worst moments, what it takes for what, calibration, and score by film."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from cinelake.learning.calibration import calibration
from cinelake.learning.gate import bootstrap
from cinelake.learning.moments import worst
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Model

FORMAT = 1
"""Of the file that a training keeps: one of another format is not shown."""
ERRORS, CURVE, PAGE = "errors.json", "learning_curve.json", "errors.html"
"""Files beside a training's run: its errors, its score over the number of labels, and both as a page."""
WORST, WORST_OF_A_FILM = 24, 4
MOST_CLASSES = 16
"""Classes of a confusion matrix, those that occur most; the others are one."""
MOST_ROWS = 60
OTHERS = "all others"


def diagnosis(
    spec: Model,
    units: Sequence[Example],
    answers: Sequence[Answers],
    scores: Mapping[str, Sequence[FilmScores]],
    *,
    in_sample: bool = False,
) -> dict[str, Any]:
    """A version's errors on what it was scored on, as JSON-like values.

    units: films, or parts of them. answers: of each, or none. scores: predictor (`model` first, `baseline`) → each
    unit's scores. in_sample: the version has learned from these films.
    """
    movie_ids = [unit.movie_id for unit in units]
    told: dict[str, Any] = {
        "format": FORMAT,
        "metric": spec.metric,
        "in_sample": in_sample,
        "by_film": by_film(spec, movie_ids, scores),
        "overall": {
            who: bootstrap(own, spec.summarise, spec.metric, least=spec.least).to_json() for who, own in scores.items()
        },
    }
    if in_sample:  # no interval would say anything of other films
        told["overall"] = {who: {**bounds, "low": None, "high": None} for who, bounds in told["overall"].items()}
    if any(len(each) for each in answers):
        pairs = list(zip(movie_ids, answers, strict=True))
        reliable = calibration(answers)
        told |= {
            "kind": _kind(answers),
            "steps": sum(map(len, answers)),
            "moments": [asdict(moment) for moment in worst(pairs, WORST, WORST_OF_A_FILM)],
            "calibration": None
            if reliable is None
            else {**asdict(reliable), "ece": None if math.isnan(reliable.ece) else reliable.ece},
        }
        told |= {} if answers[0].is_line else confusions(answers)
    return told


def _kind(answers: Sequence[Answers]) -> str:
    return "line" if answers[0].is_line else "one" if answers[0].exclusive else "several"


def by_film(spec: Model, movie_ids: Sequence[str], scores: Mapping[str, Sequence[FilmScores]]) -> list[dict[str, Any]]:
    """Each film's score by each predictor, None where the film does not define it; the film that the first does worst
    on comes first, its parts as one."""
    rows: list[dict[str, Any]] = []
    for movie_id in dict.fromkeys(movie_ids):
        places = [place for place, other in enumerate(movie_ids) if other == movie_id]
        own = {who: float(spec.summarise([of[p] for p in places])[spec.metric]) for who, of in scores.items()}
        rows.append({"movie_id": movie_id, "scores": {who: None if math.isnan(v) else v for who, v in own.items()}})
    first = next(iter(scores))
    return sorted(rows, key=lambda row: (row["scores"][first] is None, row["scores"][first], row["movie_id"]))


def confusions(answers: Sequence[Answers]) -> dict[str, Any]:
    """What is taken for what: a matrix where one class holds at a time; and of each class, against all others, how
    often it was hit, missed, said wrongly and rightly not said, by how often it occurs."""
    classes = list(dict.fromkeys(name for each in answers for name in each.classes))
    truth = np.concatenate([_columns(each, each.truth, classes) for each in answers])
    said = np.concatenate([_columns(each, each.said, classes) for each in answers])
    counts = np.stack([(truth & said).sum(0), (truth & ~said).sum(0), (~truth & said).sum(0), (~truth & ~said).sum(0)])
    names = ("hit", "missed", "false", "right_not")
    order = np.argsort(-truth.sum(axis=0), kind="stable")
    rows = [
        {"class": classes[c], "support": int(truth[:, c].sum()), **dict(zip(names, counts[:, c].tolist(), strict=True))}
        for c in order
        if counts[:3, c].any()
    ]
    told: dict[str, Any] = {"classes": rows[:MOST_ROWS], "classes_left_out": max(0, len(rows) - MOST_ROWS)}
    if answers[0].exclusive:
        told["matrix"] = matrix(truth, said, classes, answers[0].none)
    return told


def _columns(answers: Answers, values: Array, classes: Sequence[str]) -> Array:
    """(T, classes) bool: the columns by name."""
    made = np.zeros((len(values), len(classes)), bool)
    for column, name in enumerate(answers.classes):
        made[:, classes.index(name)] = values[:, column]
    return made


def matrix(truth: Array, said: Array, classes: Sequence[str], none: str) -> dict[str, Any]:
    """The confusion matrix of (T, C) bool: row the true class, column the one that was said; in the order of support.

    Where no class holds it is `none`; of more than `MOST_CLASSES` the rarer ones are one class.
    """
    both = truth.sum(axis=0) + said.sum(axis=0)
    order = [c for c in np.argsort(-truth.sum(axis=0), kind="stable") if both[c]]
    kept, rest = order[:MOST_CLASSES], order[MOST_CLASSES:]
    names = [classes[c] for c in kept] + ([OTHERS] if rest else [])

    def numbers(holds: Array) -> Array:
        columns = [holds[:, c] for c in kept] + ([holds[:, rest].any(axis=1)] if rest else [])
        columns.append(~holds.any(axis=1))
        return np.asarray(np.stack(columns, axis=1).argmax(axis=1))

    size = len(names) + 1
    counts = np.bincount(numbers(truth) * size + numbers(said), minlength=size**2).reshape(size, size)
    if not (counts[-1].any() or counts[:, -1].any()):
        return {"classes": names, "counts": counts[:-1, :-1].tolist()}
    return {"classes": [*names, none], "counts": counts.tolist()}
