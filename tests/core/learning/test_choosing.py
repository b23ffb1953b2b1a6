"""Which moments are worth a label: doubtful ones, unlike each other and what is labelled, from many films."""

import numpy as np
import pytest

from cinelake.learning import choosing
from cinelake.learning.choosing import choose, compared, disagreement, doubt_of, learned_probability, worth_of

RNG = np.random.default_rng(0)


def heaps(count, each=20, apart=10.0):
    """(count · each, 2) moments in heaps far from each other."""
    centres = apart * np.stack([np.arange(count), np.zeros(count)], axis=1)
    return np.repeat(centres, each, axis=0) + 0.1 * RNG.normal(size=(count * each, 2))


def heap_of(rows, each=20):
    return sorted({row // each for row in rows})


def test_a_class_is_doubtful_where_the_second_is_as_likely():
    doubt = doubt_of(np.array([[0.5, 0.5, 0.0], [0.9, 0.1, 0.0], [0.4, 0.1, 0.0]]), exclusive=True)
    np.testing.assert_allclose(doubt, [1.0, 0.2, 0.9])


def test_none_of_the_classes_may_be_the_likeliest():
    assert doubt_of(np.array([[0.05, 0.05]]), exclusive=True)[0] < 0.2


def test_of_independent_classes_doubt_adds_up():
    doubt = doubt_of(np.array([[0.5, 0.5], [0.5, 0.0], [1.0, 0.0]]), exclusive=False)
    np.testing.assert_allclose(doubt, [1.0, 0.5, 0.0], atol=1e-4)


def test_of_doubtful_moments_that_are_alike_one_is_chosen():
    doubt = np.where(np.arange(80) < 60, 1.0, 0.0)
    assert heap_of(choose(heaps(4), np.zeros((0, 2)), doubt, 3)) == [0, 1, 2]


def test_of_moments_as_doubtful_those_far_from_labels_are_chosen():
    x = heaps(4)
    assert heap_of(choose(x, x[:1], np.ones(80), 1)) == [3]


def test_a_class_that_few_labels_have_is_worth_more():
    common, rare = worth_of(np.array([[0.5, 0.0], [0.0, 0.5]]), np.array([99, 0]))
    assert common == pytest.approx(0.1, abs=1e-3) and rare == pytest.approx(1.0, abs=1e-3)


def test_a_moment_that_stands_for_many_comes_before_a_stray_one_that_is_as_doubtful():
    x = np.concatenate([heaps(1, 40), [[30.0, 0.0]]])
    first, second = choose(x, np.array([[0.0, 5.0]]), np.ones(41), 2)
    assert first < 40 and second == 40


def test_before_anything_is_known_every_heap_without_a_label_gives_one():
    x = heaps(4)
    assert heap_of(choose(x, x[:1], None, 3)) == [1, 2, 3]


def test_no_film_gives_more_than_twice_its_share_while_others_have_some():
    films = ["one"] * 60 + ["two"] * 20
    chosen = choose(heaps(4), np.zeros((0, 2)), np.linspace(1, 0, 80), 4, groups=films)
    assert len(choose(heaps(4), np.zeros((0, 2)), np.linspace(1, 0, 80), 4, groups=["one"] * 80)) == 4
    assert len(chosen) == 4 and sum(films[row] == "one" for row in chosen) <= 4


def test_fewer_moments_than_wanted_are_all_chosen():
    assert sorted(choose(heaps(1, 3), np.zeros((0, 2)), np.ones(3), 20)) == [0, 1, 2]


def test_moments_that_are_all_the_same_can_be_chosen_from():
    same = np.zeros((30, 2))
    assert len(set(choose(same, same[:0], np.ones(30), 5))) == 5 == len(set(choose(same, same[:0], None, 5)))


def test_a_regression_on_labels_is_in_doubt_between_them():
    x, y = np.array([[-1.0], [-0.9], [0.9], [1.0]]), np.array([[0.0], [0.0], [1.0], [1.0]])
    low, middle, high = learned_probability(x, y, np.array([[-2.0], [0.0], [2.0]]), exclusive=False)[:, 0]
    assert low < 0.4 < middle < 0.6 < high


def test_a_quantity_is_doubtful_far_from_its_labels():
    x = RNG.normal(size=(40, 1))
    y = np.where(RNG.random((40, 1)) < 0.2, np.nan, x + 0.1 * RNG.normal(size=(40, 1)))
    near, far = disagreement(x, y, np.array([[0.0], [6.0]]), seed=0)
    assert far == 1.0 > near


def test_moments_are_compared_by_what_they_differ_in():
    view = np.zeros((50, 200))
    view[:, 3] = np.arange(50)
    found = compared([view])
    assert found.shape == (50, 48) and abs(np.corrcoef(found[:, 0], view[:, 3])[0, 1]) > 0.999


def test_moments_of_several_films_are_compared_as_those_of_one():
    view = RNG.normal(size=(60, 6)).astype(np.float32)
    assert compared([view[:10], view[:0], view[10:]]) == pytest.approx(compared([view]), abs=1e-4)
    assert compared([]).shape == (0, 1)


def test_of_more_moments_than_can_be_compared_those_are_drawn_that_are_worth_most(monkeypatch):
    monkeypatch.setattr(choosing, "ROWS_TO_CHOOSE_FROM", 50)
    x, worth = heaps(20, 50), np.repeat([0.0, 1.0, *([0.0] * 18)], 50)
    assert heap_of(choose(x, x[:1], worth, 30), 50) == [1]
