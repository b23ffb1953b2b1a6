"""films: one row that says what the file is, with the pictures counted and timed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core.media._films import make_film, remux
from core.media._recorder import Recorder

from cinelake.media.batches import FrameBatch
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.film import Probe, SoundInfo, VideoInfo
from cinelake.spec.task import Film, NoParams, VideoClock
from tasks.films import FILMS, DescribeFilm

VIDEO = VideoInfo(
    0, "h264", 1440, 1080, 1920, 1080, 90, Fraction(4, 3), 25.0, Fraction(1, 90000), "yuv420p", 8, 99, 4.0
)
SOUND = SoundInfo(index=1, codec="aac", sample_rate=48000, channels=2, start_s=0.0, duration_s=4.0)


def probed(video: VideoInfo | None = VIDEO, audio: SoundInfo | None = SOUND) -> Probe:
    return Probe("mov,mp4", 4.04, 0.0, video, audio, (), int(video is not None), int(audio is not None))


def row_of(times_s: list[float], probe: Probe | None = None, batch: int = 7, title: str = "A film") -> dict[str, Any]:
    film = Film("a_film", uri="films/a.mp4", title=title, size_bytes=12, fingerprint="f", probe=probe or probed())
    task = DescribeFilm(NoParams(), film)
    times, nominal = np.array(times_s, float), times_s[1] - times_s[0] if len(times_s) > 1 else 0.04
    durations = np.append(np.diff(times), nominal)
    for at in range(0, len(times), batch):
        part = slice(at, at + batch)
        task.on_batch(FrameBatch(np.arange(len(times))[part], times[part], durations[part], None))
    (found,) = task.finish()
    FILMS.check(found, "a_film")
    return dict(found.to_pylist()[0])


def test_pictures_are_counted_and_their_rate_is_measured() -> None:
    row = row_of([n / 25 for n in range(50)])
    assert (row["frame_count"], row["fps"], row["is_vfr"]) == (50, pytest.approx(25), False)


def test_times_rounded_to_a_millisecond_are_still_a_constant_rate() -> None:
    assert row_of([round(n / 24, 3) for n in range(60)])["is_vfr"] is False


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_one_long_pause_makes_the_rate_variable_wherever_batches_end(batch: int) -> None:
    times = [n / 25 for n in range(9)] + [n / 25 + 0.5 for n in range(9, 20)]
    row = row_of(times, batch=batch)
    assert row["is_vfr"] is True
    assert row["fps"] == pytest.approx(20 / (20 / 25 + 0.5))


def test_size_and_rotation_are_as_shown() -> None:
    row = row_of([0.0, 0.04])
    assert (row["width"], row["height"], row["rotation"]) == (1920, 1080, 90)


def test_a_film_without_pictures_has_nulls_for_them() -> None:
    row = row_of([], probed(video=None))
    assert row["frame_count"] == 0
    assert [row[name] for name in ("video_codec", "width", "height", "fps", "is_vfr")] == [None] * 5
    assert row["audio_codec"] == "aac"


def test_a_film_without_sound_says_so() -> None:
    row = row_of([0.0, 0.04], probed(audio=None))
    assert (row["has_sound"], row["audio_codec"], row["channels"]) == (False, None, None)


def test_a_film_of_one_picture_has_a_rate() -> None:
    row = row_of([0.0])
    assert (row["frame_count"], row["fps"], row["is_vfr"]) == (1, pytest.approx(25), False)


def test_without_a_title_the_movie_id_stands_in() -> None:
    assert row_of([0.0, 0.04], title="")["title"] == "a_film"


def test_a_film_that_states_no_length_has_null_for_it() -> None:
    assert row_of([0.0, 0.04], replace(probed(), duration_s=None, declared_s=36_000.0))["duration_s"] is None


def test_pictures_that_go_on_beyond_a_guessed_length_are_counted() -> None:
    assert row_of([n / 25 for n in range(200)])["duration_s"] == pytest.approx(8)


def test_time_that_the_clock_of_a_recording_jumps_over_is_no_part_of_its_length(tmp_path: Path) -> None:
    part = make_film(tmp_path / "part.ts", "testsrc=d=4:s=64x48:r=25", "sine=d=4")
    later = remux(part, tmp_path / "later.ts", "-output_ts_offset", "1000")
    part.write_bytes(part.read_bytes() + later.read_bytes())
    seen = Recorder(clock=VideoClock())
    read_film(str(part), probe(str(part)), [seen], deadline_s=60)
    row = row_of(seen.column("clock", "times_s").tolist(), probe(str(part)))
    assert (row["frame_count"], row["duration_s"]) == (200, pytest.approx(8, abs=0.1))


def test_what_was_lost_of_a_damaged_film_stands_in_its_row() -> None:
    task = DescribeFilm(NoParams(), Film("a_film", probe=probed()))
    task.on_batch(FrameBatch(np.arange(2), np.array([0.0, 0.04]), np.array([0.04, 0.04]), None))
    task.on_damage("70 % are lost")
    (row,) = next(task.finish()).to_pylist()
    assert (row["damage"], row["duration_s"]) == ("70 % are lost", pytest.approx(0.08))
    assert row_of([0.0, 0.04])["damage"] is None
