"""The gate: better than nothing, and not worse than the champion, on the same films."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from cinelake.learning.gate import Verdict, bootstrap, compare, decide
from cinelake.learning.metrics import mean_of_defined
from cinelake.learning.versions import doubt_of
from cinelake.spec.model import FilmScores, Scores
from cinelake.tracking.registry import Version

GOOD, FAIR, POOR = ([0.9, 0.8, 0.85, 0.9, 0.95, 0.8], [0.6, 0.7, 0.65, 0.6, 0.7, 0.6], [0.1, 0.2, 0.1, 0.0, 0.2, 0.1])


def films(scores: Sequence[float]) -> list[FilmScores]:
    """The scores of one film each."""
    return [{"score": np.array(score)} for score in scores]


def mean(film_scores: Sequence[FilmScores]) -> Scores:
    """The mean of the films' scores."""
    return {"score": float(np.mean([scores["score"] for scores in film_scores]))}


def gate(
    candidate: Sequence[float], baseline: Sequence[float], champion: Sequence[float] | None = None, **rest: Any
) -> Verdict:
    """The verdict on films' scores."""
    film_scores = films(champion) if champion is not None else None
    return decide(films(candidate), films(baseline), film_scores, mean, "score", **{"epsilon": 0.01, **rest})


def of_some(film_scores: Sequence[FilmScores]) -> Scores:
    """The mean of the films that define the score."""
    return {"score": mean_of_defined([scores["score"] for scores in film_scores])}


def test_draws_of_films_without_the_score_are_left_out():
    found = bootstrap(films([0.5] * 6 + [math.nan]), of_some, "score")
    assert (found.mean, found.low, found.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("others", [3, 40])
def test_one_film_that_alone_defines_the_score_is_no_evidence(others):
    candidate, baseline = ([film, *[math.nan] * others] for film in (0.9, 0.1))
    verdict = decide(films(candidate), films(baseline), None, of_some, "score", epsilon=0.01)
    assert not verdict.passes and "needs 3 held-out films that say; +0.800 over the baseline" in verdict.why


def test_a_score_that_no_film_defines_passes_no_gate_and_says_so():
    nothing = films([math.nan] * 4)
    verdict = decide(nothing, nothing, None, of_some, "score", epsilon=0.01)
    assert not verdict.passes and "undefined" in verdict.why
    assert verdict.score.to_json() == {"mean": None, "low": None, "high": None}


@pytest.mark.parametrize(("count", "moves"), [(5, False), (6, True)])
def test_a_gain_that_is_the_same_on_few_films_is_for_a_person_to_judge(count, moves):
    verdict = gate([0.9] * count, [0.4] * count)
    assert verdict.passes and verdict.moves == moves
    assert ("a person decides" in verdict.why) != moves


@pytest.mark.parametrize(("say", "moves"), [(5, False), (6, True)])
def test_films_that_say_nothing_are_none_of_those_that_gain_the_same(say, moves):
    candidate, baseline = (films([score] * say + [math.nan] * 3) for score in (0.9, 0.4))
    verdict = decide(candidate, baseline, None, of_some, "score", epsilon=0.01)
    assert verdict.passes and verdict.moves == moves


@pytest.mark.parametrize("count", [3, 4, 5])
def test_a_score_that_is_the_same_on_few_films_has_no_interval(count):
    found = bootstrap(films([0.5] * count), mean, "score")
    assert str(found) == "0.500 (too few films say: no interval)"


def test_an_interval_of_equal_films_is_a_point():
    found = bootstrap(films([0.5] * 6), mean, "score")
    assert (found.mean, found.low, found.high) == (0.5, 0.5, 0.5)


def test_an_interval_of_a_mean_is_about_two_standard_errors_wide():
    scores = np.random.default_rng(1).normal(0.5, 0.1, 100)
    found = bootstrap(films(scores.tolist()), mean, "score")
    assert found.high - found.low == pytest.approx(4 * 0.1 / 10, rel=0.2)


def test_three_films_let_hardly_a_worthless_model_pass():
    luck = np.random.default_rng(3).normal(size=(60, 3))
    gains = [compare(films(own), films([0.0] * 3), mean, "score") for own in luck.tolist()]
    assert sum(gain.low > 0 for gain in gains) <= 3


def test_bounds_of_a_score_stay_where_scores_can_be():
    found = bootstrap(films([0.99, 0.5, 0.02]), mean, "score")
    assert (found.low, found.high) == (0.0, 1.0)


def test_a_correlation_of_few_films_may_be_below_nothing():
    assert bootstrap(films([0.1, 0.2, 0.6]), mean, "score", least=-1.0).low == pytest.approx(-0.35, abs=0.05)


def test_a_difference_is_drawn_on_the_same_films_for_both():
    hard_and_easy = [0.1, 0.9, 0.2, 0.8]
    found = compare(films([score + 0.05 for score in hard_and_easy]), films(hard_and_easy), mean, "score")
    assert (found.low, found.high) == pytest.approx((0.05, 0.05))


def test_without_a_champion_beating_the_baseline_is_enough():
    verdict = gate(GOOD, POOR)
    assert verdict.moves and "no version was champion before" in verdict.why


def test_a_candidate_that_is_as_good_as_nothing_stays_out():
    verdict = gate([0.1, 0.5, 0.0, 0.1], [0.2, 0.1, 0.1, 0.2])
    assert not verdict.passes and "baseline" in verdict.why


def test_a_candidate_below_the_champion_stays_out_and_the_difference_is_said():
    verdict = gate(FAIR, POOR, GOOD)
    assert not verdict.passes and "not better than the champion's: -0.225" in verdict.why


def test_a_better_mean_with_an_uncertain_difference_stays_out():
    verdict = gate([0.9, 0.3, 0.9, 0.3, 0.9, 0.6], POOR, FAIR)
    assert verdict.over_champion.mean > 0 and not verdict.passes and "may be worse" in verdict.why


def test_epsilon_is_how_much_worse_the_lower_bound_may_be():
    assert gate([0.9, 0.3, 0.9, 0.3, 0.9, 0.6], POOR, FAIR, epsilon=0.5).passes


def test_what_passes_still_waits_where_a_person_decides():
    verdict = gate(GOOD, POOR, by_hand="a person decides")
    assert verdict.passes and not verdict.moves and "a person decides" in verdict.why


def test_two_films_give_no_interval_and_the_gate_stays_shut():
    verdict = gate([0.9, 0.9], [0.1, 0.1])
    assert verdict.score.to_json() == {"mean": 0.9, "low": None, "high": None}
    assert not verdict.passes and "no interval" in verdict.why


def test_a_version_is_called_not_surely_better_in_the_words_of_the_gate() -> None:
    theirs, noise = np.random.default_rng(11).uniform(0.3, 0.6, (2, 8))
    ours = theirs + noise - noise.mean() + 0.01
    verdict, scores = gate(ours.tolist(), theirs.tolist()), {"score": float(ours.mean())}
    assert verdict.gain.mean > 0 > verdict.gain.low
    kept = {"interval": {"score": [verdict.score.low, verdict.score.high]}, "gain": verdict.gain.to_json()}
    rest = {"promote_by_hand": False, "baseline": {"score": float(theirs.mean())}, "scores": scores}
    version = Version("m", 1, "", "", "", "m", metric="score", **rest, **kept)
    assert doubt_of(version) == verdict.why
