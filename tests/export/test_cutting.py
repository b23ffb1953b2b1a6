"""Cutting: exact to the picture and to the sound, in any order, encoded or copied."""

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from core.media._films import remux, titled
from core.media._numbered import click_times_s, numbered_film, picture_times_s, shown_numbers

from cinelake.errors import DecodeTimeout, UsageError
from cinelake.media.clock import FilmClock, read_clock
from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.media.probe import probe
from export.cutting import cut_film

B_FRAMES = ["-c:v", "libx264", "-preset", "medium", "-g", "25", "-sc_threshold", "0", "-bf", "3", "-pix_fmt", "yuv420p"]
AAC = ["-c:a", "aac"]
OUT_OF_ORDER = [(2.0, 2.6), (0.52, 1.4), (3.0, 9.0)]


@pytest.fixture(scope="session")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds at 25 fps with a keyframe every second, B-frames, and a click at every second."""
    return numbered_film(tmp_path_factory.mktemp("numbered") / "film.mp4", options=[*B_FRAMES, *AAC])


def clock_of(film: Path) -> FilmClock:
    return read_clock(str(film), probe(str(film)), deadline_s=60)


def cut(film: Path, spans: list[tuple[float, float]], output: Path, *, copy: bool = False) -> list[int]:
    """Cut, and give the numbers that the output should show."""
    clock = clock_of(film)
    cuts = [clock.cut(*span) for span in spans]
    cut_film(str(film), probe(str(film)), clock, cuts, output, copy=copy, deadline_s=60)
    return [number for part in cuts for number in range(part.start_frame, part.end_frame)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_the_output_shows_exactly_the_pictures_of_the_spans_in_the_order_given(numbered, tmp_path, suffix):
    wanted = cut(numbered, OUT_OF_ORDER, tmp_path / f"out{suffix}")
    assert wanted == [*range(50, 65), *range(13, 35), *range(75, 100)]
    assert shown_numbers(tmp_path / f"out{suffix}") == wanted


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".avi"])
def test_every_kind_of_container_is_cut_at_the_same_pictures(numbered, tmp_path, suffix):
    options = ["-c:v", "mpeg4", "-q:v", "3", "-bf", "2", "-c:a", "mp3"]
    film = tmp_path / f"film{suffix}"
    film = numbered_film(film, options=options) if suffix == ".avi" else remux(numbered, film)
    wanted = cut(film, OUT_OF_ORDER, tmp_path / "out.mp4")
    assert shown_numbers(tmp_path / "out.mp4") == wanted


@pytest.mark.parametrize(("suffix", "copy"), [(".mkv", False), (".mp4", False), (".mp4", True)])
def test_a_film_whose_titles_are_no_utf8_is_cut(numbered, tmp_path, suffix, copy):
    film = titled(numbered, tmp_path / f"film{suffix}", b"\xe9")
    wanted = cut(film, [(1.0, 2.0), (3.0, 4.0)], tmp_path / "out.mkv", copy=copy)
    assert shown_numbers(tmp_path / "out.mkv") == wanted == [*range(25, 50), *range(75, 100)]


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001"])
def test_fractional_rates_lose_and_repeat_no_picture(tmp_path, rate):
    film = numbered_film(tmp_path / "film.mp4", rate=rate, options=[*B_FRAMES, *AAC])
    wanted = cut(film, OUT_OF_ORDER, tmp_path / "out.mp4")
    assert shown_numbers(tmp_path / "out.mp4") == wanted


def test_variable_frame_rate_stays_variable(tmp_path):
    uneven = ",setpts='(N+floor(N/3)*2)/50/TB'"
    film = numbered_film(tmp_path / "film.mp4", more=uneven, options=[*B_FRAMES, *AAC, "-fps_mode", "passthrough"])
    wanted = cut(film, [(2.0, 3.0), (0.5, 1.0)], tmp_path / "out.mp4")
    times = picture_times_s(film)
    steps = [times[n + 1] - times[n] for n in wanted[:-1]]
    shown = picture_times_s(tmp_path / "out.mp4")
    assert shown_numbers(tmp_path / "out.mp4") == wanted
    assert [b - a for a, b in itertools.pairwise(shown)] == pytest.approx(steps, abs=1e-3)


def test_sound_stays_with_its_picture_across_every_cut(numbered, tmp_path):
    cut(numbered, OUT_OF_ORDER, tmp_path / "out.mp4")
    assert click_times_s(tmp_path / "out.mp4") == pytest.approx([0.0, 0.6 + 0.48, 0.6 + 0.88], abs=0.002)


def test_sound_that_begins_late_is_not_moved(numbered, tmp_path):
    film = remux(numbered, tmp_path / "late.mp4", before=("-itsoffset", "1.37"))
    cut(film, OUT_OF_ORDER, tmp_path / "out.mp4")
    assert click_times_s(tmp_path / "out.mp4") == pytest.approx([0.0, 1.08, 1.48], abs=0.002)


def test_tracks_of_one_channel_for_each_loudspeaker_are_cut_together(tmp_path):
    tones = [word for hz in (300, 500) for word in ("-f", "lavfi", "-i", f"sine={hz}:d=2:r=48000")]
    drawn = ["-f", "lavfi", "-i", "testsrc2=d=2:s=128x96:r=25", *tones]
    options = ["-map", "0", "-map", "1", "-map", "2", "-c:v", "mpeg2video", "-pix_fmt", "yuv420p"]
    film = tmp_path / "film.mxf"
    assert run_ffmpeg(["-y", *drawn, *options, f"file:{film}"], deadline_s=60).returncode == 0
    cut(film, [(0.4, 1.6)], tmp_path / "out.mov")
    with av.open(str(tmp_path / "out.mov")) as written:
        sound = np.hstack([frame.to_ndarray() for frame in written.decode(audio=0)])[:, 4800:52800]
    assert np.abs(np.fft.rfft(sound)).argmax(axis=1).tolist() == [300, 500]


def test_a_film_without_sound_is_cut_too(tmp_path):
    film = numbered_film(tmp_path / "film.mp4", sound=False)
    wanted = cut(film, OUT_OF_ORDER, tmp_path / "out.mp4")
    assert shown_numbers(tmp_path / "out.mp4") == wanted and probe(str(tmp_path / "out.mp4")).audio is None


@pytest.mark.parametrize("copy", [False, True])
def test_a_film_that_players_turn_is_shown_upright_all_the_same(numbered, tmp_path, copy):
    film = remux(numbered, tmp_path / "turned.mp4", before=("-display_rotation", "90"))
    cut(film, [(2.0, 3.0)], tmp_path / "out.mp4", copy=copy)
    found = probe(str(tmp_path / "out.mp4")).video
    assert (found.width, found.height) == (32, 160)


def test_pixels_that_are_not_square_stay_so(tmp_path):
    film = numbered_film(tmp_path / "film.mp4", more=",setsar=4/3")
    cut(film, [(2.0, 3.0)], tmp_path / "out.mp4")
    assert probe(str(tmp_path / "out.mp4")).video.sar == probe(str(film)).video.sar != 1


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_copy_at_keyframes_holds_the_very_pictures_and_sound(tmp_path, codec):
    closed = ["-x265-params", "open-gop=0:log-level=none"] if codec == "libx265" else []
    options = ["-c:v", codec, *B_FRAMES[2:], *closed, *AAC]
    film = numbered_film(tmp_path / "film.mp4", options=options)
    wanted = cut(film, [(2.0, 3.0), (0.0, 1.0), (3.0, 9.0)], tmp_path / "out.mp4", copy=True)
    assert shown_numbers(tmp_path / "out.mp4") == wanted
    assert click_times_s(tmp_path / "out.mp4") == pytest.approx([0.0, 1.0, 2.0], abs=0.002)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_copy_of_matroska_whose_pictures_refer_back_and_forth(tmp_path, codec, suffix):
    closed = ["-x265-params", "open-gop=0:log-level=none"] if codec == "libx265" else []
    film = numbered_film(tmp_path / "film.mkv", options=["-c:v", codec, *B_FRAMES[2:], *closed, *AAC])
    wanted = cut(film, [(2.0, 3.0), (0.0, 1.0), (3.0, 9.0)], tmp_path / f"out{suffix}", copy=True)
    assert shown_numbers(tmp_path / f"out{suffix}") == wanted
    assert picture_times_s(tmp_path / f"out{suffix}") == pytest.approx([n / 25 for n in range(75)], abs=0.002)
    assert click_times_s(tmp_path / f"out{suffix}") == pytest.approx([0.0, 1.0, 2.0], abs=0.002)


def test_a_copy_elsewhere_names_the_first_cut_that_is_at_no_keyframe(numbered, tmp_path):
    with pytest.raises(UsageError, match=r"cut at 3\.200 s \(picture 80\).*nearest are 3\.000 s and the film's end"):
        cut(numbered, [(2.0, 3.2)], tmp_path / "out.mp4", copy=True)


def test_an_open_group_of_pictures_is_no_place_for_a_copy(tmp_path):
    options = [*B_FRAMES, "-x264-params", "open-gop=1", *AAC]
    film = numbered_film(tmp_path / "film.mp4", options=options)
    with pytest.raises(UsageError, match=r"cut at 2\.000 s"):
        cut(film, [(2.0, 3.0)], tmp_path / "out.mp4", copy=True)


def test_nothing_is_left_of_an_output_that_failed(numbered, tmp_path):
    clock, about = clock_of(numbered), probe(str(numbered))
    with pytest.raises(DecodeTimeout):
        cut_film(str(numbered), about, clock, [clock.cut(0, 4)], tmp_path / "out.mp4", copy=False, deadline_s=0.001)
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written_is_a_typed_error(numbered, tmp_path):
    with pytest.raises(UsageError, match=r"out\.mp4 cannot be written: No such file"):
        cut(numbered, [(0.0, 1.0)], tmp_path / "absent" / "out.mp4")


def test_the_suffix_says_what_is_written(numbered, tmp_path):
    with pytest.raises(UsageError, match=r"must end in one of \.mp4, .*received '\.gif'"):
        cut(numbered, [(0.0, 1.0)], tmp_path / "out.gif")
