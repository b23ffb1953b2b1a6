"""Masters whose sound is a track of one channel for each loudspeaker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _films import make_film

from cinelake.media.probe import probe
from cinelake.media.proxy import write_proxy
from cinelake.spec.film import SoundInfo
from cinelake.spec.streams import StreamChoice, StreamChoices
from cinelake.spec.task import SoundStream

TONES_HZ = (300, 500, 700, 900, 1100, 1300, 1500, 1700)
PICTURE = "testsrc2=d=2:s=128x96:r=25"
MPEG2 = ["-c:v", "mpeg2video", "-pix_fmt", "yuv420p"]


def master(path: Path, tracks: int, *options: str, codec: str = "pcm_s16le") -> Path:
    """Pictures, and tracks of one channel with a tone each: 300 Hz in the first, 200 Hz more in each after it."""
    tones = [f"sine={hz}:d=2:r=48000" for hz in (*TONES_HZ, *TONES_HZ)[:tracks]]
    maps = [word for number in range(tracks + 1) for word in ("-map", str(number))]
    return make_film(path, PICTURE, *tones, options=[*maps, *MPEG2, "-c:a", codec, *options])


def heard_hz(samples: np.ndarray) -> set[int]:
    """The drawn tones that are in one channel of sound at 16 kHz, but for what is 30 times softer than the loudest."""
    loudness = np.abs(np.fft.rfft(samples[:16000]))[list(TONES_HZ)]
    return {hz for hz, loud in zip(TONES_HZ, loudness, strict=True) if loud > loudness.max() / 30}


def sound_of(path: Path, choice: StreamChoice | None = None) -> SoundInfo:
    film = probe(str(path), StreamChoices(sound=choice or StreamChoice()))
    assert film.audio is not None
    return film.audio


@pytest.mark.parametrize("name", ["film.mxf", "film.mov"])
@pytest.mark.parametrize(("tracks", "layout", "silent"), [(2, "stereo", ()), (6, "5.1", (900,)), (8, "7.1", (900,))])
def test_all_tracks_are_the_sound_but_low_frequencies(
    tmp_path: Path, read, name: str, tracks: int, layout: str, silent: tuple[int, ...]
) -> None:
    path = master(tmp_path / name, tracks)
    heard = read(path, sound=SoundStream(16000, channels=1)).column("sound", "samples")
    assert heard_hz(heard.reshape(-1)) == set(TONES_HZ[:tracks]) - set(silent)
    assert (sound_of(path).layout, sound_of(path).channels) == (layout, tracks)


def test_the_left_track_is_left_and_the_right_one_right(tmp_path: Path, read) -> None:
    samples = read(master(tmp_path / "film.mxf", 6), sound=SoundStream(16000, channels=2)).column("sound", "samples")
    left, right = samples.reshape(-1, 2).T
    assert (heard_hz(left), heard_hz(right)) == ({300, 700, 1100}, {500, 700, 1300})


def test_tracks_say_what_they_are(tmp_path: Path) -> None:
    film = probe(str(master(tmp_path / "film.mxf", 2)))
    assert [(s.taken, s.why) for s in film.streams[1:]] == [
        (True, "FL of mono tracks that are stereo: the only one"),
        (True, "FR of mono tracks that are stereo: the only one"),
    ]


@pytest.mark.parametrize("tracks", [4, 10, 16])
def test_of_more_tracks_the_first_two_are_stereo_and_the_others_are_told(tmp_path: Path, tracks: int) -> None:
    film = probe(str(master(tmp_path / "film.mxf", tracks)))
    assert film.audio is not None and film.audio.tracks == (1, 2)
    assert {(s.taken, s.why) for s in film.streams[3:]} == {(False, "its loudspeaker is not told")}


def test_stereo_that_stands_before_them_is_the_sound(tmp_path: Path) -> None:
    """As it was before mono tracks were joined: of two sounds alike, the first one in the file."""
    sounds = [f"sine={hz}:d=2:r=48000" for hz in TONES_HZ[:4]]
    maps = ["-filter_complex", "[1][2]amerge[two]", "-map", "0", "-map", "[two]", "-map", "3", "-map", "4"]
    sound = sound_of(make_film(tmp_path / "film.mxf", PICTURE, *sounds, options=[*maps, *MPEG2, "-c:a", "pcm_s16le"]))
    assert (sound.index, sound.channels, sound.tracks) == (1, 2, ())


def test_a_proxy_has_all_tracks(tmp_path: Path, read) -> None:
    path = master(tmp_path / "film.mxf", 6)
    write_proxy(str(path), probe(str(path)), tmp_path / "proxy.mp4", deadline_s=60)
    samples = read(tmp_path / "proxy.mp4", sound=SoundStream(16000, channels=2)).column("sound", "samples")
    left, right = samples.reshape(-1, 2).T
    assert (heard_hz(left), heard_hz(right)) == ({300, 700, 1100}, {500, 700, 1300})


@pytest.mark.parametrize(
    ("choice", "tracks"),
    [(StreamChoice(layouts=("5.1",)), (1, 2, 3, 4, 5, 6)), (StreamChoice(layouts=("mono",)), ())],
    ids=["together", "one_alone"],
)
def test_a_choice_takes_them_together_or_one_alone(tmp_path: Path, choice: StreamChoice, tracks: tuple[int]) -> None:
    assert sound_of(master(tmp_path / "film.mxf", 6), choice).tracks == tracks


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("film.mov", "pcm_s16le", ["-metadata:s:1", "language=eng", "-metadata:s:2", "language=deu"]),
        ("film.mp4", "aac", []),
        ("film.mkv", "pcm_s16le", []),
    ],
    ids=["two_languages", "no_master", "no_master_either"],
)
def test_tracks_that_are_told_apart_stay_apart(tmp_path: Path, name: str, codec: str, options: list[str]) -> None:
    sound = sound_of(master(tmp_path / name, 2, *options, codec=codec))
    assert (sound.index, sound.tracks) == (1, ())
