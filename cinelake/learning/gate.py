"""The gate: whether a candidate may become champion, by scores on films that neither has learned from.

Films are drawn with replacement many times (paired bootstrap; Efron & Tibshirani 1993, ch. 13): each time all
predictors are scored on the same films, so that what is hard for one film is hard for all. Draws of few films vary less
than few films do: their bounds would let one in eight worthless models pass by three films. An interval is therefore at
least as wide as Student's t makes it (the narrowness bias of Hesterberg, "What Teachers Should Know About the
Bootstrap", 2015, section 3.2); one in forty passes then, by any number of films.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cinelake.spec.arrays import Array
from cinelake.spec.model import FilmScores, Scores

ROUNDS = 1000
CONFIDENCE = 0.95
MIN_UNITS = 3
"""Draws of fewer films than this say nothing: there is no interval."""
MIN_EQUAL = 6
"""Where all films gain exactly as much, no interval has a width: all that is known is that each of them gains. By fewer
films a worthless model gains on all of them more often than once in forty times (sign test: 2⁻⁵ = .031)."""
Summarise = Callable[[Sequence[FilmScores]], Scores]


@dataclass(frozen=True)
class Interval:
    """A score on all films, and the bounds within which it is with a confidence of 95 %; NaN where they are unknown: of
    fewer than `MIN_UNITS` films, of a score that so few films define that more of the draws have none, and of one that
    is the same on fewer than `MIN_EQUAL` films."""

    mean: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there were enough films for bounds."""
        return not math.isnan(self.low)

    def __str__(self) -> str:
        if math.isnan(self.mean):
            return "undefined (no film here says)"
        if not self.is_known:
            return f"{self.mean:.3f} (too few films say: no interval)"
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @classmethod
    def from_json(cls, kept: Mapping[str, float | None]) -> Interval:
        """What `to_json` made; what is lacking is unknown."""
        values = (kept.get(name) for name in ("mean", "low", "high"))
        return cls(*(math.nan if value is None else float(value) for value in values))

    def to_json(self) -> dict[str, float | None]:
        """Mean, low and high; what is unknown is null."""
        low, high = (self.low, self.high) if self.is_known else (None, None)
        return {"mean": None if math.isnan(self.mean) else self.mean, "low": low, "high": high}


@dataclass(frozen=True)
class Verdict:
    """What the gate says. passes: against baseline and champion; moves: the champion is moved without a person.

    gain: candidate − baseline; over_champion: candidate − champion, if there is one.
    """

    passes: bool
    moves: bool
    why: str
    score: Interval
    gain: Interval
    over_champion: Interval | None = None


def draws(films: int, seed: int = 0, rounds: int = ROUNDS) -> Array:
    """Indices of films, (rounds, films)."""
    return np.random.default_rng(seed).integers(0, films, (rounds, films))


def bootstrap(
    film_scores: Sequence[FilmScores], summarise: Summarise, metric: str, seed: int = 0, *, least: float = 0.0
) -> Interval:
    """A score with its interval over films; below `least` and above 1 only as far as draws of films are."""
    if len(film_scores) < MIN_UNITS:
        return unbounded(summarise(film_scores)[metric])
    values = _scores(film_scores, summarise, metric, draws(len(film_scores), seed))
    found = _interval(summarise(film_scores)[metric], values, len(film_scores))
    found = without_claims(found, film_scores, summarise, metric)
    if not found.is_known:
        return found
    lowest, highest = min(least, np.nanmin(values)), max(1.0, np.nanmax(values))
    return Interval(found.mean, float(max(found.low, lowest)), float(min(found.high, highest)))


def compare(
    ours: Sequence[FilmScores], theirs: Sequence[FilmScores], summarise: Summarise, metric: str, seed: int = 0
) -> Interval:
    """Our score minus theirs, both on the same films in every draw."""
    if len(ours) < MIN_UNITS:
        return unbounded(summarise(ours)[metric] - summarise(theirs)[metric])
    chosen = draws(len(ours), seed)
    difference = _scores(ours, summarise, metric, chosen) - _scores(theirs, summarise, metric, chosen)
    return _interval(summarise(ours)[metric] - summarise(theirs)[metric], difference, len(ours))


def _scores(film_scores: Sequence[FilmScores], summarise: Summarise, metric: str, chosen: Array) -> Array:
    return np.array([summarise([film_scores[i] for i in row])[metric] for row in chosen])


def _saying(film_scores: Sequence[FilmScores], summarise: Summarise, metric: str) -> int:
    """How many films define the score by themselves."""
    return sum(not math.isnan(summarise([film])[metric]) for film in film_scores)


def _too_few_equal(found: Interval, film_scores: Sequence[FilmScores], summarise: Summarise, metric: str) -> bool:
    """Whether so few films are all the same that an interval without a width would claim more than they say."""
    is_point = math.isclose(found.low, found.high, abs_tol=1e-9)
    return is_point and _saying(film_scores, summarise, metric) < MIN_EQUAL


def without_claims(found: Interval, film_scores: Sequence[FilmScores], summarise: Summarise, metric: str) -> Interval:
    """The interval as it is shown: without bounds where fewer than `MIN_EQUAL` films say, all the same."""
    return unbounded(found.mean) if _too_few_equal(found, film_scores, summarise, metric) else found


def unbounded(mean: float) -> Interval:
    """A score without an interval."""
    return Interval(float(mean), math.nan, math.nan)


def _interval(mean: float, values: Array, films: int) -> Interval:
    from scipy.special import stdtrit

    defined = values[~np.isnan(values)]
    # Of many films one alone may define the score: all draws that hold it are the same, and would be a sure interval
    if math.isnan(mean) or len(defined) < CONFIDENCE * len(values):
        return unbounded(mean)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.percentile(defined, [100 * tail, 100 * (1 - tail)])
    half = float(stdtrit(films - 1, 1 - tail)) * float(np.std(defined)) * math.sqrt(films / (films - 1))
    return Interval(float(mean), min(float(low), mean - half), max(float(high), mean + half))


def decide(
    candidate: Sequence[FilmScores],
    baseline: Sequence[FilmScores],
    champion: Sequence[FilmScores] | None,
    summarise: Summarise,
    metric: str,
    *,
    epsilon: float,
    by_hand: str = "",
    blocked: Mapping[str, str] | None = None,
    least: float = 0.0,
) -> Verdict:
    """Judge a candidate on today's held-out films.

    Against the baseline the gain's lower bound must be above zero; against the champion the mean must be better and
    the lower bound above −epsilon. by_hand: why only a person may promote it, if so; so it is where fewer than
    `MIN_EQUAL` films say anything and all gain the same. blocked: target → why it is not
    among what is judged here. least: what the metric can be at least.
    """
    score = bootstrap(candidate, summarise, metric, least=least)
    gain = compare(candidate, baseline, summarise, metric)
    over = compare(candidate, champion, summarise, metric) if champion is not None else None
    passes, why = _pass(metric, score, gain, over, epsilon)
    if blocked:
        why = "; ".join([why, *(f"{target} is blocked: {reason}" for target, reason in blocked.items())])
    if _too_few_equal(gain, candidate, summarise, metric):
        says = _saying(candidate, summarise, metric)
        equal = f"the gain is the same on all {says} films that say, which tells little of others: a person decides"
        by_hand = "; ".join(filter(None, [by_hand, equal]))
    if passes and by_hand:
        why = f"{why}, but {by_hand}"
    return Verdict(passes, passes and not by_hand, why, score, gain, over)


def baseline_doubt(metric: str, score: Interval, gain: Interval) -> str:
    """Why a score is not surely better than the baseline's, in words; empty where it is. gain: score − baseline."""
    if not gain.is_known:
        needs = f"the gate needs {MIN_UNITS} held-out films that say"
        return f"{metric} {score}: {needs}; {gain.mean:+.3f} over the baseline"
    if not gain.low > 0:
        return f"{metric} {score} is not surely better than the baseline: {gain} more, the lower bound is not > 0"
    return ""


def _pass(metric: str, score: Interval, gain: Interval, over: Interval | None, epsilon: float) -> tuple[bool, str]:
    if math.isnan(gain.mean):
        silent = f"{metric} is undefined: no held-out film says anything of it (see its measure)"
        return False, f"{silent}; label others, or look at what it finds and promote it by hand"
    if doubt := baseline_doubt(metric, score, gain):
        return False, doubt
    if over is None:
        return True, f"{metric} {score} beats the baseline by {gain}, and no version was champion before"
    if not over.mean > 0:
        return False, f"{metric} {score} is not better than the champion's: {over} more"
    if not over.low > -epsilon:
        return False, f"{metric} {score} may be worse than the champion's: {over} more, below −{epsilon}"
    return True, f"{metric} {score} beats the baseline by {gain} and the champion by {over}"
