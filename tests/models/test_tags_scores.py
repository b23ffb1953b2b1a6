"""Scores of tags, of viewers' ratings, and the way from shots to a film, on numbers worked by hand."""

import math

import numpy as np
import pyarrow as pa
import pytest

from cinelake.errors import UsageError
from models.tags.predict import relevance, tag_weights
from models.tags.ratings import (
    chosen_tags,
    found_tags,
    judge_by_ratings,
    mean_opinion_score,
    per_tag,
    precision_and_recall,
    weighted_opinion_score,
)
from models.tags.scores import counts_of, summary, tag_correlation, tag_f1

TRUTH = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0]], bool)
SAID = np.array([[1, 0, 0], [1, 0, 1], [1, 1, 0], [0, 0, 0]], bool)


def test_precision_recall_and_f1_of_each_tag():
    """Tag 0: two hits, one false, one missed. Tag 1: one hit, one missed. Tag 2 is never there."""
    assert tag_f1([counts_of(TRUTH, SAID)]) == pytest.approx(
        np.array([[2 / 3, 2 / 3, 2 / 3], [1, 0.5, 2 / 3], [0, 0, 0]])
    )


def test_the_macro_mean_is_over_tags_that_occur():
    found = summary([counts_of(TRUTH, SAID)], ["a", "b", "c"])
    assert found["macro_f1"] == pytest.approx(2 / 3)
    assert (found["tags_that_occur"], "f1_c" in found) == (2, False)


def test_precision_and_recall_of_films_are_means_over_films_of_their_tags():
    """Film one: said {0, 1, 2}, there {0, 1}: precision 2/3, recall 1. Film two: said {0}, there {0, 1}: 1 and 1/2."""
    two = counts_of(TRUTH, SAID & [True, False, False])
    found = summary([counts_of(TRUTH, SAID), two], ["a", "b", "c"])
    assert (found["film_precision"], found["film_recall"]) == pytest.approx((5 / 6, 3 / 4))
    assert found["film_f1"] == pytest.approx(2 * 5 / 6 * 3 / 4 / (5 / 6 + 3 / 4))


def test_saying_nothing_of_a_film_that_has_tags_is_no_precision_of_one():
    """Film one: said and there {0}: 1. Film two: there {0, 1}, nothing said: 0. Film three has nothing: not counted."""
    nothing = np.zeros_like(TRUTH)
    films = [counts_of(TRUTH & [1, 0, 0], TRUTH & [1, 0, 0]), counts_of(TRUTH, nothing), counts_of(nothing, nothing)]
    assert summary(films, ["a", "b", "c"])["film_precision"] == pytest.approx(0.5)


def test_scores_of_nothing_are_zero_and_no_error():
    assert summary([counts_of(np.zeros((2, 3), bool), np.zeros((2, 3), bool))], ["a", "b", "c"])["macro_f1"] == 0


def test_tags_that_go_together_correlate():
    found = tag_correlation(np.array([[1, 1, 0, 1], [1, 1, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1]]))
    assert found.tolist() == [[1, 1, -1, 0], [1, 1, -1, 0], [-1, -1, 1, 0], [0, 0, 0, 1]]


def test_a_films_weights_by_hand():
    """N = 4. Tag 0 on two: 2/4 × (0.9 + 0.7 + 0.1 + 0.3) = 1. Tag 1 on one: 1/4 × (0.8 + 0.2) = 0.25."""
    probabilities = np.array([[0.9, 0.0], [0.7, 0.2], [0.1, 0.8], [0.3, 0.0]])
    assert tag_weights(probabilities, probabilities >= 0.5) == pytest.approx([1.0, 0.25])


def test_relevance_lies_between_the_least_and_the_greatest_weight():
    assert relevance(np.array([1.0, 0.25, 0.4])) == pytest.approx([1, 0, 0.2])


def test_equal_weights_are_equally_relevant():
    assert relevance(np.array([0.3, 0.3])).tolist() == [1, 1]


def test_a_film_without_a_kept_shot_has_no_weights():
    assert tag_weights(np.zeros((0, 2)), np.zeros((0, 2), bool)).tolist() == [0, 0]


RATINGS = pa.Table.from_pylist(
    [
        {"movie_id": "one", "viewer": "ann", "tag": "war", "rating": 1.0},
        {"movie_id": "one", "viewer": "ann", "tag": "food", "rating": 0.0},
        {"movie_id": "one", "viewer": "bob", "tag": "war", "rating": 0.75},
        {"movie_id": "one", "viewer": "bob", "tag": "police", "rating": 1.0},
        {"movie_id": "two", "viewer": "ann", "tag": "war", "rating": 0.25},
    ]
)
TABLE = pa.table({"movie_id": ["one", "one", "two"], "tag": ["war", "food", "war"], "relevance": [1.0, 0.0, 0.5]})


def test_the_mean_opinion_score_is_the_mean_rating():
    assert mean_opinion_score(RATINGS) == pytest.approx(3.0 / 5)


def test_weighted_by_relevance_what_matters_counts():
    """(1 × 1.0 + 1 × 0.75 + 0.5 × 0.25) / (1 + 1 + 0.5); food weighs nothing, police was not found."""
    assert weighted_opinion_score(RATINGS, found_tags(TABLE)) == pytest.approx(1.875 / 2.5)


def test_mean_precision_and_recall_over_films_and_viewers():
    """One: ann chose {war}: 1/2 and 1; bob {war, police}: 1/2 and 1/2. Two: ann chose nothing: 0/1, no recall."""
    found = precision_and_recall(found_tags(TABLE), chosen_tags(RATINGS))
    assert (found["film_precision"], found["film_recall"]) == pytest.approx((1 / 3, 3 / 4))
    assert found["film_f1"] == pytest.approx(2 * (1 / 3) * 0.75 / (1 / 3 + 0.75))


def test_precision_and_recall_of_a_tag_over_viewers():
    found = per_tag(found_tags(TABLE), chosen_tags(RATINGS), ["war", "police"])
    assert found["war"] == pytest.approx((2 / 3, 1))
    assert math.isnan(found["police"][0]) and found["police"][1] == 0


def test_ratings_on_another_scale_are_refused():
    with pytest.raises(UsageError, match=r"between 0 and 0\.5"):
        mean_opinion_score(RATINGS, best=0.5)


def test_ratings_of_other_tags_are_refused():
    with pytest.raises(UsageError, match="other films or tags"):
        weighted_opinion_score(RATINGS, {})


def test_what_viewers_say_of_the_table_is_one_judgement_with_a_baseline_and_each_tag():
    """Who says war of both films is right for ann and bob of one, wrong for ann of two: 2/3."""
    found = judge_by_ratings(RATINGS, TABLE, ["war", "food", "police", "dance"])
    assert (found.scores["mos"], found.scores["mos_weighted"]) == pytest.approx((0.6, 0.75))
    assert found.baseline["film_precision"] == pytest.approx(2 / 3)
    assert found.by_class["war"] == pytest.approx({"mos": 2 / 3, "precision": 2 / 3, "recall": 1})
    assert list(found.by_class) == ["war", "food", "police"]
