"""The estimate: what a run will take, from what earlier runs recorded."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from _small_lake import commit_marks

from cinelake.lake.cells import Footer, Lake
from cinelake.lake.index import Index
from cinelake.plan.forecast.estimate import TableCost, cost_s, estimate, table_costs
from cinelake.plan.plan import Cell
from cinelake.storage.store import FileStat


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """Five films were made at 1, 2, 3, 4 and 1000 seconds for a thousand bytes."""
    lake = Lake(str(tmp_path))
    for position, wall_s in enumerate([1, 2, 3, 4, 1000]):
        commit_marks(lake, f"film_{position}", run={"wall_s": wall_s, "film_bytes": 1000})
    index = Index(lake)
    index.cells("marks")
    return index


def stale(*cells: tuple[str, str]) -> list[Cell]:
    return [Cell(movie_id, table, "stale", "new film") for movie_id, table in cells]


def test_one_slow_film_does_not_make_all_films_slow(index: Index) -> None:
    assert estimate(index, stale(("a", "marks")), {"a": 1000}, workers=1).wall_s == pytest.approx(3)


def test_larger_films_take_longer_and_more_workers_share_the_work(index: Index) -> None:
    cells, film_bytes = stale(("a", "marks"), ("b", "marks")), {"a": 2000, "b": 4000}
    assert estimate(index, cells, film_bytes, workers=1).by_table == pytest.approx({"marks": 18})
    assert estimate(index, cells, film_bytes, workers=3).wall_s == pytest.approx(6)


def test_a_table_that_was_never_made_is_named_and_not_guessed(index: Index) -> None:
    found = estimate(index, stale(("a", "marks"), ("a", "faces")), {"a": 1000}, workers=1)
    assert (found.unknown, list(found.by_table)) == (("faces",), ["marks"])


def test_cells_without_facts_of_their_run_teach_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    commit_marks(lake, "a", run={"wall_s": 1, "film_bytes": 0})
    commit_marks(lake, "b", run={})
    index = Index(lake)
    index.cells("marks")
    assert estimate(index, stale(("c", "marks")), {"c": 1000}, workers=1).unknown == ("marks",)


def test_nothing_stale_takes_no_time(index: Index) -> None:
    assert estimate(index, [], {}, workers=4).wall_s == 0


def test_processor_time_counts_before_the_clock_which_a_busy_machine_stretches(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    commit_marks(lake, "a", run={"wall_s": 9, "cpu_s": 1, "ffmpeg_cpu_s": 2, "film_bytes": 1000})
    index = Index(lake)
    index.cells("marks")
    found = estimate(index, stale(("c", "marks")), {"c": 2000}, workers=2)
    assert (found.processor_s, found.wall_s) == (pytest.approx(6), pytest.approx(3))


def test_what_a_gpu_made_takes_as_long_as_it_took() -> None:
    assert cost_s({"wall_s": 9, "cpu_s": 1, "device": "cuda"}) == 9
    assert cost_s({"wall_s": 9, "cpu_s": 1, "device": "cpu"}) == 1


def test_the_cost_of_a_film_tells_ffmpeg_s_share(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for movie_id, used_s in (("a", 1.0), ("b", 3.0)):
        commit_marks(lake, movie_id, run={"wall_s": 9, "cpu_s": used_s, "ffmpeg_cpu_s": 2.0})
    index = Index(lake)
    index.cells("marks")
    assert table_costs(index, ["marks", "faces"]) == [TableCost("marks", 2, 9, 4.0, 2.0)]


def test_a_table_that_was_made_with_other_parameters_is_estimated_by_these_and_named(index: Index) -> None:
    (made,) = {str(footer.ingredients.get("params")) for footer in index.footers("marks")}
    same = estimate(index, stale(("a", "marks")), {"a": 1000}, 1, {"marks": ast.literal_eval(made)})
    other = estimate(index, stale(("a", "marks")), {"a": 1000}, 1, {"marks": {"detector": "another"}})
    assert (same.otherwise, other.otherwise) == ((), ("marks",))
    assert same.wall_s == other.wall_s == pytest.approx(3)


def test_the_few_cells_of_the_present_parameters_are_found_among_many(index: Index) -> None:
    def footer(every: int) -> Footer:
        params = {"every": every, "back": "é"}
        return Footer("k", "c", {"params": params}, {"wall_s": float(every), "film_bytes": 1000})

    cells = [(f"{number:03}.parquet", FileStat(1, 1), footer(1 + number // 300)) for number in range(302)]
    index.store("cards", cells, listed_ns=0)
    found = estimate(index, stale(("a", "cards")), {"a": 1000}, 1, {"cards": {"every": 2, "back": "é"}})
    assert (found.wall_s, found.otherwise) == (pytest.approx(2), ())
