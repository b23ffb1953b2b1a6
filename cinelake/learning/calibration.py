"""Whether probabilities mean what they say: reliability in bins, and the expected calibration error.

ECE = Σ_b n_b / n · |share_b − mean_b|, over bins b of equal width, of n_b answers each: mean_b is the mean of their
probabilities, share_b the share of them that holds (Guo et al., On Calibration of Modern Neural Networks, ICML 2017,
for the likeliest class of each step; for classes that may hold together every class of every step is an answer, as in
Niculescu-Mizil & Caruana, Predicting Good Probabilities with Supervised Learning, ICML 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Answers whose probability is from `low` to `high`: how many, their mean probability, the share that holds.

    Of lines: answers of one part of their range, the mean that was said, and the mean of the labels.
    """

    low: float
    high: float
    count: int
    mean: float
    share: float


@dataclass(frozen=True)
class Calibration:
    """Reliability by bins, those without answers left out. ece: the expected calibration error; NaN of lines."""

    bins: tuple[Bin, ...]
    ece: float


def calibration(films: Sequence[Answers]) -> Calibration | None:
    """The reliability of answers over films; None where they are no probabilities, or there is none.

    Of lines: what people said, on average, where the model said so much.
    """
    films = [answers for answers in films if len(answers)]
    if not films:
        return None
    if films[0].is_line:
        known = [np.isfinite(answers.truth) for answers in films]
        said, truth = (np.concatenate([getattr(a, side)[k] for a, k in zip(films, known, strict=True)])
                       for side in ("said", "truth"))  # fmt: skip
        low, high = (float(said.min()), float(said.max())) if len(said) else (0.0, 0.0)
        bins = reliability(said, truth, low, high) if high > low else ()
        return Calibration(bins, float("nan")) if bins else None
    if any(answers.score is None or not answers.is_probability for answers in films):
        return None
    pairs = [_confidence(answers) for answers in films]
    bins = reliability(np.concatenate([p for p, _ in pairs]), np.concatenate([h for _, h in pairs]), 0.0, 1.0)
    return Calibration(bins, expected_error(bins))


def _confidence(answers: Answers) -> tuple[Array, Array]:
    """Probabilities and whether they hold: of the likeliest class of each step, or of every class of every step."""
    score = np.asarray(answers.score if answers.unmoved is None else answers.unmoved, np.float64)
    if not answers.exclusive:
        return score.reshape(-1), answers.truth.reshape(-1)
    first = score.argmax(axis=1)
    rows = np.arange(len(score))
    return score[rows, first], answers.truth[rows, first]


def reliability(said: Array, truth: Array, low: float, high: float, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of equal width from `low` to `high` of (n,) numbers said, with the (n,) truth of each."""
    edges = np.linspace(low, high, bins + 1)
    places = np.clip(np.searchsorted(edges, said, side="right") - 1, 0, bins - 1)
    found = []
    for place in range(bins):
        here = places == place
        if here.any():
            mean, share = float(said[here].mean()), float(truth[here].mean())
            found.append(Bin(float(edges[place]), float(edges[place + 1]), int(here.sum()), mean, share))
    return tuple(found)


def expected_error(bins: Sequence[Bin]) -> float:
    """ECE of bins, see the formula above; 0 of none."""
    count = sum(each.count for each in bins)
    return sum(each.count * abs(each.share - each.mean) for each in bins) / count if count else 0.0
