"""The world of the funny agent, on numbers worked by hand; arrays and tensors give the same."""

import numpy as np
import pytest

from models.funny.environment import decayed, n_step_returns, next_affect, next_vote, q_targets, reward

FUNNY, NOT = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
UNDECIDED = np.array([[0.5, 0.5]])


def test_without_a_label_the_agents_own_action_enters_the_affective_vector() -> None:
    # 0.75 · (0.5, 0.5) + 0.25 · (0, 1)
    assert next_affect(UNDECIDED, FUNNY, NOT, np.array([[0.0]]), 0.25).tolist() == [[0.375, 0.625]]


def test_where_a_label_is_known_it_takes_the_actions_place() -> None:
    assert next_affect(UNDECIDED, FUNNY, NOT, np.array([[1.0]]), 0.25).tolist() == [[0.625, 0.375]]


def test_the_vote_knows_actions_only() -> None:
    first = next_vote(UNDECIDED, FUNNY, 0.5)
    assert next_vote(first, NOT, 0.5).tolist() == [[0.625, 0.375]]


def test_reward_is_for_the_action_and_for_the_vote_so_far() -> None:
    # action right: +1; vote 0.75 for it: +0.5; w = 0.25: 0.75 · 1 + 0.25 · 0.5
    vote = np.array([[0.25, 0.75]])
    assert reward(FUNNY, vote, FUNNY, np.array([1.0]), 0.25).tolist() == [0.875]


def test_a_wrong_action_costs_what_a_right_one_pays() -> None:
    assert reward(NOT, UNDECIDED, FUNNY, np.array([2.0]), 0.0).tolist() == [-2.0]


def test_nothing_is_paid_without_a_label() -> None:
    assert reward(FUNNY, FUNNY, FUNNY, np.array([0.0]), 0.5).tolist() == [0.0]


def test_returns_over_several_steps_are_discounted_and_end_with_the_scene() -> None:
    # rewards 1, 2, 4 and γ = ½ over two steps: 1 + ½·2, 2 + ½·4, 4
    found = n_step_returns([np.array([1.0]), np.array([2.0]), np.array([4.0])], 0.5, 2)
    assert [float(value[0]) for value in found] == [2.0, 4.0, 4.0]


def test_one_step_returns_are_the_rewards() -> None:
    assert n_step_returns([3.0, 5.0], 0.9, 1) == [3.0, 5.0]


@pytest.mark.parametrize(("double", "expected"), [(False, 1 + 0.5 * 8), (True, 1 + 0.5 * 4)])
def test_targets_ask_the_network_that_is_meant(double: bool, expected: float) -> None:
    # the learning network prefers action 1; the target network says 8 and 4
    online, target = np.array([[1.0, 2.0]]), np.array([[8.0, 4.0]])
    assert q_targets(np.array([1.0]), np.array([0.5]), online, target, double=double).tolist() == [expected]


def test_behind_a_scenes_end_there_is_nothing_to_come() -> None:
    values = np.array([[8.0, 4.0]])
    assert q_targets(np.array([1.0]), np.array([0.0]), values, values, double=False).tolist() == [1.0]


def test_tensors_give_what_arrays_give() -> None:
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(5,)), rng.uniform(size=(5,)), rng.normal(size=(5, 2)), rng.normal(size=(5, 2))]
    found = q_targets(*(tf.constant(array) for array in arrays), double=True)
    assert np.allclose(found, q_targets(*arrays, double=True))


def test_epsilon_falls_by_scene_to_its_least() -> None:
    assert decayed(1.0, 0.5, 0.01, 3) == 0.125 and decayed(1.0, 0.995, 0.01, 5000) == 0.01
