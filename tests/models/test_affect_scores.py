"""Measures of lines, worked by hand."""

import numpy as np
import pytest

from models.affect.config import Config
from models.affect.scores import concordance, pearson, score_film, spearman, summarise

LINE = np.array([0.0, 1.0, 2.0])
SIDES = ((1, 1), (5, -1), (0, 1))
"""Of three films: what the labels are multiplied by, and which way the prediction goes."""


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
    found = summarise([score_film({}, {"line": line, "there": known}, {"line": said}, Config())])
    assert (found["mse"], found["pcc_valence"]) == (0, pytest.approx(1))


def test_ranks_are_compared_within_each_film_and_films_of_one_label_do_not_count() -> None:
    right, wrong, flat = ({"true_importance": LINE * k, "said_importance": way * LINE} for k, way in SIDES)
    # 1 in the first film, −1 in the second, the third is left out: (1 − 1) / 2
    assert summarise([right, wrong, flat])["rank_importance"] == pytest.approx(0)
    assert summarise([right, flat])["rank_importance"] == pytest.approx(1)


def test_the_first_scores_name_every_target() -> None:
    film = {f"{side}_{target}": LINE for target in ("valence", "arousal") for side in ("true", "said")}
    assert list(summarise([film]))[:3] == ["pcc", "pcc_valence", "pcc_arousal"]
