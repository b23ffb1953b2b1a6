"""Selectors: dbt's shape over the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from _world import Film, Table, World, made_worlds
from hypothesis import given
from hypothesis import strategies as st

from cinelake.errors import UnknownName, UsageError
from cinelake.plan.plan import Plan, select

TABLES = [
    Table("films", []),
    Table("shots", []),
    Table("frames", ["shots"]),
    Table("faces", ["frames"]),
    Table("scenes", ["shots", "frames"]),
]


@pytest.fixture
def world() -> World:
    tables = {table.name: replace(table) for table in TABLES}
    return World(tables, {"alien": Film(), "brazil": Film()})


def tables(plan: Plan) -> str:
    return " ".join(cell.table for cell in plan.cells if cell.movie_id == "alien")


FORMS = [
    ([], "films shots frames faces scenes"),
    (["frames"], "frames"),
    (["+frames"], "shots frames"),
    (["frames+"], "frames faces scenes"),
    (["+frames+"], "shots frames faces scenes"),
    (["films", "shots"], "films shots"),
    (["films shots"], "films shots"),
    (["shots+,+faces"], "shots frames faces"),
    (["shots+,+faces", "films"], "films shots frames faces"),
    (["state:stale"], "films shots frames faces scenes"),
    (["state:fresh"], ""),
]


@pytest.mark.parametrize(("selectors", "kept"), FORMS)
def test_a_selector_keeps(world: World, selectors: list[str], kept: str) -> None:
    assert tables(select(world.plan(), selectors)) == kept


def test_a_comma_keeps_what_both_sides_name(world: World) -> None:
    world.run(select(world.plan(), ["+frames"]).stale)
    assert tables(select(world.plan(), ["shots+,state:stale"])) == "faces scenes"


@pytest.mark.parametrize("state", ["fresh", "stale", "blocked", "failed"])
def test_a_state_keeps_the_cells_in_it(world: World, state: str) -> None:
    world.run(world.plan().stale, lambda cell: "permanent" if cell.table == "frames" else "made")
    world.tables["films"].version = 2
    kept = {"fresh": "shots", "stale": "films", "failed": "frames", "blocked": "faces scenes"}
    assert tables(select(world.plan(), [f"state:{state}"])) == kept[state]


def test_named_films_are_kept_and_no_others(world: World) -> None:
    plan = select(world.plan(), ["shots"], ["brazil"])
    assert [(cell.movie_id, cell.table) for cell in plan.cells] == [("brazil", "shots")]


UNKNOWN = [
    (["shoots"], [], "unknown table 'shoots': did you mean 'shots'?"),
    (["+shoots+"], [], "unknown table 'shoots': did you mean 'shots'?"),
    (["films,shotz"], [], "unknown table 'shotz': did you mean 'shots'?"),
    (["state:stall"], [], "unknown state 'stall': did you mean 'stale'?"),
    (["+"], [], "unknown table '': there is faces, films, frames, scenes, shots"),
    (["films,"], [], "unknown table '': there is faces, films, frames, scenes, shots"),
    ([], ["brasil"], "unknown film 'brasil': did you mean 'brazil'?"),
]


@pytest.mark.parametrize(("selectors", "movies", "message"), UNKNOWN)
def test_an_unknown_name_gets_its_close_matches(
    world: World, selectors: list[str], movies: list[str], message: str
) -> None:
    with pytest.raises(UnknownName) as caught:
        select(world.plan(), selectors, movies)
    assert str(caught.value) == message


@pytest.mark.parametrize("selector", ["++shots", "shots++", "+++shots"])
def test_more_than_one_plus_on_a_side_is_refused(world: World, selector: str) -> None:
    with pytest.raises(UsageError, match="at most one"):
        select(world.plan(), [selector])


def test_a_cell_whose_input_is_stale_and_not_selected_is_blocked(world: World) -> None:
    (cell, _) = select(world.plan(), ["frames"]).cells
    assert (cell.state, cell.reason) == ("blocked", "needs shots, which is stale and not selected: --select +frames")


def test_what_needs_a_cell_that_the_selection_blocks_is_blocked_too(world: World) -> None:
    plan = select(world.plan(), ["frames", "faces"], ["alien"])
    assert [cell.state for cell in plan.cells] == ["blocked", "blocked"]


def test_a_fresh_cell_stays_fresh_though_its_input_has_to_be_made_again(world: World) -> None:
    world.run(world.plan().stale)
    world.delete("shots", "alien")
    assert [cell.state for cell in select(world.plan(), ["frames"]).cells] == ["fresh", "fresh"]


@given(made_worlds(), st.data())
def test_a_selection_runs_without_what_it_left_out(world: World, data: st.DataObject) -> None:
    """Whatever is selected, every stale cell that is left has its inputs in the lake or before it."""
    for table in world.tables.values():
        table.version = data.draw(st.integers(1, 2))
    selectors = data.draw(st.lists(st.sampled_from(list(world.tables)), min_size=1))
    whole, plan = world.plan(), select(world.plan(), selectors)
    fresh = {(cell.movie_id, cell.table) for cell in whole.cells if cell.state == "fresh"}
    for cell in plan.stale:
        assert {(cell.movie_id, name) for name in world.tables[cell.table].inputs} <= fresh
        fresh.add((cell.movie_id, cell.table))
