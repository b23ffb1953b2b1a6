"""Time codes and reels of files: found in every container, however it spells them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cinelake.media.ffmpeg import binary
from cinelake.media.probe import probe
from cinelake.media.timecode import SourceMarks, read_marks

SOUND = ("-f", "lavfi", "-i", "sine=r=48000:d=0.2", "-ac", "2")
PAL = ("-f", "lavfi", "-i", "testsrc=s=720x576:r=25:d=0.2", *SOUND)
NTSC = ("-f", "lavfi", "-i", "testsrc=s=720x480:r=30000/1001:d=0.2", *SOUND)
SMALL = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=0.2")
MPEG_2, DV, DV_NTSC = ("-c:v", "mpeg2video"), ("-pix_fmt", "yuv420p", "-c:v", "dvvideo"), ("-pix_fmt", "yuv411p")
START, DROPS = ("-timecode", "10:00:00:05"), ("-timecode", "01:00:00;02")

FILES = {
    "a.mxf": (*PAL, *MPEG_2, "-c:a", "pcm_s16le", *START),
    "drops.mxf": (*NTSC, *MPEG_2, "-c:a", "pcm_s16le", *DROPS),
    "file.mkv": (*SMALL, "-metadata", "timecode=10:00:00:05"),
    "stream.mkv": (*SMALL, "-metadata:s:v:0", "timecode=10:00:00:05"),
    "a.mov": (*SMALL, *START),
    "a.mp4": (*SMALL, *START),
    "drops.mov": (*NTSC, *DROPS),
    "a.avi": (*PAL, *DV, "-c:a", "pcm_s16le", *START),
    "a.dv": (*PAL, *DV, "-c:a", "pcm_s16le", *START),
    "drops.dv": (*NTSC, *DV_NTSC, "-c:v", "dvvideo", "-c:a", "pcm_s16le", *DROPS),
    "none.mkv": SMALL,
    "none.mpg": (*SMALL, *MPEG_2),
    "words.mkv": (*SMALL, "-metadata", "timecode=noon"),
}
"""Names of files whose first picture has a time code → how they are drawn."""


def drawn(path: Path, *options: str) -> Path:
    subprocess.run([binary(), "-y", "-loglevel", "error", *options, str(path)], check=True)
    return path


@pytest.mark.parametrize("name", FILES)
def test_the_time_code_of_the_first_picture_is_found(tmp_path: Path, name: str) -> None:
    film = drawn(tmp_path / name, *FILES[name])
    expected = {"drops": "01:00:00;02", "none": "", "words": ""}.get(name.partition(".")[0], "10:00:00:05")
    assert read_marks(str(film), probe(str(film))).timecode == expected


@pytest.mark.parametrize(("kind", "timecode"), [("a.dv", "10:00:00:05"), ("drops.dv", "01:00:00;02")])
def test_pictures_of_dv_have_it_in_any_container(tmp_path: Path, kind: str, timecode: str) -> None:
    tape = drawn(tmp_path / kind, *FILES[kind])
    film = drawn(tmp_path / "film.nut", "-i", str(tape), "-map_metadata", "-1", "-c", "copy")
    assert read_marks(str(film), probe(str(film))).timecode == timecode


@pytest.mark.parametrize("tag", ["reel_name", "REEL", "tape"])
def test_the_reel_is_found(tmp_path: Path, tag: str) -> None:
    film = drawn(tmp_path / "film.mkv", *SMALL, "-metadata", f"{tag}=A001C003 ")
    assert read_marks(str(film), probe(str(film))) == SourceMarks("", "A001C003")
