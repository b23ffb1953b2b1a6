"""The strong simple predictors that models stand beside."""

import numpy as np
import pytest

from cinelake.spec.model import find_model
from models.simple.histograms import colour_histograms, gradient_histograms
from models.simple.learners import evenly, logistic, nearest

X = np.array([[0.0, 1.0], [0.1, 1.0], [5.0, 1.0], [5.1, 1.0]])
TRUTH = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], bool)


def test_the_nearest_labelled_step_answers():
    assert nearest(X, np.array(["a", "b", "c", "d"]))(np.array([[5.2, 1.0], [-1.0, 1.0]])).tolist() == ["d", "a"]


@pytest.mark.parametrize("exclusive", [True, False])
def test_logistic_regression_tells_two_groups_apart(exclusive):
    probability = logistic(X, TRUTH, exclusive=exclusive)(np.array([[5.0, 1.0], [0.0, 1.0]]))
    assert probability.argmax(axis=1).tolist() == [1, 0]


def test_a_class_that_never_holds_is_never_said_and_one_that_always_holds_always():
    probability = logistic(X, np.array([[0, 1]] * 4, bool), exclusive=False)(X)
    assert probability.tolist() == [[0, 1]] * 4


def test_no_steps_get_no_answers():
    none = np.zeros((0, 2))
    assert len(nearest(X, TRUTH)(none)) == len(logistic(X, TRUTH, exclusive=True)(none)) == 0


def test_many_rows_are_chosen_evenly():
    assert evenly(10, 4).tolist() == [0, 3, 6, 9] and evenly(3, 4).tolist() == [0, 1, 2]


def test_a_histogram_of_colours_says_what_share_each_has():
    picture = np.zeros((1, 2, 2, 3), np.uint8)
    picture[0, 0] = 255
    assert np.flatnonzero(colour_histograms(picture)[0]).tolist() == [0, 511]
    assert (colour_histograms(picture) ** 2).sum() == pytest.approx(1)


def test_gradients_do_not_see_how_bright_a_patch_is():
    edge = np.zeros((48, 48), np.uint8)
    edge[:, 24:] = 100
    one, other = gradient_histograms(np.stack([edge, edge + 50]))
    assert one == pytest.approx(other) and one.any() and len(one) == 324


@pytest.mark.parametrize("name", ["characters", "expressions", "tags", "beats"])
def test_models_without_simple_learners_of_their_own_name_two_or_more(name):
    assert len(find_model(name).simple) >= 2 and "nearest labelled moment" in find_model(name).simple
