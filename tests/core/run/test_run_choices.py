"""What the manifest or the list chooses of a film's streams reaches the tables that read them, and only those."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _toy_tasks import TASKS, Night, outcomes

from cinelake.media.ffmpeg import run_ffmpeg

GERMAN = "streams: {sound: {language: [deu]}}"


@pytest.fixture
def night(tmp_path: Path, own_tasks: Callable[..., None]) -> Iterator[Night]:
    """A night with one film: one second of English sound, two of German."""
    own_tasks(*TASKS)
    night = Night(tmp_path)
    night.films.mkdir()
    sources = ["testsrc=size=64x48:rate=10:duration=2", "sine=d=1", "sine=d=2"]
    inputs = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
    named = ["-map", "0", "-map", "1", "-map", "2", "-metadata:s:1", "language=eng", "-metadata:s:2", "language=deu"]
    done = run_ffmpeg([*inputs, *named, "-pix_fmt", "yuv420p", f"file:{night.film}"], deadline_s=60)
    assert done.returncode == 0, done.log_tail
    yield night


def seconds_of_sound(night: Night) -> int:
    (samples,) = night.numbers("tones") or [0]
    return round(samples / 8000)


def test_a_choice_makes_anew_what_reads_that_kind_of_stream(night: Night) -> None:
    night.run("clock", "tones")
    assert seconds_of_sound(night) == 1
    night.more = GERMAN
    assert [(cell.table, cell.reason) for cell in night.plan("clock", "tones").plan.stale] == [
        ("tones", "choice of audio")
    ]
    night.run("clock", "tones")
    assert seconds_of_sound(night) == 2


def test_a_row_of_the_list_goes_before_the_manifest(night: Night) -> None:
    night.catalogue, night.more = "{list: films.csv}", GERMAN
    (night.folder / "films.csv").write_text("uri,sound_language\nfilms/film.mp4,ja|en\n")
    night.run("tones")
    assert seconds_of_sound(night) == 1


def test_a_choice_that_must_fit_fails_only_what_listens(night: Night) -> None:
    night.more = "streams: {sound: {language: jpn, otherwise: fail}}"
    assert outcomes(night.run("clock", "cards", "tones")) == {
        "clock": "made",
        "cards": "made",
        "tones": "no_such_stream",
    }
    assert "none of 2 streams is of language jpn" in (night.failure("tones") or {})["message"]


def test_a_choice_that_says_nothing_changes_no_key(night: Night) -> None:
    night.run("clock", "tones")
    night.more = "streams: {sound: {language: [], otherwise: usual}, pictures: {}}"
    assert night.plan("clock", "tones").plan.stale == ()


def test_cutting_bars_off_makes_anew_what_looks_at_pictures(night: Night) -> None:
    night.run("cards", "tones")
    night.more = "streams: {pictures: {bars: crop}}"
    assert [(cell.table, cell.reason) for cell in night.plan("cards", "tones").plan.stale] == [
        ("cards", "choice of video")
    ]
