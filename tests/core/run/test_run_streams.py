"""Stream tasks of one film: followers and whom they follow, in one decode or by replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _toy_tasks import HOOKS, TASKS, Night, outcomes

from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.run.step import run_step


@pytest.fixture
def night(tmp_path: Path, draw_film: Callable[..., Path], own_tasks: Callable[..., None]) -> Iterator[Night]:
    """A night with one film of twenty pictures, without sound."""
    own_tasks(*TASKS)
    night = Night(tmp_path)
    draw_film(night.film)
    yield night
    HOOKS.clear()


def bug() -> None:
    raise RuntimeError("a bug")


def order_of(*moments: str) -> list[str]:
    """The order in which moments come, each at its first time."""
    seen: list[str] = []
    for moment in moments:
        HOOKS[moment] = lambda moment=moment: seen.append(moment) if moment not in seen else None
    return seen


def test_a_follower_is_given_rows_live_and_by_replay_with_equal_result(night: Night) -> None:
    night.run("cards", "echoes", "answers")
    live = night.lake.reader("echoes", "film").read(), night.lake.reader("answers", "film").read()
    for table in ("echoes", "answers"):
        night.lake.delete_cell(table, "film")
        assert outcomes(night.run("cards", "echoes", "answers")) == {table: "made"}
    replayed = night.lake.reader("echoes", "film").read(), night.lake.reader("answers", "film").read()
    assert live[0]["number"].to_pylist() == [20, 15, 10, 5]
    assert [table.to_pylist() for table in live] == [table.to_pylist() for table in replayed]


def test_live_rows_come_before_the_follower_s_own_look_at_the_pictures(night: Night) -> None:
    seen = order_of("cards.on_batch", "echoes.on_rows", "echoes.on_batch", "cards.finish", "echoes.finish")
    night.run("cards", "echoes")
    assert seen == ["cards.on_batch", "echoes.on_rows", "echoes.on_batch", "cards.finish", "echoes.finish"]


def test_replayed_rows_come_before_the_first_picture(night: Night) -> None:
    night.run("cards")
    seen = order_of("cards.on_batch", "echoes.on_rows", "echoes.on_batch", "echoes.finish")
    night.run("cards", "echoes")
    assert seen == ["echoes.on_rows", "echoes.on_batch", "echoes.finish"]


@pytest.mark.parametrize("moment", ["echoes.on_rows", "echoes.on_batch", "echoes.finish"])
def test_a_follower_that_fails_does_not_stop_whom_it_follows(night: Night, moment: str) -> None:
    HOOKS[moment] = bug
    assert outcomes(night.run("cards", "echoes", "answers", "clock", "sums")) == {
        "cards": "made",
        "echoes": "task_failed",
        "answers": "skipped",
        "clock": "made",
        "sums": "made",
    }
    assert night.numbers("cards") == [0, 5, 10, 15]


def test_a_follower_that_fails_while_rows_are_replayed_fails_alone(night: Night) -> None:
    night.run("cards")
    HOOKS["echoes.on_rows"] = bug
    assert outcomes(night.run("cards", "echoes", "answers", "clock")) == {
        "echoes": "task_failed",
        "answers": "skipped",
        "clock": "made",
    }


def test_two_followers_of_one_task_do_not_know_of_each_other(night: Night) -> None:
    HOOKS["echoes.on_batch"] = bug
    report = night.run("cards", "clock", "echoes", "others")
    assert outcomes(report) == {"cards": "made", "clock": "made", "echoes": "task_failed", "others": "made"}


def test_a_task_may_follow_two_that_do_not_know_of_each_other(night: Night) -> None:
    night.run("cards", "clock", "others")
    live = night.numbers("others")
    for table in ("clock", "others"):
        night.lake.delete_cell(table, "film")
    night.run("cards", "clock", "others")
    assert live == night.numbers("others") == [20, 15, 10, 5, 0]


def test_a_followed_table_that_changes_while_it_is_replayed_discards_the_follower(night: Night) -> None:
    night.run("cards")

    def change() -> None:
        HOOKS.clear()
        night.run("cards: {every: 4}")

    HOOKS["echoes.on_batch"] = change
    assert outcomes(night.run("cards", "echoes")) == {"echoes": "input_changed"}
    assert night.numbers("echoes") is None


def test_a_followed_table_that_is_gone_before_it_is_replayed_fails_the_follower_alone(night: Night) -> None:
    night.run("cards")
    (step,) = night.steps("cards", "echoes", "clock")
    night.lake.delete_cell("cards", "film")
    assert outcomes(run_step(step)) == {"echoes": "input_changed", "clock": "made"}


def test_a_film_without_sound_has_a_table_of_sound_all_the_same(night: Night) -> None:
    assert outcomes(night.run("tones", "clock")) == {"tones": "made", "clock": "made"}
    assert night.numbers("tones") == [0]


def test_one_task_may_make_two_tables_under_names_of_their_own(night: Night) -> None:
    night.run("cards", "rare: {task: cards, every: 10}", "sums: {inputs: {cards: rare}}")
    assert (night.numbers("cards"), night.numbers("rare"), night.numbers("sums")) == ([0, 5, 10, 15], [0, 10], [10])


def test_the_footer_tells_by_how_much_pictures_are_late(night: Night) -> None:
    drawn = ["-f", "lavfi", "-i", "testsrc2=d=1:s=64x48:r=25", "-c:v", "mpeg4", "-bf", "2", "-f", "avi"]
    assert run_ffmpeg(["-y", *drawn, str(night.film)], deadline_s=60).returncode == 0
    night.run("clock")
    footer = night.lake.footer("clock", "film")
    assert footer and footer.run["decode"]["pictures_late_s"] == 0.04
