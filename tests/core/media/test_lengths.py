"""Films whose headers and tags declare lengths that no film has, or that so small a file cannot hold."""

import math
import struct
from pathlib import Path

import av
import pytest
from _films import X264, make_film, remux
from _recorder import Recorder

from cinelake.errors import DamagedFilm
from cinelake.media.lengths import MAX_BYTES_WITHOUT_LENGTH
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.task import SoundStream, VideoClock

NEVER = [-1e4, -0.001, 9e12, 1e300, math.inf, -math.inf, math.nan, 3_600_001.0]
"""Seconds that no film lasts."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of pictures and sound."""
    options = [*X264, "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "44100"]
    folder = tmp_path_factory.mktemp("films")
    return make_film(folder / "base.mkv", "testsrc2=d=2:s=64x48:r=25", "sine=d=2:r=44100", options=options)


def matroska(source: Path, target: Path, seconds: float, tag: bytes | None = None) -> Path:
    """The film with another `Duration` in its header, and where wanted other `DURATION` tags."""
    data = bytearray(source.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3
    data[at : at + 8] = struct.pack(">d", seconds * 1000)
    place = data.find(b"DURATION")
    while tag is not None and place >= 0:
        value = data.index(b"00:00:0", place)
        data[value : value + 18] = tag.ljust(18, b"0")[:18]
        place = data.find(b"DURATION", value)
    target.write_bytes(data)
    return target


def flash(source: Path, target: Path, seconds: float) -> Path:
    """The film as FLV, with another `duration` in its metadata."""
    data = bytearray(remux(source, target).read_bytes())
    at = data.index(b"duration\0") + 9
    data[at : at + 8] = struct.pack(">d", seconds)
    target.write_bytes(data)
    return target


def read(path: Path) -> Recorder:
    """Read pictures and sound."""
    seen = Recorder(clock=VideoClock(), s=SoundStream(sample_rate=8000))
    reading = read_film(str(path), probe(str(path)), [seen], deadline_s=20)
    assert not reading.errors
    return seen


@pytest.mark.parametrize("seconds", NEVER)
@pytest.mark.parametrize("declare", [matroska, flash])
def test_a_length_that_no_film_has_is_that_of_its_streams_or_unknown(base, tmp_path, declare, seconds):
    path = declare(base, tmp_path / f"film.{'mkv' if declare is matroska else 'flv'}", seconds)
    known = probe(str(path)).duration_s
    assert known is None or known == pytest.approx(2, abs=0.1)
    assert read(path).report.frames == 50


TAGS = [
    b"1.2.3.4",
    b"..................",
    b"00:00:1.2.3.4",
    b"00:00:",
    b"-1:-1:-1.5",
    b"0:0:1e9",
    b"9:9",
    b"nan:nan:nan",
]
TAGS += [b"999999999:00:00.00", b"99999999999:00:00", "٠٠:٠٠:٠٢".encode(), b"\xff\xfe\xe9:00:00"]


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("seconds", [2.0, -1e4])
def test_a_tag_that_is_no_duration_is_unknown(base, tmp_path, tag, seconds):
    path = matroska(base, tmp_path / "film.mkv", seconds, tag + b" " * 18)
    known = probe(str(path))
    assert known.duration_s == (2.0 if seconds > 0 else None)
    assert known.video.duration_s is None and known.audio.duration_s is None
    assert read(path).report.frames == 50


@pytest.mark.parametrize("declare", [matroska, flash])
def test_a_length_that_the_file_is_too_small_for_is_unknown_and_the_film_counts_as_cut_off(base, tmp_path, declare):
    path = declare(base, tmp_path / f"film.{'mkv' if declare is matroska else 'flv'}", 36_000.0)
    known = probe(str(path))
    assert known.duration_s is None and known.declared_s == pytest.approx(36_000)
    if declare is not matroska:  # whose streams have tags that are right
        with pytest.raises(DamagedFilm, match=r"declares 36000\.0 s"):
            read(path)


def test_the_same_length_is_not_believed_of_a_file_that_could_hold_it_and_does_not(base, tmp_path):
    path = matroska(base, tmp_path / "film.mkv", 36_000.0)
    with path.open("ab") as film:
        film.truncate(400_000)
    known = probe(str(path))
    assert (known.duration_s, known.held_s) == (None, pytest.approx(2, abs=0.1))


def sparse_sound(target: Path, at_s: int, *, declared: bool, seconds: int = 1) -> Path:
    """Half a second of sound at the beginning and the rest from `at_s` on."""
    whole = make_film(target.with_suffix(".m4a"), f"sine=d={seconds}:r=8000", options=["-c:a", "aac", "-b:a", "16k"])
    late = f"setts=ts='TS+if(gt(TS*TB,0.5),{at_s}/TB,0)'"
    return remux(whole, target, "-bsf:a", late, *([] if declared else ["-live", "1"]))


def packet_end_s(path: Path) -> float:
    """When the last packet is to be heard."""
    with av.open(str(path)) as film:
        return max(float(packet.pts * packet.time_base) for packet in film.demux() if packet.pts is not None)


@pytest.mark.parametrize("declared", [True, False])
def test_sound_that_jumps_beyond_what_its_packets_hold_is_damage_whatever_the_file_s_size(tmp_path, declared):
    path = sparse_sound(tmp_path / "film.mkv", 36_000, declared=declared, seconds=200)
    assert path.stat().st_size > 360_000
    seen = Recorder(s=SoundStream(sample_rate=8000))
    with pytest.raises(DamagedFilm, match=r"jumps over 3\d{4} s"):
        read_film(str(path), probe(str(path)), [seen], deadline_s=20)
    assert len(seen.samples("s")) < 210 * 8000


@pytest.mark.parametrize("declared", [True, False])
def test_sound_far_beyond_what_the_file_could_hold_is_not_preceded_by_silence(tmp_path, declared):
    path = sparse_sound(tmp_path / "film.mkv", 36_000, declared=declared)
    assert path.stat().st_size < 10_000 and packet_end_s(path) > 36_000
    seen = Recorder(s=SoundStream(sample_rate=8000))
    reading = read_film(str(path), probe(str(path)), [seen], deadline_s=20, keep_damaged=True)
    assert not reading.damage or "jumps over 3" in reading.damage
    assert 7000 < len(seen.samples("s")) < 10_000


def test_a_pause_in_the_sound_of_a_film_is_still_silence(tmp_path):
    path = sparse_sound(tmp_path / "film.mkv", 30, declared=True)
    seen = Recorder(s=SoundStream(sample_rate=8000))
    read_film(str(path), probe(str(path)), [seen], deadline_s=20)
    assert len(seen.samples("s")) == pytest.approx(31 * 8000, abs=2000)


def test_a_film_without_a_stated_length_has_none(base, tmp_path):
    raw = remux(base, tmp_path / "film.h264", "-map", "-0:a", "-bsf:v", "h264_mp4toannexb")
    assert probe(str(raw)).duration_s is None


def test_pictures_behind_the_last_time_stamp_of_a_programme_stream_count(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mpg", "testsrc2=d=1:s=320x240:r=25", options=["-c:v", "mpeg2video"])
    assert probe(str(path)).duration_s == pytest.approx(1.0, abs=0.001)


def test_bare_sound_of_hours_lasts_as_long_as_its_packets(tmp_path: Path) -> None:
    highest = ["-c:a", "libmp3lame", "-b:a", "320k", "-write_xing", "0", "-id3v2_version", "0"]
    part = make_film(tmp_path / "part.mp3", "sine=d=10:r=44100", options=highest)
    path = tmp_path / "sound.mp3"
    path.write_bytes(part.read_bytes() * 180)
    assert path.stat().st_size > MAX_BYTES_WITHOUT_LENGTH
    assert probe(str(path)).duration_s == pytest.approx(30 * 60, abs=10)
