"""How well persons are told apart: by names where people gave some, else by what faces say of each other.

A film without names still says something (Cinbis et al. 2011, Unsupervised metric learning for face identification in
TV video): two faces of one picture are two persons, and whoever recurs should be somebody. So of such films it is
counted how many faces get a person at all (`recognised`), and how many pairs of faces in one picture get two (`apart`),
each face by itself: that nobody is twice in a picture is obeyed when tables are made, and holds whoever is mixed up
with whom. Their harmonic mean is the F1 of the unnamed people. With no two faces in any picture nothing contradicts
that all are one person: there is no F1 then, since any answer would do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cinelake.learning.metrics import harmonic_mean, totals
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.model import FilmScores, Scores
from models.characters.labels import as_columns, cast_of
from models.characters.scores import film_counts, summarise_films
from models.identities.config import Config

UNNAMED = ("faces", "recognised", "pairs", "apart")


def score_film(features: Arrays, targets: Arrays, prediction: Arrays, _config: Config) -> FilmScores:
    """Counts over the faces with a name; of a film without names over all faces."""
    return face_counts(features["frame"], targets, prediction)


def face_counts(frame: Array, targets: Arrays, prediction: Arrays) -> FilmScores:
    """One film's counts: those of `models.characters.scores.film_counts` over named faces,
    and `UNNAMED` over a film without.

    frame: (T,) the picture of each face. A film's named faces stand for one second each.
    """
    named = targets["known"] & (targets["character"] != "")
    counts = film_counts({**targets, "known": named}, prediction, 1.0)
    alone = prediction.get("alone", prediction["character"])
    others = np.zeros(4, np.int64) if named.any() else _unnamed(frame, targets["known"], alone)
    return {**counts, **{name: others[i : i + 1] for i, name in enumerate(UNNAMED)}}


def answers(
    features: Arrays, targets: Arrays, prediction: Arrays, _config: Config, _facts: Mapping[str, Any]
) -> Answers:
    """Which person each named face is; of films without names nothing is said. What is likeness is no probability."""
    named = targets["known"] & (targets["character"] != "")
    labelled, predicted = targets["character"][named], prediction["character"][named]
    cast = cast_of(np.concatenate([labelled, predicted]))
    truth, said = as_columns(labelled, cast) > 0, as_columns(predicted, cast) > 0
    return Answers(features["time_s"][named], tuple(cast), truth, said, exclusive=True, none="a stranger")


def _unnamed(frame: Array, known: Array, who: Array) -> Array:
    frame, who = frame[known], who[known]
    pairs = apart = 0
    for rows in np.split(np.arange(len(frame)), np.flatnonzero(np.diff(frame)) + 1):
        somebody = [str(who[row]) for row in rows]
        pairs += len(rows) * (len(rows) - 1) // 2
        apart += sum(1 for i, one in enumerate(somebody) for other in somebody[:i] if one and other and one != other)
    return np.array([len(who), (who != "").sum(), pairs, apart])


def summarise_people(film_scores: Sequence[FilmScores]) -> Scores:
    """accuracy, f1_NAME of named faces; recognised, apart of films without names; f1 the mean over people.

    f1_unnamed: harmonic mean of recognised and apart, where a picture has two faces; in `f1` it counts as one person.
    Without a named face, and without two faces in a picture, `f1` is NaN: nothing is known of it.
    """
    named = summarise_films(film_scores)
    f1 = {name: value for name, value in named.items() if name.startswith("f1_")}
    scores = {"accuracy": named["accuracy"], **f1} if f1 else {}
    people = list(f1.values())
    faces, recognised, pairs, apart = (int(count.item()) for count in totals(film_scores, UNNAMED))
    if faces:
        scores["recognised"] = recognised / faces
    if pairs:
        scores["apart"] = apart / pairs
        scores["f1_unnamed"] = harmonic_mean(scores["recognised"], scores["apart"])
        people.append(scores["f1_unnamed"])
    return {"f1": float(np.mean(people)) if people else math.nan, **scores}
