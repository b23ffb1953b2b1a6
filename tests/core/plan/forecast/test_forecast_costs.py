"""What films cost, as earlier runs recorded it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from _small_lake import commit_marks

from cinelake.errors import NotMeasured
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.plan.forecast.costs import CellCost, FilmCost, measured_films


def lake_with(folder: Path, **runs: dict[str, Any]) -> Index:
    lake = Lake(str(folder))
    for movie_id, run in runs.items():
        commit_marks(lake, movie_id, run=run)
    return Index(lake)


def test_seconds_bytes_and_decoding_are_those_of_the_footers(tmp_path: Path) -> None:
    run = {"wall_s": 2.5, "film_bytes": 1000, "decode": {"cpu_s": 4.0}, "device": "cuda"}
    [film] = measured_films(lake_with(tmp_path, a=run), ["marks"])
    written = (tmp_path / "marks" / "a.parquet").stat().st_size
    assert film == FilmCost("a", 1000, 4.0, {"marks": CellCost(2.5, written, True, "cuda")})


def test_films_whose_run_recorded_nothing_are_left_out(tmp_path: Path) -> None:
    index = lake_with(tmp_path, a={"wall_s": 1, "film_bytes": 7}, b={})
    assert [film.movie_id for film in measured_films(index, ["marks"])] == ["a"]


def test_only_films_that_are_asked_for_are_looked_at(tmp_path: Path) -> None:
    index = lake_with(tmp_path, a={"wall_s": 1}, b={"wall_s": 1})
    assert [film.movie_id for film in measured_films(index, ["marks"], among=["b", "c"])] == ["b"]


def test_tables_that_no_run_has_recorded_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="no run has recorded a cost yet of: faces") as refused:
        measured_films(lake_with(tmp_path, a={"wall_s": 1}), ["marks", "faces"])
    assert refused.value.tables == ["faces"]


def test_a_worker_with_one_processor_needs_all_of_the_decoders_processor_seconds() -> None:
    cells = {
        "shots": CellCost(1.0, 0, True, "cpu"),
        "sound": CellCost(2.0, 0, True, "cpu"),
        "scenes": CellCost(5.0, 0, False, "cpu"),
    }
    film = FilmCost("a", 1, 8.0, cells)
    assert [film.seconds(["shots", "sound", "scenes"]), film.seconds(["scenes"])] == [8 + 5, 5]
    assert FilmCost("a", 1, 0.5, cells).seconds(["shots", "sound"]) == 3
