"""Quality as data: measured once a cell, kept with its history, told apart from the catalogue by robust statistics."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _small_lake import MARKS, commit_marks, marks

import cinelake
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.manifest.sections import BoundSettings
from cinelake.query.quality import broken_bounds, drifts, history, latest, measure_new, outliers, robust_scores
from cinelake.spec.contract import Measure, Watched

PER_FILM = (Measure("highest", "max(mark)", "The highest mark.", "marks"),)
TABLES = {"marks": Watched(replace(MARKS, measures=PER_FILM))}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Nine films with 3 … 5 marks and one with 40."""
    lake = Lake(str(tmp_path / "lake"))
    for film in range(10):
        commit(lake, film, 40 if film == 9 else 3 + film % 3)
    return lake


def commit(lake: Lake, film: int, count: int, key: str = "k") -> None:
    commit_marks(lake, f"film_{film}", marks(f"film_{film}", range(count)), key=key)


def test_a_cell_is_measured_once_for_each_key(lake: Lake) -> None:
    assert measure_new(lake, Index(lake), TABLES) == 2 * 10
    assert measure_new(lake, Index(lake), TABLES) == 0


def test_no_film_is_left_out_where_films_are_measured_in_parts(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    measure_new(lake, Index(lake), TABLES)
    whole = latest(lake).drop_columns(["at", "key"]).sort_by([("movie_id", "ascending"), ("measure", "ascending")])
    for film in range(10):
        commit(lake, film, 40 if film == 9 else 3 + film % 3, key="other")
    monkeypatch.setattr("cinelake.query.quality.MEASURED_TOGETHER", 3)
    assert measure_new(lake, Index(lake), TABLES) == 2 * 10
    again = latest(lake).drop_columns(["at", "key"]).sort_by([("movie_id", "ascending"), ("measure", "ascending")])
    assert again == whole


def test_a_new_value_keeps_the_one_before_as_history(lake: Lake) -> None:
    measure_new(lake, Index(lake), TABLES)
    commit(lake, 9, 4, key="other")
    assert measure_new(lake, Index(lake), TABLES) == 2
    assert (history(lake).num_rows, latest(lake).num_rows) == (22, 20)


def test_a_film_that_is_unlike_the_catalogue_stands_out(lake: Lake) -> None:
    measure_new(lake, Index(lake), TABLES)
    found = outliers(lake)
    assert {(one.movie_id, one.measure) for one in found} == {("film_9", "rows"), ("film_9", "highest")}
    assert str(next(one for one in found if one.measure == "rows")) == ("marks.rows of film_9 is 40 rows, usual is 4")


def test_scores_are_those_of_iglewicz_and_hoaglin() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 10.0])  # median 3, distances 2 1 0 1 7, MAD 1
    assert robust_scores(values) == pytest.approx([-1.349, -0.6745, 0, 0.6745, 4.7215])


def test_where_most_values_are_the_same_the_mean_deviation_is_taken() -> None:
    assert robust_scores(np.array([5.0, 5, 5, 5, 9]))[4] == pytest.approx(4 / (1.253314 * 0.8))
    assert not robust_scores(np.array([0.1 + 0.2, 0.3, 0.3])).any()


def test_too_few_films_say_nothing(lake: Lake) -> None:
    measure_new(lake, Index(lake), TABLES)
    assert not outliers(lake, fewest=11)
    assert not outliers(lake, films=["film_8", "film_9"])


def test_films_that_shift_the_median_are_a_drift(lake: Lake) -> None:
    measure_new(lake, Index(lake), TABLES)
    for film in range(10, 20):
        commit(lake, film, 9)
    measure_new(lake, Index(lake), TABLES)
    drift = drifts(lake)[0]
    assert (drift.table, drift.films, drift.before) == ("marks", 10, 4 if drift.measure == "rows" else 3)


def test_a_past_of_few_films_is_as_uncertain_as_as_many_last_ones(lake: Lake) -> None:
    measure_new(lake, Index(lake), TABLES)
    for film in range(10, 20):
        commit(lake, film, 9)
    measure_new(lake, Index(lake), TABLES)
    score = next(drift.score for drift in drifts(lake) if drift.measure == "rows")
    assert score == pytest.approx((9 - 4) / (1.2533 * 1 / 0.6745 * math.sqrt(1 / 10 + 1 / 10)))


def test_a_film_or_a_few_are_no_drift_and_those_that_left_the_catalogue_neither(lake: Lake) -> None:
    measure_new(lake, Index(lake), TABLES)
    for film in range(10, 13):
        commit(lake, film, 9)
    measure_new(lake, Index(lake), TABLES)
    assert not drifts(lake)
    assert drifts(lake, fewest=3) and not drifts(lake, fewest=3, films=[f"film_{film}" for film in range(10)])


def test_a_broken_bound_names_its_films(lake: Lake) -> None:
    measure_new(lake, Index(lake), TABLES)
    films = [f"film_{number}" for number in range(10)]
    (broken,) = broken_bounds(lake, {"marks.rows": BoundSettings(at_most=10)}, films)
    assert broken.films == ("film_9",) and broken.message.startswith("marks.rows is to be at most 10; 1 of 10")
    assert not broken_bounds(lake, {"marks.rows": BoundSettings(at_most=10, allowed_share=0.1)}, films)


def test_coverage_is_the_share_of_films_that_have_the_table(lake: Lake) -> None:
    bound = {"marks.coverage": BoundSettings(at_least=0.95)}
    assert broken_bounds(lake, bound, [f"film_{number}" for number in range(20)])
    assert not broken_bounds(lake, bound, ["film_1", "film_2"])


def test_what_was_measured_is_a_table_to_ask(lake: Lake) -> None:
    measure_new(lake, Index(lake), TABLES)
    found = cinelake.open(str(lake.storage.local)).sql("select max(value) highest from quality where measure = 'rows'")
    assert found.rows() == [{"highest": 40.0}]
