"""What acting on the memory is worth, on numbers worked by hand."""

import numpy as np
import pytest

from models.affect.agent import moved_towards, one_step_target, renormalised
from models.affect.films import line_ahead
from models.affect.network import reward


def test_the_reward_is_the_negative_mean_error_of_what_is_known() -> None:
    said, line = np.array([[0.5, -1.0], [0.2, 0.0]]), np.array([[0.0, 0.0], [0.0, 0.0]])
    assert reward(said, line, np.array([[1.0, 1.0], [1.0, 0.0]])) == pytest.approx([-0.75, -0.1])


def test_nothing_known_is_neither_rewarded_nor_punished() -> None:
    assert reward(np.array([[9.0]]), np.array([[0.0]]), np.array([[0.0]])) == pytest.approx([0.0])


def test_the_one_step_target_is_the_mean_reward_from_here_on() -> None:
    # one clip known here, 0.5 · 4 to come, each worth −0.25: (−1 + 0.5 · 4 · −0.25) / (1 + 0.5 · 4) = −0.5
    target = one_step_target(np.array([-1.0]), (np.array([3.0]), np.array([4.0])), 0.5, np.array([-0.25]))
    assert target == pytest.approx([-0.5])


def test_after_the_last_clip_only_the_reward_counts() -> None:
    target = one_step_target(np.array([-0.3]), (np.array([1.0]), np.array([0.0])), 0.9, np.array([-5.0]))
    assert target == pytest.approx([-0.3])


def test_the_line_ahead_is_the_discounted_mean_of_the_labels_to_come() -> None:
    line, known = np.array([[1.0], [0.0], [-1.0]]), np.array([[1.0], [0.0], [1.0]])
    z, count = line_ahead(line, known, 0.5)
    # from the first: (1 + 0.25 · −1) / (1 + 0.25); from the second: −0.5 / 0.5
    assert z[:, 0] == pytest.approx([0.6, -1.0, -1.0, 0.0])
    assert count[:, 0] == pytest.approx([1.25, 0.5, 1.0, 0.0])


def test_targets_follow_by_polyaks_average() -> None:
    assert moved_towards(np.array([1.0]), np.array([3.0]), 0.25) == pytest.approx([1.5])


def test_attention_adds_up_to_one_again_after_noise_and_clipping() -> None:
    assert renormalised(np.array([[0.0, 0.2, 0.6]]), 0.0) == pytest.approx(np.array([[0.0, 0.25, 0.75]]))
