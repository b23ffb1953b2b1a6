"""Ways to cut a film, on probabilities that are worked by hand."""

import numpy as np

from benchmarks.scene_decision import Seen, by_lengths, likeliest, with_neighbours
from cinelake.spec.example import Example

PROBABILITY = np.array([0, 0.1, 0.9, 0.8, 0.1, 0.2, 0.7, 0.1])


def seen(mean_length: float) -> Seen:
    return Seen(Example("film", "film", {}, {}), PROBABILITY, {}, (np.log(mean_length), 0.2))


def test_the_likeliest_shots_begin_scenes_and_none_within_a_gap_of_another():
    assert np.flatnonzero(likeliest(PROBABILITY, 2)).tolist() == [2, 3]
    assert np.flatnonzero(likeliest(PROBABILITY, 2, gap=1)).tolist() == [2, 6]


def test_scenes_of_a_likely_length_are_preferred():
    assert np.flatnonzero(by_lengths(seen(4), 1)).tolist() == [3]
    assert np.flatnonzero(by_lengths(seen(2.5), 2)).tolist() == [3, 6]


def test_an_input_stands_beside_what_it_is_more_than_its_neighbours():
    assert with_neighbours(np.array([[1.0], [4.0], [1.0]])).tolist() == [[1, -1.5], [4, 3], [1, -1.5]]
