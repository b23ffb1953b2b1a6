"""How well persons are told apart: by names where people gave some, else by what faces say of each other.

A film without names still says something (Cinbis et al. 2011, Unsupervised metric learning for face identification in
TV video): two faces of one picture are two persons, those that follow each other in a track are one, and whoever recurs
should be somebody. So of such films it is counted how many faces get a person at all (`recognised`); of the pairs who
are both somebody, how many of one picture are two persons (`apart`), and how many of one track are one (`together`).
Each face is asked by itself: that a track is one person, and nobody twice in a picture, is obeyed when tables are made,
and holds whoever is mixed up with whom. apart + together − 1 is how far people are told from each other: 0 for one
person everywhere, for another one each time, and for answers at random (as Youden's index, "Index for rating diagnostic
tests", 1950). Its harmonic mean with `recognised` is the F1 of the unnamed people; below 0 it is that F1 itself. With
no such pairs nothing contradicts that all are one person: there is no F1 then, since any answer would do.
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
from models.identities.features import track

UNNAMED = ("faces", "recognised", "pairs", "apart", "steps", "together")


def score_film(features: Arrays, targets: Arrays, prediction: Arrays, config: Config) -> FilmScores:
    """Counts over the faces with a name; of a film without names over all faces."""
    return face_counts(features["frame"], track(features, config.likeness), targets, prediction)


def face_counts(frame: Array, tracks: Array, targets: Arrays, prediction: Arrays) -> FilmScores:
    """One film's counts: those of `models.characters.scores.film_counts` over named faces,
    and `UNNAMED` over a film without.

    frame, tracks: (T,) the picture and the track of each face. A film's named faces stand for one second each.
    """
    named = targets["known"] & (targets["character"] != "")
    counts = film_counts({**targets, "known": named}, prediction, 1.0)
    alone = prediction.get("alone", prediction["character"])
    known, nothing = targets["known"], np.zeros(len(UNNAMED), np.int64)
    others = nothing if named.any() else _unnamed(frame[known], tracks[known], alone[known])
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


def _unnamed(frame: Array, tracks: Array, who: Array) -> Array:
    """Faces, those that are somebody; pairs of these in one picture, those that are two persons; pairs that follow each
    other in one track, those that are one person."""
    somebody = np.flatnonzero(who != "")
    picture, name = frame[somebody], who[somebody]
    beside = [
        one != other
        for rows in np.split(name, np.flatnonzero(np.diff(picture)) + 1)
        for place, one in enumerate(rows)
        for other in rows[:place]
    ]
    by_track = somebody[np.argsort(tracks[somebody], kind="stable")]
    goes_on = np.diff(tracks[by_track]) == 0
    same = (who[by_track][1:] == who[by_track][:-1])[goes_on]
    return np.array([len(who), len(somebody), len(beside), sum(beside), len(same), same.sum()])


def summarise_people(film_scores: Sequence[FilmScores]) -> Scores:
    """accuracy, f1_NAME of named faces; recognised, apart, together of films without; f1 the mean over people.

    f1_unnamed: see above, where a picture and a track have two faces; in `f1` it counts as one person. Without a named
    face and without these pairs `f1` is NaN: nothing is known of it.
    """
    named = summarise_films(film_scores)
    f1 = {name: value for name, value in named.items() if name.startswith("f1_")}
    scores = {"accuracy": named["accuracy"], **f1} if f1 else {}
    people = list(f1.values())
    faces, recognised, pairs, apart, steps, together = (int(n.item()) for n in totals(film_scores, UNNAMED))
    shares = {"recognised": (recognised, faces), "apart": (apart, pairs), "together": (together, steps)}
    scores |= {name: hits / of for name, (hits, of) in shares.items() if of}
    if pairs and steps:
        told = scores["apart"] + scores["together"] - 1
        scores["f1_unnamed"] = harmonic_mean(scores["recognised"], told) if told > 0 else told
        people.append(scores["f1_unnamed"])
    return {"f1": float(np.mean(people)) if people else math.nan, **scores}
