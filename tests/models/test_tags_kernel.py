"""Kernel ridge regression of tags, on numbers worked by hand."""

import numpy as np
import pytest

from models.heads.config import LabelledRows
from models.shots.scaling import LENGTH
from models.tags import kernel as _tag_kernel
from models.tags.kernel import Kernel, fit_kernel, kernel_predicted

ONE = Kernel((1,), gamma=1.0, ridge=1.0, shared=False)
X = LENGTH * np.array([[0.0], [1.0]])
"""Two shots a spread apart."""


def test_likeness_is_the_mean_over_the_kinds_of_input():
    """Alike in the first kind, a spread apart in the second: (1 + 1/e) / 2."""
    two = Kernel((1, 1), gamma=1.0, ridge=1.0, shared=False)
    found = two.likeness(LENGTH * np.array([[0.0, 0.0]]), LENGTH * np.array([[0.0, 1.0]]))
    assert found[0, 0] == pytest.approx((1 + np.exp(-1)) / 2)


def test_coefficients_by_hand():
    """(K + I) a = y − 1/2 with K = [[1, k], [k, 1]], k = 1/e and y = (1, 0): a = ±1/2 / (2 − k)."""
    found = fit_kernel(ONE, LabelledRows(X, np.array([[1.0], [0.0]])), seed=0)
    half = 0.5 / (2 - np.exp(-1))
    assert found["coefficients"][:, 0] == pytest.approx([half, -half], abs=1e-6)


def test_a_shot_like_no_other_has_each_tag_as_often_as_the_labelled_shots():
    arrays = fit_kernel(ONE, LabelledRows(X, np.array([[1.0], [0.0]])), seed=0)
    assert kernel_predicted(ONE, arrays, LENGTH * np.array([[50.0]])) == pytest.approx(np.array([[0.5]]))


def test_tags_that_share_one_probability_sum_to_one():
    shared = Kernel((1,), gamma=1.0, ridge=0.1, shared=True)
    arrays = fit_kernel(shared, LabelledRows(X, np.eye(2)), seed=0)
    assert kernel_predicted(shared, arrays, X).sum(axis=1) == pytest.approx([1, 1], abs=1e-6)


def test_many_shots_are_stood_for_by_some(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    x = LENGTH * rng.uniform(-1, 1, (200, 1))
    rows = LabelledRows(x, (x > 0).astype(np.float64))
    kernel = Kernel((1,), gamma=1.0, ridge=0.01, shared=False)
    whole = kernel_predicted(kernel, fit_kernel(kernel, rows, 0), x)
    monkeypatch.setattr(_tag_kernel, "LANDMARKS", 40)
    some = fit_kernel(kernel, rows, 0)
    assert len(some["landmarks"]) == 40
    assert np.abs(kernel_predicted(kernel, some, x) - whole).max() < 0.05
