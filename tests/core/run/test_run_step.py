"""A film's step: what is committed, what is recorded, and what one failure does to the rest."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _toy_tasks import HOOKS, Night, outcomes

from cinelake.errors import DamagedFilm, FilmError, InputChanged, StorageError, TaskFailed, UsageError, WeightsMissing
from cinelake.events import CellEnded, Deadline, DecodingMoved, FilmBegan, TaskBegan
from cinelake.lake.cells import Lake
from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.media.pipe_readers import PicturePipeReader, SoundPipeReader
from cinelake.run.step import SLOWEST_BYTES_PER_S, Step, run_step
from cinelake.run.streams import Group
from cinelake.spec.task import Film, VideoClock


def raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


ALL = ("cards", "echoes", "clock", "tones", "sums", "totals")


def test_a_step_makes_every_stale_cell_of_a_film(night: Night) -> None:
    assert outcomes(night.run(*ALL)) == dict.fromkeys(ALL, "made")
    assert {table: night.numbers(table) for table in ("cards", "clock", "sums", "totals")} == {
        "cards": [0, 5, 10, 15],
        "clock": [20],
        "sums": [30],
        "totals": [50],
    }


def test_a_second_night_has_nothing_to_do(night: Night) -> None:
    night.run(*ALL)
    assert night.steps(*ALL) == []


def test_a_changed_parameter_reruns_only_its_descendants(night: Night) -> None:
    night.run(*ALL)
    assert outcomes(night.run("cards: {every: 10}", *ALL[1:])) == dict.fromkeys(
        ("cards", "echoes", "sums", "totals"), "made"
    )
    assert night.numbers("totals") == [30]


def test_a_step_goes_to_another_process_as_it_is(night: Night) -> None:
    (step,) = night.steps(*ALL)
    assert pickle.loads(pickle.dumps(step)) == step  # noqa: S301 - bytes that this very line made


def test_the_film_is_decoded_once_for_all_who_read_it(night: Night) -> None:
    assert night.run(*ALL).frames_decoded == 20


def test_the_footer_tells_what_really_ran(night: Night) -> None:
    night.run("cards", "clock", "sums")
    run = night.lake.footer("cards", "film").run
    assert run["ffmpeg"] and {"numpy", "pyarrow", "av"} <= set(run["versions"])
    assert (run["decode"]["frames"], run["decode"]["errors"], run["rows"], run["device"]) == (20, 0, 4, "toy")
    assert run["film_bytes"] == night.film.stat().st_size and run["wall_s"] > 0
    assert "ffmpeg" not in night.lake.footer("sums", "film").run


@pytest.mark.parametrize(("end", "begin", "fact"), [(0.50, 0.55, "holes_s"), (0.55, 0.50, "clock_back_s")])
def test_the_footer_tells_what_is_missing_in_a_recording_or_came_twice(
    night: Night, end: float, begin: float, fact: str
) -> None:
    whole = night.film.with_name("whole.part")
    drawn = ["-f", "lavfi", "-i", "testsrc2=d=8:s=160x96:r=25", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25"]
    assert run_ffmpeg(["-y", *drawn, "-f", "mpegts", str(whole)], deadline_s=60).returncode == 0
    data = whole.read_bytes()
    first, second = (round(part * len(data) / 188) * 188 for part in (end, begin))
    night.film.write_bytes(data[:first] + data[second:])
    night.run("clock")
    decode = night.lake.footer("clock", "film").run["decode"]
    assert decode["errors"] and 0 < decode[fact] < 1


def test_the_footer_tells_what_went_into_the_key(night: Night) -> None:
    night.run("cards: {every: 10}", "sums")
    cards, sums = (night.lake.footer(table, "film") for table in ("cards", "sums"))
    assert cards and sums
    assert cards.ingredients["params"] == {"every": 10, "sign": 1, "back": "plain"}
    assert sums.ingredients["inputs"] == {"cards": cards.content_hash}


def test_progress_is_told_as_it_happens(night: Night) -> None:
    night.run("cards", "sums")
    assert [event for event in night.events if not isinstance(event, DecodingMoved)] == [
        Deadline("film", pytest.approx(620, abs=1)),
        FilmBegan("film", pytest.approx(2, abs=0.1)),
        CellEnded("film", "cards", "made"),
        TaskBegan("film", "sums"),
        CellEnded("film", "sums", "made"),
    ]


# --- failures


def test_a_task_that_raises_fails_alone_with_the_tail_of_its_traceback(night: Night) -> None:
    HOOKS["clock.on_batch"] = raising(ZeroDivisionError("by nothing"))
    assert outcomes(night.run("cards", "clock", "sums")) == {"clock": "task_failed", "cards": "made", "sums": "made"}
    failure = night.failure("clock") or {}
    assert "ZeroDivisionError: by nothing" in failure["message"] and not failure["transient"]
    assert "in on_batch" in failure["log_tail"]


@pytest.mark.parametrize("reader", [PicturePipeReader, SoundPipeReader])
def test_a_pipe_s_reader_that_raises_ends_the_step_at_once_with_its_words(
    night: Night, monkeypatch: pytest.MonkeyPatch, reader: type
) -> None:
    monkeypatch.setattr(reader, "take", lambda *_: raising(UnicodeError("no such letter"))())
    began = time.monotonic()
    assert outcomes(night.run("clock", "tones")) == {"clock": "task_failed", "tones": "task_failed"}
    assert time.monotonic() - began < 5
    failure = night.failure("clock") or {}
    assert "UnicodeError: no such letter" in failure["message"] and not failure["transient"]


MOMENTS = ["cards.init", "cards.on_batch", "cards.finish"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_stream_task_may_fail_at_any_moment_and_stops_only_what_needs_it(night: Night, moment: str) -> None:
    HOOKS[moment] = raising(RuntimeError("a bug"))
    ended = outcomes(night.run(*ALL, "answers"))
    assert {table: ended[table] for table in ("cards", "clock", "tones")} == {
        "cards": "task_failed",
        "clock": "made",
        "tones": "made",
    }
    assert {ended[table] for table in ("echoes", "answers", "sums", "totals")} == {"skipped"}
    assert [night.failure(table) for table in ("echoes", "answers", "sums", "totals")] == [None] * 4


@pytest.mark.parametrize(
    "error", [DamagedFilm("half of it is gone"), WeightsMissing("no weights at x"), InputChanged("!")]
)
def test_a_typed_failure_keeps_its_reason(night: Night, error: FilmError) -> None:
    HOOKS["sums.run"] = raising(error)
    assert outcomes(night.run("cards", "sums"))["sums"] == error.reason
    failure = night.failure("sums") or {}
    assert (failure["reason"], failure["message"], failure["transient"]) == (error.reason, str(error), error.transient)


def test_an_error_of_ours_that_is_no_film_s_is_a_bug_of_the_task(night: Night) -> None:
    HOOKS["sums.run"] = raising(UsageError("no such film"))
    assert outcomes(night.run("cards", "sums"))["sums"] == "task_failed"
    assert (night.failure("sums") or {})["message"] == "sums: no such film"


def test_a_table_that_breaks_its_contract_is_recorded_and_what_needs_it_is_skipped(night: Night) -> None:
    ended = outcomes(night.run("cards: {sign: -1}", "clock", "sums"))
    assert ended == {"cards": "contract_violation", "clock": "made", "sums": "skipped"}
    assert "'number': must be ≥ 0 (1 rows)" in (night.failure("cards") or {})["message"]
    assert night.numbers("cards") is None


def test_a_failed_table_task_leaves_its_descendants_without_a_row(night: Night) -> None:
    HOOKS["sums.run"] = raising(RuntimeError("a bug"))
    report = night.run("cards", "clock", "sums", "totals")
    assert outcomes(report)["totals"] == "skipped"
    assert ([cell.table for cell in report.failed()], night.failure("totals")) == (["sums"], None)


def test_an_old_cell_stays_when_its_successor_fails(night: Night) -> None:
    night.run("cards", "sums")
    HOOKS["sums.run"] = raising(RuntimeError("a bug"))
    night.run("cards: {every: 10}", "sums")
    assert (night.numbers("cards"), night.numbers("sums")) == ([0, 10], [30])


def test_a_repaired_task_clears_the_record_of_its_failure(night: Night) -> None:
    HOOKS["sums.run"] = raising(RuntimeError("a bug"))
    night.run("cards", "sums")
    assert night.steps("cards", "sums") == []
    HOOKS.clear()
    assert outcomes(night.run("cards", "sums", retry_failed=True)) == {"sums": "made"}
    assert night.failure("sums") is None


def test_a_film_that_ffmpeg_cannot_read_gives_a_row_for_each_stream_cell(night: Night) -> None:
    night.film.write_bytes(b"this is no film" * 1000)
    assert outcomes(night.run(*ALL)) == {
        **dict.fromkeys(("cards", "echoes", "clock", "tones"), "not_a_film"),
        **dict.fromkeys(("sums", "totals"), "skipped"),
    }
    assert [(night.failure(table) or {}).get("reason") for table in ("tones", "sums")] == ["not_a_film", None]


def test_a_film_whose_pictures_are_damaged_fails_once_in_each_stream_cell(night: Night) -> None:
    good = night.film.read_bytes()
    night.film.write_bytes(good[:600] + bytes(len(good) - 4000) + good[len(good) - 3400 :])
    HOOKS["cards.init"] = raising(RuntimeError("a bug"))
    report = night.run("cards", "clock", "tones")
    assert outcomes(report) == {"cards": "task_failed", "clock": "damaged_film", "tones": "damaged_film"}
    assert len(report.cells) == 3


def test_a_film_that_is_gone_when_its_step_begins_is_missing_and_tried_again(night: Night) -> None:
    (step,) = night.steps("cards", "clock")
    night.film.unlink()
    assert outcomes(run_step(step)) == {"cards": "film_missing", "clock": "film_missing"}
    assert (night.failure("cards") or {})["transient"]


def test_a_film_that_goes_while_it_is_decoded_leaves_no_cell(night: Night) -> None:
    HOOKS["clock.on_batch"] = lambda: night.film.unlink(missing_ok=True)
    assert outcomes(night.run("cards", "clock")) == {"cards": "film_missing", "clock": "film_missing"}
    assert night.lake.tables() == []


def test_a_film_that_is_replaced_while_it_is_decoded_leaves_no_cell(night: Night) -> None:
    HOOKS["cards.on_batch"] = lambda: (
        night.film.with_name("new").write_bytes(b"x") and night.film.with_name("new").replace(night.film)
    )
    assert outcomes(night.run("cards")) == {"cards": "input_changed"}
    assert night.numbers("cards") is None


def change_cards(night: Night) -> None:
    """Another run makes the cards anew, with another parameter."""
    HOOKS.clear()
    night.run("cards: {every: 4}")


CHANGES: dict[str, Callable[[Night], Any]] = {
    "made anew": change_cards,
    "deleted": lambda night: night.lake.delete_cell("cards", "film"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_result_made_from_an_input_that_changed_meanwhile_is_discarded(
    night: Night, change: Callable[[Night], Any]
) -> None:
    night.run("cards")
    HOOKS["sums.run"] = lambda: change(night)
    assert outcomes(night.run("cards", "sums")) == {"sums": "input_changed"}
    assert night.numbers("sums") is None
    assert (night.failure("sums") or {})["transient"]


def test_an_input_that_is_gone_before_it_is_read_has_changed(night: Night) -> None:
    night.run("cards")
    (step,) = night.steps("cards", "sums")
    night.lake.delete_cell("cards", "film")
    assert outcomes(run_step(step)) == {"sums": "input_changed"}


@pytest.mark.parametrize("moment", ["cards.on_batch", "sums.run"])
def test_a_lake_that_cannot_be_written_ends_the_step(night: Night, moment: str) -> None:
    HOOKS[moment] = raising(StorageError("the disk is full"))
    with pytest.raises(StorageError, match="the disk is full"):
        night.run("cards", "sums")
    assert list((night.folder / "lake/_tmp").iterdir()) == []


@pytest.mark.parametrize(("film_s", "limit_s"), [(None, 60 + 2 * 4), (1000.0, 60 + 2 * 1000)])
def test_a_step_s_deadline_grows_with_its_film(film_s: float | None, limit_s: float) -> None:
    step = Step("lake", Film("film", size_bytes=10_000), (), deadline_s=60, deadline_per_film_second=2)
    assert step.limit_s(film_s) == limit_s


DAY_S = 86_400


@pytest.mark.parametrize(
    ("film_s", "size_bytes", "deadline_s", "limit_s"),
    [
        (5771 * 3600.0, 330_000, 600.0, 7 * DAY_S),
        (9e12, 330_000, 600.0, 7 * DAY_S),
        (None, 10**12, 600.0, 7 * DAY_S),
        (5771 * 3600.0, 330_000, 30.0 * DAY_S, 30 * DAY_S),
        (3 * 3600.0, 10**9, 600.0, 600 + 10 * 3 * 3600),
    ],
)
def test_no_film_s_own_word_gives_it_more_than_a_week(
    film_s: float | None, size_bytes: int, deadline_s: float, limit_s: float
) -> None:
    assert Step("lake", Film("film", size_bytes=size_bytes), (), deadline_s).limit_s(film_s) == limit_s


@pytest.mark.parametrize("declared_s", [36_000.0, 5771 * 3600.0, 9e12, -1e4, float("nan")])
def test_a_length_that_a_film_cannot_have_sets_no_deadline(night: Night, declared_s: float) -> None:
    film = night.film.with_suffix(".mkv")
    done = run_ffmpeg(["-i", str(night.film), "-c", "copy", str(film)], deadline_s=20)
    assert done.returncode == 0, done.log_tail
    data = bytearray(film.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3
    data[at : at + 8] = struct.pack(">d", declared_s * 1000)
    film.write_bytes(data)
    night.film.unlink()
    assert outcomes(night.run("clock", "tones")) == {"clock": "made", "tones": "made"}
    by_size_s = 600 + 10 * len(data) / SLOWEST_BYTES_PER_S
    (limit,) = (event.limit_s for event in night.events if isinstance(event, Deadline))
    assert limit <= max(by_size_s, 600 + 10 * 3)
    assert night.numbers("clock") == [20]


def test_a_film_that_states_no_length_has_the_deadline_of_its_size(night: Night) -> None:
    film = night.film.with_suffix(".h264")
    run_ffmpeg(["-i", str(night.film), "-c", "copy", "-an", "-bsf:v", "h264_mp4toannexb", str(film)], deadline_s=20)
    night.film.unlink()
    assert outcomes(night.run("clock")) == {"clock": "made"}
    assert [event for event in night.events if isinstance(event, Deadline | FilmBegan)] == [
        Deadline("film", 600 + 10 * film.stat().st_size / SLOWEST_BYTES_PER_S),
        FilmBegan("film", 0.0),
    ]


def test_a_step_sweeps_what_a_dead_process_left_and_nothing_of_a_living_one(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    step = Step(str(tmp_path), Film("film"), ())
    with Lake(step.lake).scratch() as living:
        host, _, _ = living.name.rsplit("-", 2)
        left = living.parent / f"{host}-{dead.pid}-cafe"
        left.mkdir()
        (left / "cards.parquet").touch()
        step.sweep()
        assert list(living.parent.iterdir()) == [living]


def damaged(night: Night) -> None:
    """The film's last part is missing."""
    done = run_ffmpeg(["-i", str(night.film), "-c:v", "mpeg4", "-an", f"{night.film}.avi"], deadline_s=20)
    assert done.returncode == 0, done.log_tail
    data = Path(f"{night.film}.avi").read_bytes()
    Path(f"{night.film}.avi").unlink()
    night.film.unlink()
    night.film.with_suffix(".avi").write_bytes(data[: len(data) * 3 // 4])


@pytest.mark.parametrize("more", ["on_damage: keep", "accept: [film]"])
def test_what_can_be_read_of_a_damaged_film_is_kept_when_a_person_says_so(night: Night, more: str) -> None:
    damaged(night)
    assert outcomes(night.run("clock")) == {"clock": "damaged_film"}
    assert night.steps("clock") == []
    night.catalogue = f"{{films: films, {more}}}"
    assert outcomes(night.run("clock")) == {"clock": "made"}
    assert 5 < night.numbers("clock")[0] < 20
    damage = night.lake.footer("clock", "film").run["decode"]["damage"]
    assert damage.startswith("the film is cut off: ") and damage.endswith(" are lost)")
    assert night.steps("clock") == [] and night.failure("clock") is None


def test_a_film_with_damaged_pictures_is_read_again_by_one_thread_and_no_row_stands_twice(night: Night) -> None:
    words = ["-f", "lavfi", "-i", "testsrc2=d=2:s=800x600:r=10", "-c:v", "mpeg4", "-q:v", "3", "-g", "5"]
    assert run_ffmpeg(["-y", *words, str(night.film)], deadline_s=20).returncode == 0
    data = bytearray(night.film.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    night.film.write_bytes(data)
    assert set(outcomes(night.run("cards", "echoes", "clock")).values()) == {"made"}
    assert (night.numbers("cards"), night.numbers("clock")) == ([0, 5, 10, 15], [20])


def test_what_a_call_ends_with_whose_task_is_made_anew_meanwhile_concerns_no_cell() -> None:
    done: set[str] = set()
    cell: Any = SimpleNamespace(table="clock")
    member: Any = SimpleNamespace(cell=cell, stream=VideoClock(), on_batch=lambda _: (group.give_up(), 1 / 0))
    group = Group([member], Any, Any, done)
    with pytest.raises(TaskFailed, match="every task of this group"):
        group.on_batches({"clock": Any})
    assert not done


def test_a_film_of_which_nothing_can_be_kept_is_not_tried_every_night(night: Night) -> None:
    night.film.write_bytes(night.film.read_bytes()[:200])
    night.catalogue = "{films: films, on_damage: keep}"
    assert outcomes(night.run("clock")) == {"clock": "nothing_to_keep"}
    assert night.steps("clock") == []


def test_a_table_that_reads_the_film_itself_fails_with_the_damage_that_its_decoding_found(night: Night) -> None:
    damaged(night)
    assert set(outcomes(night.run("clock", "subtitles")).values()) == {"damaged_film"}


@pytest.mark.parametrize("accept", ["yes", "TRUE", "x"])
def test_a_list_accepts_a_film(night: Night, accept: str) -> None:
    damaged(night)
    (night.folder / "films.csv").write_text(f"uri,accept\nfilms/film.avi,{accept}\n")
    night.catalogue = "{list: films.csv}"
    assert outcomes(night.run("clock")) == {"clock": "made"}
