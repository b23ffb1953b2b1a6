"""Scores that models share, on numbers worked by hand and against scikit-learn."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics as sk

from cinelake.learning import metrics

TRUTH, PREDICTED = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 0])


@pytest.fixture(params=range(5), ids=["few", "many", "ties", "all alike", "one positive"])
def ranked(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """(T,) truth of both classes and scores."""
    rng = np.random.default_rng(request.param)
    truth, score = rng.random(200) < 0.3, rng.normal(size=200)
    if request.param == 0:
        truth, score = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1])
    elif request.param == 2:
        score = np.round(score)
    elif request.param == 3:
        score[:] = 0.5
    elif request.param == 4:
        truth[:] = np.arange(200) == 7
    return truth, score


def test_a_confusion_counts_the_true_class_by_row_and_the_predicted_by_column() -> None:
    counts = metrics.confusion(TRUTH, PREDICTED, 3)
    assert counts.tolist() == [[2, 1, 0], [1, 1, 0], [1, 0, 0]]
    assert np.array_equal(counts, sk.confusion_matrix(TRUTH, PREDICTED))


def test_a_confusion_of_nothing_is_zero_and_a_number_that_is_no_class_is_refused() -> None:
    assert not metrics.confusion(np.zeros(0, int), np.zeros(0, int), 3).any()
    for number in (3, -1):
        with pytest.raises(ValueError, match="invalid entry"):
            metrics.confusion(np.array([0]), np.array([number]), 3)


def test_precision_recall_and_f1_of_each_class_follow_from_the_confusion() -> None:
    """Class 0: two hits of four predicted and three actual. Class 2 is never predicted."""
    found = metrics.by_confusion(metrics.confusion(TRUTH, PREDICTED, 3))
    assert found == pytest.approx(np.array([[1 / 2, 2 / 3, 4 / 7], [1 / 2, 1 / 2, 1 / 2], [0, 0, 0]]))
    expected = sk.precision_recall_fscore_support(TRUTH, PREDICTED, zero_division=0)[:3]
    assert found == pytest.approx(np.stack(expected, axis=1), abs=1e-15)


@pytest.mark.parametrize("zero_division", [0.0, 1.0, np.nan])
@pytest.mark.parametrize(("truth", "predicted"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_what_is_undefined_is_as_scikit_learn_has_it(truth: int, predicted: int, zero_division: float) -> None:
    """Neither labelled nor predicted, predicted alone, labelled alone, both."""
    found = metrics.precision_recall_f1(truth * predicted, predicted, truth, zero_division)
    options = {"average": "binary", "zero_division": zero_division}
    expected = sk.precision_recall_fscore_support([truth, 0], [predicted, 0], **options)[:3]
    assert found == pytest.approx(np.array(expected), nan_ok=True)


def test_a_ratio_broadcasts_and_has_a_value_of_its_own_where_the_whole_is_zero() -> None:
    assert metrics.ratio([1, 2, 3], [2, 0, 4], -1.0).tolist() == [0.5, -1, 0.75]
    assert metrics.ratio([[1], [2]], [1, 2]).tolist() == [[1, 0.5], [2, 1]]


def test_macro_means_are_over_the_classes_that_occur() -> None:
    each = np.array([[1.0, 0.5], [0.0, 0.0], [0.5, 0.0]])
    assert metrics.macro(each, np.array([True, False, True])).tolist() == [0.75, 0.25]
    assert metrics.macro(each, np.zeros(3, bool)).tolist() == [0, 0]


def test_scores_of_a_class_carry_its_name_and_are_left_out_where_it_does_not_occur() -> None:
    found = metrics.by_class(np.array([[1.0, 0.5], [0.0, 0.0]]), ("recall", "f1"), ("war", "food"), np.array([1, 0]))
    assert found == {"recall_war": 1.0, "f1_war": 0.5}


def test_accuracy_is_the_share_on_the_diagonal() -> None:
    assert metrics.accuracy(metrics.confusion(TRUTH, PREDICTED, 3)) == sk.accuracy_score(TRUTH, PREDICTED) == 0.5
    assert metrics.accuracy(np.zeros((3, 3))) == 0


def test_counts_of_films_add_up_in_their_own_shape() -> None:
    films = [{"hits": np.array([1, 2]), "films": np.array(1)}, {"hits": np.array([3, 0]), "films": np.array(1)}]
    hits, count = metrics.totals(films, ("hits", "films"))
    assert (hits.tolist(), int(count)) == ([4, 2], 2)


def test_means_leave_out_what_is_undefined() -> None:
    assert metrics.mean_of_defined([1.0, np.nan, 0.5]) == 0.75
    assert np.isnan([metrics.mean_of_defined([np.nan]), metrics.mean_of_defined([])]).all()
    assert metrics.harmonic_mean(0.5, 1.0) == pytest.approx(2 / 3)
    assert metrics.harmonic_mean(0.0, 0.0) == 0
    assert np.isnan(metrics.harmonic_mean(np.nan, 1.0))


def test_average_precision_is_the_mean_precision_at_each_hit() -> None:
    truth, score = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1])
    assert metrics.average_precision(truth, score) == pytest.approx((1 + 2 / 3) / 2)


def test_equal_scores_stand_in_any_order() -> None:
    truth, score = np.array([True, False, False, True, False, True]), np.array([1, 1, 1, 1, 0, 0])
    rng = np.random.default_rng(0)
    orders = [score + 0.1 * rng.random(len(score)) for _ in range(4000)]
    mean = np.mean([metrics.average_precision(truth, order) for order in orders])
    assert metrics.expected_average_precision(truth, score) == pytest.approx(mean, abs=0.01)


def test_where_no_two_are_equal_average_precision_is_as_expected(ranked: tuple[np.ndarray, np.ndarray]) -> None:
    truth, order = ranked[0], np.random.default_rng(1).permutation(len(ranked[0]))
    assert metrics.expected_average_precision(truth, order) == pytest.approx(metrics.average_precision(truth, order))


def test_rankings_are_scored_as_scikit_learn_scores_them(ranked: tuple[np.ndarray, np.ndarray]) -> None:
    truth, score = ranked
    assert metrics.average_precision(truth, score) == pytest.approx(sk.average_precision_score(truth, score), abs=1e-12)
    assert metrics.roc_auc(truth, score) == pytest.approx(sk.roc_auc_score(truth, score), abs=1e-12)


def test_one_class_alone_has_no_auc_and_an_average_precision_of_all_or_nothing() -> None:
    for truth, expected in ((np.zeros(3, bool), 0.0), (np.ones(3, bool), 1.0)):
        assert metrics.average_precision(truth, np.arange(3.0)) == expected
        assert np.isnan(metrics.roc_auc(truth, np.arange(3.0)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_not_ranked(value: float) -> None:
    for measure in (metrics.average_precision, metrics.expected_average_precision, metrics.roc_auc):
        with pytest.raises(ValueError, match="NaN or infinity"):
            measure(np.array([True, False]), np.array([0.5, value]))


def test_importing_them_loads_neither_scikit_learn_nor_a_framework() -> None:
    heavy = "{'sklearn', 'scipy', 'pandas', 'tensorflow', 'keras', 'matplotlib'}"
    code = f"import sys, cinelake.learning.metrics; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
