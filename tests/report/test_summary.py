"""The summary: facility location on numbers worked by hand."""

import numpy as np
import pytest

from report.summary import keyframe_count, summary_rows

RIGHT, UP, LEFT = [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]


def test_the_first_keyframe_is_the_one_that_is_most_like_all_others():
    # (1 + cos) / 2 between right, up, left: 0.5 to a neighbour, 0 to the opposite. Alone, right and left cover
    # 1 + 0.5 + 0 = 1.5, up covers 0.5 + 1 + 0.5 = 2.
    assert [told.row for told in summary_rows([RIGHT, UP, LEFT], [1, 1, 1], 1)] == [1]


def test_length_weighs():
    # With ten seconds of right: right covers 10 + 0.5, up covers 5 + 1 + 0.5, left covers 0.5 + 1.
    assert [told.row for told in summary_rows([RIGHT, UP, LEFT], [10, 1, 1], 1)] == [0]


def test_each_keyframe_stands_for_the_share_that_is_nearest_to_it():
    found = summary_rows([RIGHT, RIGHT, LEFT], [3, 1, 6], 2)
    # Left covers 6, right 4: left is chosen first, then the first of the two that are right.
    assert [(told.row, told.share) for told in found] == [(0, pytest.approx(0.4)), (2, pytest.approx(0.6))]


def test_equal_pictures_are_told_once():
    assert len(summary_rows([RIGHT] * 6, [1] * 6, 4)) == 1


def test_the_scale_of_an_embedding_does_not_matter():
    rows = np.random.default_rng(1).normal(size=(20, 5))
    scaled = rows * np.arange(1, 21)[:, None]
    assert [t.row for t in summary_rows(rows, [1] * 20, 5)] == [t.row for t in summary_rows(scaled, [1] * 20, 5)]


def test_the_greedy_choice_is_near_the_best_of_all_pairs():
    rows = np.random.default_rng(2).normal(size=(9, 3))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    similar = (1 + unit @ unit.T) / 2
    best = max(similar[:, [a, b]].max(axis=1).sum() for a in range(9) for b in range(9))
    chosen = [told.row for told in summary_rows(rows, [1] * 9, 2)]
    assert similar[:, chosen].max(axis=1).sum() >= (1 - 1 / np.e) * best


@pytest.mark.parametrize(("seconds", "shots", "count"), [(51, 18, 4), (51, 3, 3), (320, 90, 8), (7200, 1500, 12)])
def test_how_many_keyframes_a_film_gets(seconds, shots, count):
    assert keyframe_count(seconds, shots) == count
