"""Where a film is cut once each shot has a probability: ways to decide how many scenes there are, and where.

  python -m benchmarks.scene_decision --real DIR      DIR/features/ovsd_shots.parquet, the three kinds of other_films

One logistic regression, as `scenes` has it; two kinds of films are learned from, the third is cut. All that a decision
needs (calibration, lengths of scenes) is learned by cross-fitting over the films that are learned from. F1 is over all
boundaries; differences to the decision of the model are a bootstrap over films (95 %).

    calibrated        as many as the calibrated probabilities add up to, which know how long the film's shots are
    no pace           the same, not knowing it
    best threshold    from the probability on that gives the best F1 where it was learned
    gap of G shots    as calibrated, no two boundaries within G shots
    lengths           as many as calibrated, placed by dynamic programming: likely boundaries and likely lengths of
                      scenes (log-normal over the shots of those learned from, beside a geometric one) together
    near W            as calibrated; a shot beside a boundary weighs W while learning
    beside neighbours as calibrated; inputs stand also less the mean of those of the shots before and after
    true number       as many as there are: what no decision of the number alone can better
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ovsd
from benchmarks.figures import Figure, Report, run, say
from benchmarks.other_films import kinds_of
from cinelake.learning.gate import compare
from cinelake.spec.arrays import Array
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores
from models.scenes.features import learn_inputs, network_inputs
from models.scenes.fitting import CALIBRATION_PARTS, LINEAR_C, calibration, step_weights
from models.scenes.predict import log_length, log_odds, scaled
from models.scenes.scores import score_film, summarise

GAPS, NEAR = (1, 2, 3), (0.3, 0.0)
MODEL = "calibrated"


@dataclass(frozen=True)
class Seen:
    """What is known of a film that is cut. probability (T,), 0 for the first; of the films that it was learned from the
    calibration, and the mean and deviation of the logs of their scenes' lengths in shots."""

    film: Example
    probability: Array
    facts: Mapping[str, float]
    lengths: tuple[float, float]

    def expected(self, *, paced: bool = True) -> int:
        """How many boundaries the calibrated probabilities add up to."""
        facts = self.facts if paced else {**self.facts, "pace": 0.0}
        return round(float(scaled(self.probability[1:], facts, log_length(self.film.features)).sum()))


def likeliest(probability: Array, count: int, gap: int = 0) -> Array:
    """(T,) bool: so many boundaries, the likeliest first, no two within `gap` shots."""
    chosen = np.zeros(len(probability), bool)
    for shot in 1 + np.argsort(-probability[1:], kind="stable"):
        if chosen.sum() >= count:
            break
        chosen[shot] = not chosen[max(0, shot - gap) : shot + gap + 1].any()
    return chosen


def by_lengths(seen: Seen, count: int) -> Array:
    """(T,) bool: the `count` boundaries for which log-odds and log-odds of the scenes' lengths add up to most."""
    mean, deviation = seen.lengths
    shots, logit = len(seen.probability), log_odds(seen.probability)
    n, rate = np.arange(1, shots + 1), min((count + 1) / shots, 0.999)
    usual = -np.log(n * deviation) - 0.5 * ((np.log(n) - mean) / deviation) ** 2 - 0.5 * np.log(2 * np.pi)
    prior = usual - (np.log(rate) + (n - 1) * np.log1p(-rate))
    begins, ends = np.arange(shots)[:, None], np.arange(1, shots + 1)
    of_scene = np.where(ends > begins, prior[np.clip(ends - begins - 1, 0, None)], -np.inf)
    best, before = of_scene[0], []  # of all ways to end a scene at each place
    for _ in range(count):
        begun = np.append(-np.inf, best[:-1] + logit[1:])[:, None] + of_scene
        before.append(begun.argmax(axis=0))
        best = begun.max(axis=0)
    chosen, end = np.zeros(shots, bool), shots
    for places in reversed(before):
        end = int(places[end - 1])
        chosen[end] = True
    return chosen


def fitted(films: Sequence[Example], inputs: Sequence[Array], near: float = 1.0) -> Any:
    """The logistic regression of `scenes`."""
    from sklearn.linear_model import LogisticRegression

    weights = np.concatenate(step_weights(films, 0.0, near))
    x, y = np.concatenate(list(inputs)), np.concatenate([film.targets["boundary"] for film in films])
    return LogisticRegression(C=LINEAR_C, max_iter=1000).fit(x[weights > 0], y[weights > 0], weights[weights > 0])


def with_neighbours(x: Array) -> Array:
    """(T, 2n): the inputs, and what they are more than those of the shots before and after on average."""
    around = np.pad(x, ((1, 1), (0, 0)), mode="edge")
    return np.hstack([x, x - (around[:-2] + around[2:]) / 2])


def look(films: Sequence[Example], kind: Sequence[int], near: float = 1.0, *, neighbours: bool = False) -> list[Seen]:
    """The films of a kind as one sees them who has learned from the others."""
    others = [film for place, film in enumerate(films) if place not in kind]
    learned = learn_inputs(others, ovsd.CONFIG, 0)
    made = with_neighbours if neighbours else np.asarray
    x = {film.movie_id: made(network_inputs(film.features, learned, ovsd.CONFIG)) for film in films}

    def said(by: Sequence[Example], of: Example) -> Array:
        told = fitted(by, [x[film.movie_id] for film in by], near).predict_proba(x[of.movie_id])[:, 1]
        return np.append(0.0, told[1:])

    judged = []
    for part in range(CALIBRATION_PARTS):
        left = others[part::CALIBRATION_PARTS]
        by = [film for film in others if film not in left]
        judged += [(film.targets["boundary"][1:], said(by, film)[1:], log_length(film.features)) for film in left]
    facts = calibration(judged)
    ends = [np.append(np.flatnonzero(film.targets["boundary"]), len(film)) for film in others]
    logs = np.log(np.concatenate([np.diff(of, prepend=0) for of in ends]))
    lengths = float(logs.mean()), float(logs.std())
    return [Seen(films[place], said(others, films[place]), facts, lengths) for place in kind]


DECISIONS: dict[str, Callable[[Seen], Array]] = {
    MODEL: lambda seen: likeliest(seen.probability, seen.expected()),
    "no pace": lambda seen: likeliest(seen.probability, seen.expected(paced=False)),
    "best threshold": lambda seen: seen.probability >= seen.facts["threshold"],
    **{f"gap of {gap} shots": lambda seen, gap=gap: likeliest(seen.probability, seen.expected(), gap) for gap in GAPS},
    "lengths": lambda seen: by_lengths(seen, seen.expected()),
    "true number": lambda seen: likeliest(seen.probability, int(seen.film.targets["boundary"].sum())),
}


def scores_of(looked: Sequence[Seen], decide: Callable[[Seen], Array]) -> list[FilmScores]:
    """Each film's scores, cut so."""
    return [
        score_film(seen.film.features, seen.film.targets, {"probability": decide(seen).astype(float)}, ovsd.CONFIG)
        for seen in sorted(looked, key=lambda seen: seen.film.movie_id)
    ]


def measure(given: argparse.Namespace) -> Report:
    """Every decision, over the films of all kinds."""
    films = ovsd.read_films(given.real / "features" / "ovsd_shots.parquet")
    kinds = kinds_of(films)
    looked = [seen for kind in kinds for seen in look(films, kind)]
    found = {name: scores_of(looked, decide) for name, decide in DECISIONS.items()}
    for near in NEAR:
        say(f"near {near}")
        found[f"near {near}"] = scores_of([s for kind in kinds for s in look(films, kind, near)], DECISIONS[MODEL])
    beside = [seen for kind in kinds for seen in look(films, kind, neighbours=True)]
    found["beside neighbours"] = scores_of(beside, DECISIONS[MODEL])
    figures = []
    for name, scores in found.items():
        figures.append(Figure(f"{name}: F1", [summarise(scores)["f1"]], at_least=0.48 if name == MODEL else None))
        if name != MODEL:
            more = compare(scores, found[MODEL], summarise, "f1")
            bounds = (("mean", more.mean), ("from", more.low), ("to", more.high))
            figures += [Figure(f"{name}, more than {MODEL}: {end}", [value]) for end, value in bounds]
    return Report("scene_decision", figures, [f"{len(films)} films in {len(kinds)} kinds"])


if __name__ == "__main__":
    real = {"type": Path, "required": True, "help": "the folder of real data"}
    raise SystemExit(run(__doc__ or "", measure, ("--real", real), repeat=1))
