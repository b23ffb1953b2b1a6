"""Whether probabilities mean what they say."""

import numpy as np
import pytest

from cinelake.learning.calibration import calibration, expected_error, reliability
from cinelake.spec.answers import Answers


def test_bins_hold_what_was_said_and_what_holds_and_the_error_weighs_them():
    """Two answers at 0.9 of which one holds, two at 0.1 of which none does: (2 · 0.4 + 2 · 0.1) / 4."""
    bins = reliability(np.array([0.9, 0.9, 0.1, 0.1]), np.array([1, 0, 0, 0]), 0, 1)
    assert [(b.count, b.mean, b.share) for b in bins] == [(2, pytest.approx(0.1), 0), (2, pytest.approx(0.9), 0.5)]
    assert expected_error(bins) == pytest.approx(0.25)


def test_one_is_in_the_last_bin():
    assert [b.low for b in reliability(np.array([1.0]), np.array([1]), 0, 1)] == [0.9]


def answers(score, truth, **about):
    truth = np.array(truth)
    return Answers(np.arange(len(truth)), ("a", "b"), truth, truth, np.array(score), **about)


def test_where_one_class_holds_the_likeliest_is_judged():
    made = calibration([answers([[0.8, 0.2], [0.3, 0.7]], [[True, False], [True, False]], exclusive=True)])
    assert sum(b.count for b in made.bins) == 2 and made.ece == pytest.approx((0.2 + 0.7) / 2)


def test_where_several_may_hold_every_class_is_judged():
    made = calibration([answers([[0.8, 0.2]], [[True, False]])])
    assert sum(b.count for b in made.bins) == 2 and made.ece == pytest.approx(0.2)


def test_probabilities_count_as_they_were_before_a_threshold_moved_them():
    made = calibration([answers([[0.9, 0.9]], [[True, False]], unmoved=np.array([[0.7, 0.3]]))])
    assert made.ece == pytest.approx(0.3)


def test_what_is_no_probability_is_not_calibrated():
    assert calibration([answers([[3.0, 0.2]], [[True, False]], is_probability=False)]) is None


def test_of_lines_the_mean_label_where_so_much_was_said():
    said, truth = np.array([[0.0], [1.0], [1.0]]), np.array([[0.1], [0.4], [np.nan]])
    made = calibration([Answers(np.arange(3.0), ("valence",), truth, said)])
    assert [(b.count, b.share) for b in made.bins] == [(1, 0.1), (1, 0.4)]
