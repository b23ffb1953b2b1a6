"""A film that is read otherwise than by an earlier release: its cells are made anew, and no other film's are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from _toy_tasks import HOOKS, TASKS, Night, outcomes

from cinelake.errors import DamagedFilm
from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.run.step import not_yet_made, report_lost, run_step
from cinelake.spec.film import Probe

TABLES = ("cards", "sums", "clock", "tones")
RGB, ORDINARY = ("-c:v", "libx264rgb"), ("-c:v", "libx264", "-pix_fmt", "yuv420p")


@pytest.fixture
def night(tmp_path: Path, own_tasks: Callable[..., None]) -> Iterator[Night]:
    own_tasks(*TASKS)
    night = Night(tmp_path)
    night.films.mkdir()
    yield night


def draw(night: Night, options: tuple[str, ...]) -> None:
    sources = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2", "-f", "lavfi", "-i", "sine=d=2"]
    done = run_ffmpeg([*sources, *options, f"file:{night.film}"], deadline_s=60)
    assert done.returncode == 0, done.log_tail


def run_as_before(night: Night, monkeypatch: pytest.MonkeyPatch, *tables: str) -> None:
    """What a release left that knew no such films."""
    with monkeypatch.context() as patch:
        patch.setattr(Probe, "is_read_otherwise", False)
        night.run(*tables)


def stale(night: Night, *tables: str) -> dict[str, str]:
    return {cell.table: cell.reason for cell in night.plan(*tables).plan.stale}


def test_one_new_table_shows_that_the_others_are_old_and_the_next_run_makes_them(night, monkeypatch):
    draw(night, RGB)
    run_as_before(night, monkeypatch, "cards", "sums", "tones")
    assert stale(night, "cards", "sums", "tones") == {}
    assert stale(night, *TABLES) == {"clock": "missing"}
    older = night.plan(*TABLES).has_older_tables("film")
    assert night.run(*TABLES).read_otherwise and older
    read = "its film is read as a person sees and hears it (light, fields, cropping, streams)"
    assert stale(night, *TABLES) == {"cards": read, "tones": read, "sums": "upstream cards may change it"}
    night.run(*TABLES)
    assert stale(night, *TABLES) == {}


def test_a_new_film_of_that_kind_is_made_once(night):
    draw(night, RGB)
    assert not night.plan(*TABLES).has_older_tables("film")
    night.run(*TABLES)
    assert stale(night, *TABLES) == {}
    assert night.lake.footer("sums", "film").key.endswith("-read2")


def test_an_ordinary_film_keeps_every_key(night, monkeypatch):
    draw(night, ORDINARY)
    run_as_before(night, monkeypatch, "cards", "sums", "tones")
    before = {name: night.lake.footer(name, "film") for name in ("cards", "sums", "tones")}
    night.run(*TABLES)
    assert {name: night.lake.footer(name, "film") for name in before} == before
    assert stale(night, *TABLES) == {}


def test_what_is_made_from_an_old_table_is_as_old_as_that(night, monkeypatch):
    draw(night, RGB)
    run_as_before(night, monkeypatch, "cards")
    night.run("cards", "clock", "sums")
    assert set(stale(night, "cards", "clock", "sums")) == {"cards", "sums"}


def test_a_film_that_was_replaced_is_read_by_no_rule_of_the_one_before(night):
    draw(night, RGB)
    night.run("cards", "tones")
    night.film.unlink()
    draw(night, ORDINARY)
    night.run("cards")
    assert stale(night, "cards", "tones") == {"tones": "film changed"}
    assert not night.lake.footer("cards", "film").key.endswith("-read2")


def test_a_step_whose_worker_died_makes_old_cells_still(night, monkeypatch):
    draw(night, RGB)
    run_as_before(night, monkeypatch, "cards", "sums")
    night.run("clock", "cards", "sums")
    (step,) = night.steps("clock", "cards", "sums")
    assert [cell.table for cell in not_yet_made(step).cells] == ["cards", "sums"]
    run_step(replace(step, cells=step.cells[:1]))
    assert [cell.table for cell in not_yet_made(step).cells] == ["sums"]


def test_what_follows_a_table_of_the_reading_before_shows_that_both_are_old(night, monkeypatch):
    draw(night, RGB)
    run_as_before(night, monkeypatch, "cards")
    night.run("cards", "echoes")
    assert night.lake.footer("echoes", "film").key.endswith("-read2+")
    assert set(stale(night, "cards", "echoes")) == {"cards", "echoes"}
    assert outcomes(night.run("cards", "echoes")) == {"cards": "made", "echoes": "made"}
    assert stale(night, "cards", "echoes") == {}


def test_what_is_made_from_a_follower_of_an_old_table_is_made_with_it(night, monkeypatch):
    draw(night, RGB)
    run_as_before(night, monkeypatch, "cards")
    chain = ("cards", "echoes", "answers")
    assert outcomes(night.run(*chain)) == {"echoes": "made", "answers": "made"}
    assert set(stale(night, *chain)) == set(chain)


def fail() -> None:
    raise DamagedFilm("a bug of this reading")


@pytest.mark.parametrize("moment", ["clock.on_batch", "sums.run"])
def test_what_failed_in_the_reading_before_is_tried_once_in_this_one(night, monkeypatch, moment):
    draw(night, RGB)
    failing = moment.partition(".")[0]
    monkeypatch.setitem(HOOKS, moment, fail)
    run_as_before(night, monkeypatch, "cards", "clock", "sums")
    assert stale(night, *TABLES) == {"tones": "missing"}
    night.run(*TABLES)
    assert failing in stale(night, *TABLES)
    night.run(*TABLES)
    assert stale(night, *TABLES) == {}


def test_what_fails_in_this_reading_is_known_bad_at_once_and_shows_the_film(night, monkeypatch):
    draw(night, RGB)
    run_as_before(night, monkeypatch, "tones")
    monkeypatch.setitem(HOOKS, "clock.on_batch", fail)
    night.run("tones", "clock")
    assert set(stale(night, "tones", "clock")) == {"tones"}


def test_a_step_that_was_killed_records_failures_of_the_reading_that_its_cells_show(night):
    draw(night, RGB)
    (step,) = night.steps("cards", "clock", "sums")
    run_step(replace(step, cells=step.cells[:1]))
    report_lost(step, DamagedFilm("it kills ffmpeg"))
    assert stale(night, "cards", "clock", "sums") == {}


def test_a_follower_of_this_reading_is_not_kept_beside_a_table_of_the_reading_before(night, monkeypatch):
    draw(night, RGB)
    night.run("cards", "echoes")
    run_as_before(night, monkeypatch, "cards: {back: striped}")
    (echoes,) = night.plan("cards: {back: striped}", "echoes").plan.stale
    assert echoes.work == "make"
    assert outcomes(night.run("cards: {back: striped}", "echoes")) == {"echoes": "made"}
