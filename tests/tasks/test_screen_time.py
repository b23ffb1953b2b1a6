"""Screen time: seconds, share and appearances per character, and who shares a scene with whom."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from cinelake.spec.task import Film, find_task

SPANS = [("ada", 0, 2), ("ada", 2, 5), ("ada", 8, 9), ("bo", 4, 8)]


class Rows:
    """A table of which only some columns matter."""

    def __init__(self, **columns: Sequence[Any]):
        self._table = pa.table(columns)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        return self._table.select(columns) if columns else self._table


def appearances(spans: Sequence[tuple[str, float, float]]) -> Rows:
    names, starts, ends = zip(*spans, strict=True) if spans else ((), (), ())
    return Rows(
        character=pa.array(names, pa.string()), start_s=[float(s) for s in starts], end_s=[float(s) for s in ends]
    )


def made(task: str, spans: Sequence[tuple[str, float, float]], **tables: Rows) -> list[dict[str, Any]]:
    spec = find_task(task)
    given = {"appearances": appearances(spans), **tables}
    batches = list(spec.make(spec.params(), Film("film")).run(given))
    for batch in batches:
        spec.contract.check(batch, "film")
    return [row for batch in batches for row in batch.drop_columns(["movie_id"]).to_pylist()]


def screen_time(spans: Sequence[tuple[str, float, float]]) -> list[dict[str, Any]]:
    return made("screen_time", spans, films=Rows(duration_s=[10.0]))


def test_seconds_and_share_of_the_film():
    rows = {row["character"]: (row["seconds"], row["share"]) for row in screen_time(SPANS)}
    assert rows == {"ada": (6.0, 0.6), "bo": (4.0, 0.4)}


def test_a_cut_does_not_count_as_a_new_appearance():
    assert [row["appearances"] for row in screen_time(SPANS)] == [2, 1]


def test_a_film_without_anybody_has_no_rows():
    assert screen_time([]) == []


def pairs(*scenes: tuple[float, float]) -> list[tuple[Any, ...]]:
    starts, ends = ([float(scene[side]) for scene in scenes] for side in (0, 1))
    table = Rows(scene=list(range(len(scenes))), start_s=starts, end_s=ends)
    return [tuple(row.values()) for row in made("co_appearances", SPANS, scenes=table)]


def test_a_pair_in_a_scene_has_the_time_of_each_and_of_both():
    assert pairs((0, 10)) == [(0, "ada", "bo", 1.0, 6.0, 4.0)]


def test_a_pair_may_share_a_scene_without_ever_sharing_a_picture():
    assert pairs((5, 10)) == [(0, "ada", "bo", 0.0, 1.0, 3.0)]


def test_who_is_alone_in_a_scene_makes_no_pair():
    assert pairs((0, 3), (3, 10)) == [(1, "ada", "bo", 1.0, 3.0, 4.0)]


@pytest.mark.parametrize("task", ["screen_time", "co_appearances"])
def test_actors_are_summed_the_same_way(task: str):
    spec = find_task(task)
    assert "actor_appearances" in spec.inputs(spec.params(source="actor_appearances"))
