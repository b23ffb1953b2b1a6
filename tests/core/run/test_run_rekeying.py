"""What comes out the same is not made again: a cell gets its new key, and its data stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from _toy_tasks import HOOKS, Night, outcomes

from cinelake.lake.cells import Footer
from cinelake.run.cells import StepReport
from cinelake.run.step import run_step
from flows.fan_out import with_those_before

CHAIN = ("cards", "echoes", "clock", "sums", "totals")
SAME_CARDS = ("cards: {back: striped}", *CHAIN[1:])
OTHER_CARDS = ("cards: {every: 10}", *CHAIN[1:])


def footer_of(night: Night, table: str) -> Footer:
    footer = night.lake.footer(table, "film")
    assert footer
    return footer


def data_of(night: Night, table: str) -> bytes:
    """A cell's file without its metadata."""
    content = Path(night.lake.cell_path(table, "film")).read_bytes()
    return content[: len(content) - 8 - int.from_bytes(content[-8:-4], "little")]


def works(night: Night, *entries: str) -> dict[str, str]:
    return {cell.table: cell.work for cell in night.plan(*entries).plan.stale}


def without_digests(night: Night, table: str) -> None:
    """A cell as releases before digests made it."""
    footer = footer_of(night, table)
    plain = Footer(footer.key, footer.content_hash, footer.ingredients, footer.run)
    night.lake.rekey(table, "film", plain, before=footer)


def test_tables_of_an_input_that_came_out_the_same_are_not_made_again(night: Night) -> None:
    night.run(*CHAIN)
    before = {table: data_of(night, table) for table in ("sums", "totals")}
    HOOKS["sums.run"] = lambda: pytest.fail("sums is made again")
    assert outcomes(night.run(*SAME_CARDS)) == {
        "cards": "made", "echoes": "made", "sums": "rekeyed", "totals": "rekeyed"
    }  # fmt: skip
    assert {table: data_of(night, table) for table in before} == before
    assert night.steps(*SAME_CARDS) == []


def test_provenance_tells_of_the_key_before_and_of_the_run_that_made_the_data(night: Night) -> None:
    night.run(*CHAIN)
    was = footer_of(night, "sums")
    night.run(*SAME_CARDS)
    now = footer_of(night, "sums")
    assert now.run["rekeyed"]["key_before"] == was.key != now.key
    assert {**now.run, "rekeyed": None} == {**was.run, "rekeyed": None}
    assert now.ingredients["inputs"] == {"cards": footer_of(night, "cards").content_hash}


def test_an_input_that_came_out_otherwise_has_its_tables_made(night: Night) -> None:
    night.run(*CHAIN)
    assert outcomes(night.run(*OTHER_CARDS)) == dict.fromkeys(("cards", "echoes", "sums", "totals"), "made")
    assert night.numbers("totals") == [30]


def test_what_follows_a_table_that_was_made_before_needs_no_decode(night: Night) -> None:
    night.run(*CHAIN)
    night.run(SAME_CARDS[0])
    report = night.run(*SAME_CARDS)
    assert outcomes(report) == dict.fromkeys(("echoes", "sums", "totals"), "rekeyed")
    assert report.frames_decoded == 0


def test_what_follows_a_table_that_only_gets_its_key_needs_no_decode_either(night: Night) -> None:
    chain = ("cards", "echoes", "answers")
    night.run(*chain)
    night.run(SAME_CARDS[0])
    assert works(night, SAME_CARDS[0], *chain[1:]) == {"echoes": "rekey", "answers": "rekey"}
    report = night.run(SAME_CARDS[0], *chain[1:])
    assert outcomes(report) == {"echoes": "rekeyed", "answers": "rekeyed"}
    assert report.frames_decoded == 0


def test_the_plan_says_may_until_the_inputs_are_there(night: Night) -> None:
    night.run(*CHAIN)
    assert works(night, *SAME_CARDS) == {"cards": "make", "echoes": "make", "sums": "may", "totals": "may"}
    reasons = {cell.table: cell.reason for cell in night.plan(*SAME_CARDS).plan.stale}
    assert reasons["sums"] == "upstream cards may change it"
    night.run(SAME_CARDS[0])
    assert works(night, *SAME_CARDS) == dict.fromkeys(("echoes", "sums", "totals"), "rekey")


def test_the_plan_knows_when_an_input_came_out_otherwise(night: Night) -> None:
    night.run(*CHAIN)
    night.run(OTHER_CARDS[0])
    assert works(night, *OTHER_CARDS) == {"echoes": "make", "sums": "make", "totals": "may"}


@pytest.mark.parametrize("table", ["cards", "sums"])
def test_a_lake_without_digests_is_made_once_more(night: Night, table: str) -> None:
    night.run(*CHAIN)
    without_digests(night, table)
    if table == "sums":
        assert works(night, *SAME_CARDS)["sums"] == "make"
        assert outcomes(night.run(*SAME_CARDS))["sums"] == "made"
    else:  # what is stale is made anyway, and has a digest then
        assert outcomes(night.run(*SAME_CARDS))["sums"] == "rekeyed"
    again = ("cards: {back: dotted}", *CHAIN[1:])
    assert outcomes(night.run(*again))["sums"] == "rekeyed"


@pytest.mark.parametrize("change", ["version", "params"])
def test_what_a_task_itself_changes_is_always_made(night: Night, change: str) -> None:
    night.run(*CHAIN)
    footer = footer_of(night, "sums")
    older: dict[str, Any] = {"version": {"version": 0}, "params": {"params": {"least": 3}}}[change]
    before = Footer("before", "before", {**footer.ingredients, **older}, footer.run, input_digests=footer.input_digests)
    night.lake.rekey("sums", "film", before, before=footer)
    assert outcomes(night.run(*SAME_CARDS))["sums"] == "made"


def test_a_run_that_was_killed_between_an_input_and_its_tables_goes_on_with_their_keys(night: Night) -> None:
    night.run(*CHAIN)
    HOOKS["sums.run"] = lambda: pytest.fail("sums is made again")
    night.run("cards: {back: striped}", "clock")  # as if the process had died here
    assert outcomes(night.run(*SAME_CARDS))["sums"] == "rekeyed"
    assert footer_of(night, "sums").input_digests == {"cards": footer_of(night, "cards").content_digest}


def test_a_table_whose_input_failed_keeps_its_old_key(night: Night) -> None:
    night.run(*CHAIN)
    was = footer_of(night, "sums").key
    assert outcomes(night.run("cards: {sign: -1}", *CHAIN[1:]))["sums"] == "skipped"
    assert footer_of(night, "sums").key == was


def test_a_retried_film_s_report_tells_new_keys_from_cells_made(night: Night) -> None:
    night.run(*CHAIN)
    (step,) = night.steps(*SAME_CARDS)
    report = run_step(step)
    assert outcomes(with_those_before(StepReport("film"), step)) == outcomes(report)
    (step,) = night.steps(*OTHER_CARDS)
    report = run_step(step)  # what had a new key alone is made now
    assert outcomes(with_those_before(StepReport("film"), step)) == dict.fromkeys(outcomes(report), "made")
