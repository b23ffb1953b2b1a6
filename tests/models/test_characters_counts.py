"""How many characters are in a frame at once, worked by hand."""

import numpy as np
import pytest

from models.characters.counts import size_weights, sizes, weighted_by_size


def test_the_number_of_independent_characters():
    """.5 · .8 nobody, .5 · .8 + .5 · .2 one, .5 · .2 both."""
    assert sizes(np.array([[0.5, 0.2]]))[0] == pytest.approx([0.4, 0.5, 0.1])


def test_weights_of_1_change_nothing():
    p = np.array([[0.7, 0.2, 0.5]])
    assert weighted_by_size(p, np.ones(4)) == pytest.approx(p)


def test_a_third_character_is_unlikely_where_two_are_the_most():
    """Sets of {.9, .8, .6}: without the third .9 · .8 · .4 = .288; all three .432, which no longer counts."""
    found = weighted_by_size(np.array([[0.9, 0.8, 0.6]]), np.array([1, 1, 1, 0]))
    pairs = [0.9 * 0.8 * 0.4, 0.9 * 0.2 * 0.6, 0.1 * 0.8 * 0.6]
    fewer = [0.1 * 0.2 * 0.4, 0.9 * 0.2 * 0.4, 0.1 * 0.8 * 0.4, 0.1 * 0.2 * 0.6]
    assert found[0, 2] == pytest.approx((pairs[1] + pairs[2] + fewer[3]) / (sum(pairs) + sum(fewer)))


def test_weights_are_seen_against_expected():
    """Two characters, each in half of 95 + 5 frames, never together: 0 and 2 are expected in a quarter each."""
    present = np.array([[1, 0], [0, 1]] * 50)
    assert size_weights(present) == pytest.approx([5 / 105, (100 + 2.5) / 105 / 0.5, 5 / 105], abs=1e-4)


def test_no_size_is_impossible():
    assert (size_weights(np.eye(4)) > 0).all()
