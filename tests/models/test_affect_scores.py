"""Measures of lines, worked by hand."""

import numpy as np
import pytest

from models._affect_scores import concordance, judge_lines, pearson, spearman, summarise_lines

LINE = np.array([0.0, 1.0, 2.0])


def test_a_shifted_line_has_full_correlation_and_less_concordance() -> None:
    # 2 · (2/3) / (2/3 + 2/3 + 1) = 4/7
    assert (pearson(LINE + 1, LINE), concordance(LINE + 1, LINE)) == (pytest.approx(1), pytest.approx(4 / 7))


def test_a_constant_line_has_no_correlation() -> None:
    assert (pearson(LINE * 0, LINE), spearman(LINE * 0, LINE)) == (0, 0)


def test_ranks_count_where_values_do_not() -> None:
    assert spearman(np.array([0.0, 1.0, 100.0]), LINE) == pytest.approx(1)


def test_only_labelled_clips_are_scored_each_target_by_itself() -> None:
    line, said = np.array([[0.0, 5.0], [1.0, 0.0], [2.0, 1.0]]), np.array([[0.0, 0.0], [1.0, 0.0], [9.0, 1.0]])
    known = np.array([[1, 0], [1, 1], [0, 1]])
    found = summarise_lines([judge_lines(line, said, known, ("valence", "arousal"))])
    assert (found["mse"], found["pcc_valence"]) == (0, pytest.approx(1))
