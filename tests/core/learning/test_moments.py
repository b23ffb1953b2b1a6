"""How wrong an answer is, and how far two are apart."""

import numpy as np
import pytest

from cinelake.learning.moments import apart, differences, same_steps, words, worst, wrongness
from cinelake.spec.answers import Answers


def answers(truth, said, score=None, times=None, classes=("war", "love"), **about):
    times = np.arange(len(truth), dtype=float) * 10 if times is None else np.array(times, float)
    given = None if score is None else np.array(score, float)
    return Answers(times, classes, np.array(truth), np.array(said), given, **about)


def test_a_right_answer_is_not_wrong_and_a_sure_one_more_than_a_doubtful_one():
    truth, said = [[True, False]] * 3, [[True, False], [False, False], [True, True]]
    given = answers(truth, said, [[0.9, 0.1], [0.4, 0.1], [0.9, 0.95]])
    assert wrongness(given) == pytest.approx([0, 0.6, 0.95])


def test_without_scores_the_wrong_classes_count():
    assert wrongness(answers([[True, False]], [[False, True]])) == [2]


def test_of_lines_the_mean_error_of_what_was_labelled():
    given = answers([[0.5, np.nan]], [[0.1, 9.0]])
    assert given.is_line and wrongness(given) == pytest.approx([0.4])


def test_the_worst_come_first_and_neighbours_that_say_the_same_once():
    given = answers([[True]] * 3, [[False]] * 3, [[0.3], [0.2], [0.1]], times=[0, 1, 50], classes=("war",))
    assert [m.time_s for m in worst([("a", given)], 9)] == [50, 1]


def test_a_film_has_a_few_moments_at_most():
    given = answers([[True]] * 9, [[False]] * 9, [[0.2]] * 9, classes=("war",))
    assert len(worst([("a", given), ("b", given)], 9, per_film=2)) == 4


def test_answers_are_told_in_words():
    given = answers([[True, True], [False, False]], [[False, True]] * 2, none="no tag")
    assert [words(given, row, given.truth) for row in (0, 1)] == ["war, love", "no tag"]


def test_versions_are_compared_at_the_steps_that_both_have():
    one, other = (answers([[True, False]] * len(t), [[True, False]] * len(t), times=t) for t in ([0, 1, 1], [1, 1, 2]))
    assert [rows.tolist() for rows in same_steps(one, other)] == [[1, 2], [0, 1]]


def test_classes_that_one_version_does_not_know_are_never_said_by_it():
    one = answers([[True, False]], [[True, False]])
    other = answers([[True]], [[True]], classes=("war",))
    assert differences(one, other, same_steps(one, other)) == [0]


def test_where_two_versions_say_the_same_they_do_not_differ_however_sure():
    truth = [[True, False]] * 2
    one = answers(truth, [[True, False]] * 2, [[0.9, 0.1]] * 2)
    other = answers(truth, [[True, False], [False, False]], [[0.6, 0.1], [0.2, 0.1]])
    (moment,) = apart([("a", one, other)], 5)
    assert (moment.time_s, moment.said, moment.by) == (10, ("war", "nothing"), pytest.approx(0.7))
