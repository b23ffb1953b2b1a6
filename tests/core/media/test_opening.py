"""What a film's streams are is known also where a recording shows it late: in packets, as broadcasts say it."""

from pathlib import Path

import av
import pytest
from _films import X264, make_film, remux
from _recorder import Recorder

from cinelake.errors import DamagedFilm, NotAFilm
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.film import Probe
from cinelake.spec.task import VideoClock

TONE = ["-c:a", "aac", "-ar", "48000"]


def recording(path: Path, key_s: int, seconds: int) -> Path:
    """A recording that begins behind a key picture, `key_s` seconds before the next one."""
    keys = ["-g", "9999", "-force_key_frames", f"0,{key_s + 1}"]
    make_film(path, f"testsrc=d={seconds}:s=64x48:r=5", f"sine=d={seconds}", options=[*X264, *keys, *TONE])
    with av.open(str(path)) as film:
        begun_s = film.start_time / av.time_base + 1
        begins = next(packet.pos for packet in film.demux(video=0) if packet.pts * packet.time_base >= begun_s)
    path.write_bytes(path.read_bytes()[begins // 188 * 188 :])
    return path


def shape(film: Probe) -> tuple[int, int]:
    assert film.video is not None
    return film.video.width, film.video.height


def test_pictures_whose_first_key_picture_comes_late_have_a_size(tmp_path: Path) -> None:
    path = recording(tmp_path / "film.ts", key_s=12, seconds=160)
    about = probe(str(path))
    assert shape(about) == (64, 48)
    assert read_film(str(path), about, [Recorder(clock=VideoClock())], deadline_s=60).damage == ""


def test_how_many_pictures_cannot_be_decoded_is_said_where_that_is_most_of_them(tmp_path: Path) -> None:
    path = recording(tmp_path / "film.ts", key_s=12, seconds=16)
    with pytest.raises(DamagedFilm, match="60 of 75 pictures cannot be decoded"):
        read_film(str(path), probe(str(path)), [Recorder(clock=VideoClock())], deadline_s=60)


def test_sound_that_begins_later_has_its_rate_and_its_start(tmp_path: Path) -> None:
    whole = make_film(tmp_path / "whole.mp4", "testsrc=d=4:s=64x48:r=25", "sine=d=4", options=[*X264, *TONE])
    silent = remux(whole, tmp_path / "silent.ts", "-an")
    heard = remux(whole, tmp_path / "heard.ts", "-output_ts_offset", "4")
    silent.write_bytes(silent.read_bytes() + heard.read_bytes())
    sound = probe(str(silent)).audio
    assert sound is not None
    assert (sound.sample_rate, sound.start_s) == (48000, pytest.approx(4, abs=0.05))


@pytest.mark.parametrize("sources", [("testsrc=d=1:s=64x48:r=25",), ("sine=d=1",)], ids=["pictures", "sound"])
def test_an_encrypted_film_is_refused_in_words(tmp_path: Path, sources: tuple[str, ...]) -> None:
    drawn = make_film(tmp_path / "drawn.mp4", *sources, options=["-c:a", "aac", "-c:v", "libx264"])
    keys = [
        "-encryption_key",
        "76a6c65c5ea762046bd749a2e632ccbb",
        "-encryption_kid",
        "a7e61c373e219033c21091fa607bf3b8",
    ]
    path = remux(drawn, tmp_path / "film.mp4", "-encryption_scheme", "cenc-aes-ctr", *keys)
    with pytest.raises(NotAFilm, match="encrypted"):
        probe(str(path))
