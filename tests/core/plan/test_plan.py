"""The plan against its definition: random worlds, random edits, and an oracle that knows no hashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from _world import Film, Table, World, made_worlds, worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cinelake.lake.index import Entry
from cinelake.plan.plan import Plan, Snapshot, make_plan, select

ENDINGS = st.sampled_from(["made", "made", "made", "permanent", "transient"])


class Nights(RuleBasedStateMachine):
    """Nights of edits and runs; after each step every cell's state and reason are what the definition says."""

    world: World

    @initialize(world=worlds())
    def begin(self, world: World) -> None:
        self.world = world

    def table(self, data: st.DataObject) -> Table:
        return data.draw(st.sampled_from(list(self.world.tables.values())))

    def film(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(list(self.world.films)))

    @rule()
    def run_everything(self) -> None:
        self.world.run(self.world.plan().stale)

    @rule(data=st.data())
    def run_with_failures(self, data: st.DataObject) -> None:
        self.world.run(self.world.plan().stale, lambda _: data.draw(ENDINGS))

    @rule(data=st.data())
    def run_a_selection(self, data: st.DataObject) -> None:
        selector = data.draw(st.sampled_from(["{}", "+{}", "{}+", "+{}+"])).format(self.table(data).name)
        self.world.run(select(self.world.plan(), [selector]).stale)

    @rule(data=st.data(), fps=st.integers(1, 3))
    def set_a_parameter(self, data: st.DataObject, fps: int) -> None:
        self.table(data).fps = fps

    @rule(data=st.data(), version=st.integers(1, 3))
    def set_a_version(self, data: st.DataObject, version: int) -> None:
        self.table(data).version = version

    @rule(data=st.data(), revision=st.integers(1, 3))
    def set_a_revision(self, data: st.DataObject, revision: int) -> None:
        self.table(data).revision = revision

    @rule(data=st.data(), is_lost=st.booleans())
    def lose_or_gain_a_champion(self, data: st.DataObject, is_lost: bool) -> None:
        self.table(data).without_champion = is_lost

    @rule(data=st.data(), content=st.sampled_from(["pictures", "other", "third"]))
    def change_a_film(self, data: st.DataObject, content: str) -> None:
        self.world.films[self.film(data)].content = content

    @rule(data=st.data(), title=st.sampled_from(["title", "new title"]))
    def rename_a_film(self, data: st.DataObject, title: str) -> None:
        self.world.films[self.film(data)].title = title

    @rule(movie_id=st.sampled_from("abcd"))
    def add_a_film(self, movie_id: str) -> None:
        self.world.films.setdefault(movie_id, Film())

    @precondition(lambda self: len(self.world.films) > 1)
    @rule(data=st.data())
    def take_a_film_away(self, data: st.DataObject) -> None:
        del self.world.films[self.film(data)]

    @rule(data=st.data())
    def delete_a_cell(self, data: st.DataObject) -> None:
        self.world.delete(self.table(data).name, self.film(data))

    @invariant()
    def states_are_those_of_the_definition(self) -> None:
        planned = {(cell.table, cell.movie_id): cell.state for cell in self.world.plan().cells}
        assert planned == {
            (table, movie_id): self.world.state(table, movie_id)
            for table in self.world.tables
            for movie_id in self.world.films
        }

    @invariant()
    def every_stale_cell_has_the_one_right_reason(self) -> None:
        for cell in self.world.plan().stale:
            assert cell.reason == self.world.reason(cell.table, cell.movie_id)

    @invariant()
    def films_that_left_are_orphans_while_the_lake_has_a_cell_of_them(self) -> None:
        assert set(self.world.plan().orphans) == {movie_id for _, movie_id in self.world.made} - set(self.world.films)


TestNights = Nights.TestCase
TestNights.settings = settings(max_examples=120, stateful_step_count=14, deadline=None)


def stale(plan: Plan) -> set[tuple[str, str]]:
    return {(cell.table, cell.movie_id) for cell in plan.stale}


@given(made_worlds())
def test_after_everything_stale_has_run_a_plan_selects_nothing(world: World) -> None:
    assert world.plan().counts() == {
        "fresh": len(world.tables) * len(world.films),
        "stale": 0,
        "blocked": 0,
        "failed": 0,
    }


@given(made_worlds(), st.data(), st.sampled_from(["fps", "version"]))
def test_a_changed_parameter_or_version_reruns_only_its_descendants(world: World, data: Any, what: str) -> None:
    table = data.draw(st.sampled_from(list(world.tables)))
    setattr(world.tables[table], what, 7)
    assert stale(world.plan()) == {(name, film) for name in world.descendants(table) for film in world.films}


@given(made_worlds(), st.data())
def test_a_raised_revision_reruns_only_its_own_table(world: World, data: Any) -> None:
    table = data.draw(st.sampled_from(list(world.tables)))
    world.tables[table].revision += 1
    assert stale(world.plan()) == {(table, film) for film in world.films}


@given(made_worlds(), st.data())
def test_another_title_reruns_only_tables_that_take_it_and_their_descendants(world: World, data: Any) -> None:
    film = data.draw(st.sampled_from(list(world.films)))
    world.films[film].title = "another"
    catalogued = [name for name, table in world.tables.items() if table.catalogued]
    assert stale(world.plan()) == {(name, film) for table in catalogued for name in world.descendants(table)}


@given(made_worlds(), st.data())
def test_a_changed_film_reruns_all_its_tables_and_no_other_film(world: World, data: Any) -> None:
    film = data.draw(st.sampled_from(list(world.films)))
    world.films[film].content = "another cut"
    assert stale(world.plan()) == {(table, film) for table in world.tables}


@given(made_worlds(), st.data())
def test_a_deleted_cell_alone_is_made_again(world: World, data: Any) -> None:
    at = data.draw(st.sampled_from(sorted(world.made)))
    world.delete(*at)
    assert stale(world.plan()) == {at}


@given(made_worlds(), st.data())
def test_a_change_taken_back_makes_everything_fresh_again(world: World, data: Any) -> None:
    table = world.tables[data.draw(st.sampled_from(list(world.tables)))]
    table.version, before = 5, table.version
    assert world.plan().stale
    table.version = before
    assert not world.plan().stale


# --- failures: shots ► frames ► faces, one film


@pytest.fixture
def world() -> World:
    tables = [Table("shots", []), Table("frames", ["shots"]), Table("faces", ["frames"])]
    return World({table.name: table for table in tables}, {"film": Film()})


def states(plan: Plan) -> list[str]:
    return [cell.state for cell in plan.cells]


def fail_frames(world: World, *, transient: bool) -> None:
    ending = {"frames": "transient" if transient else "permanent"}
    world.run(world.plan().stale, lambda cell: ending.get(cell.table, "made"))


def test_what_is_known_to_be_bad_is_not_tried_again_and_blocks_what_needs_it(world: World) -> None:
    fail_frames(world, transient=False)
    assert states(world.plan()) == ["fresh", "failed", "blocked"]
    assert world.plan().cells[1].reason == "known bad: damaged_film: bad"
    assert world.plan().cells[2].reason == "needs frames, which is failed"


def test_what_failed_in_the_same_decode_as_its_input_counts_as_failed_and_not_as_blocked(world: World) -> None:
    for cell in world.plan().stale[:2]:
        world.fail(cell, transient=False)
    assert states(world.plan()) == ["failed", "failed", "blocked"]
    assert states(world.plan(retry_failed=True)) == ["stale", "stale", "stale"]


def test_what_failed_for_now_waits_for_an_input_that_failed_for_good(world: World) -> None:
    shots, frames, _ = world.plan().stale
    world.fail(shots, transient=False)
    world.fail(frames, transient=True)
    assert states(world.plan()) == ["failed", "blocked", "blocked"]


def test_a_transient_failure_is_tried_again_by_itself(world: World) -> None:
    fail_frames(world, transient=True)
    assert states(world.plan()) == ["fresh", "stale", "stale"]
    assert world.plan().cells[1].reason == "retry after damaged_film (attempt 1)"


def test_what_is_known_to_be_bad_is_tried_again_when_asked(world: World) -> None:
    fail_frames(world, transient=False)
    plan = world.plan(retry_failed=True)
    assert (states(plan), plan.cells[1].reason) == (["fresh", "stale", "stale"], "--failed: damaged_film")


def test_a_damaged_film_that_is_accepted_is_tried_again_and_what_is_made_stays(world: World) -> None:
    fail_frames(world, transient=False)
    plan = world.plan(kept={"film"})
    reason = "what can be read of the damaged film is kept"
    assert (states(plan), plan.cells[1].reason) == (["fresh", "stale", "stale"], reason)


CURES: list[Callable[[World], None]] = [
    lambda world: setattr(world.films["film"], "content", "repaired"),
    lambda world: setattr(world.tables["frames"], "fps", 2),
    lambda world: setattr(world.tables["frames"], "version", 2),
    lambda world: setattr(world.tables["shots"], "version", 2),
]


@pytest.mark.parametrize("cure", CURES, ids=["film", "parameter", "version", "input"])
def test_a_permanent_failure_waits_until_what_it_was_made_from_changes(world: World, cure: Any) -> None:
    fail_frames(world, transient=False)
    cure(world)
    assert states(world.plan())[1:] == ["stale", "stale"]


@pytest.mark.parametrize("message", ["", "\n", "first\nsecond"])
def test_a_recorded_failure_with_any_message_can_be_planned(world: World, message: str) -> None:
    fail_frames(world, transient=False)
    world.failures["frames", "film"]["message"] = message
    assert world.plan().cells[1].reason == f"known bad: damaged_film: {message.partition(chr(10))[0]}"


def test_an_entry_without_a_champion_and_what_needs_it_are_blocked_and_the_rest_goes_on(world: World) -> None:
    world.tables["frames"].without_champion = True
    assert states(world.plan()) == ["stale", "blocked", "blocked"]
    assert world.plan().cells[1].reason == "needs a champion"


def test_a_film_that_the_catalogue_cannot_give_fails_in_all_its_tables_and_no_other_does(world: World) -> None:
    plan = world.plan(unusable={"gone": "film_missing: it is not there"})
    assert [cell.state for cell in plan.cells if cell.movie_id == "gone"] == ["failed"] * 3
    assert [cell.state for cell in plan.cells if cell.movie_id == "film"] == ["stale"] * 3


def test_a_cell_whose_footer_cannot_be_read_again_is_made_anew(world: World) -> None:
    snapshot = Snapshot({"shots": {"film": Entry("old key", "old meaning")}}, {})
    plan = make_plan([world.tables["shots"].planned()], {"film": "pictures"}, snapshot)
    assert [(cell.table, cell.reason) for cell in plan.stale] == [("shots", "its footer cannot be read")]


def test_cells_come_film_by_film_with_tables_in_the_order_of_their_needs(world: World) -> None:
    world.films["another"] = Film()
    steps = world.plan().by_film()
    assert list(steps) == ["another", "film"]
    assert [cell.table for cell in steps["film"]] == ["shots", "frames", "faces"]


def test_an_empty_catalogue_has_an_empty_plan(world: World) -> None:
    world.films.clear()
    assert world.plan().counts() == {"fresh": 0, "stale": 0, "blocked": 0, "failed": 0}
