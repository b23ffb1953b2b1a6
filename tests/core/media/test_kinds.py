"""Kinds of films that people have, one row each: how such a file is made, and what is read of it.

The film is two seconds of 50 pictures of 64 × 48, with a tone; a row names only what is worth saying of its kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _films import X264, make_film
from _patches import (
    as_through_a_pipe,
    broadcast,
    in_turns,
    of_ten_hours,
    scrambled,
    turned_by_exif,
    twice,
    with_pictures_not_counted,
    without_delays,
    without_index,
)
from _recorder import Recorder

from cinelake.errors import FilmError
from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.task import SoundStream, VideoClock

COPY = ["-c", "copy"]
PCM, MP2 = ["-c:a", "pcm_s16le"], ["-c:v", "mpeg2video", "-c:a", "mp2"]
SMALL = [*X264, "-pix_fmt", "yuv420p"]
LATE = ["-itsoffset", "1"]


@dataclass(frozen=True)
class Kind:
    """How a film of a kind is made of the base film, and what must be read of it.

    made: ffmpeg's words; BASE stands for the base film, FOLDER for that of other files. patch: what is done with its
    bytes; joined: a file that is put behind it. pictures, first_s, end_s: of the picture stream. sound_s: when the
    sound ends. size, rotation: as shown. length_s: as declared. fails: the words of the typed failure.
    """

    name: str
    made: list[str]
    patch: Callable[[bytes], bytes] | None = None
    pictures: int | None = 50
    first_s: float | None = None
    end_s: float | None = None
    sound_s: float | None = 2.0
    length_s: float | None = 2.0
    size: tuple[int, int] | None = (64, 48)
    rotation: int = 0
    taken: tuple[int, ...] | None = None
    joined: str = ""
    fails: str = ""

    def __str__(self) -> str:
        return self.name


SILENCE_THEN_NOISE = [
    "-f",
    "lavfi",
    "-i",
    "anullsrc=r=44100:d=5,volume=0[a];anoisesrc=d=15:r=44100[b];[a][b]concat=v=0:a=1",
]
BARE: dict[str, Any] = {"pictures": None, "size": None, "sound_s": 20.0, "length_s": 20.0}


def of_base(*words: str) -> list[str]:
    return ["-i", "BASE", *words]


def drawn(source: str, *words: str) -> list[str]:
    return ["-f", "lavfi", "-i", source, *words]


CHAPTERS = (
    ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=900\ntitle=one\n"
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=50000\nEND=90000\ntitle=beyond\n"
)
SUBTITLES = "1\n00:00:01,000 --> 00:00:01,000\nno time\n\n2\n00:00:00,500 --> 00:00:01,500\nwords\n"
OTHER_FILES = {"chapters.txt": CHAPTERS, "titles.srt": SUBTITLES}

KINDS = [
    # --- clocks
    Kind(
        "clock_of_33_bits_runs_over.ts", of_base(*COPY, "-output_ts_offset", "95442.7", "-muxdelay", "0"), end_s=2.021
    ),
    Kind("starts_before_zero.mkv", ["-itsoffset", "-0.5", *of_base(*COPY, "-avoid_negative_ts", "disabled")]),
    Kind(
        "sound_a_second_late.mp4",
        of_base(*LATE, "-i", "BASE", "-map", "0:v", "-map", "1:a", *COPY),
        length_s=3.0,
        sound_s=3.0,
    ),
    Kind(
        "pictures_a_second_late.mp4",
        [*LATE, *of_base("-i", "BASE", "-map", "0:v", "-map", "1:a", *COPY)],
        first_s=1.0,
        end_s=3.0,
        length_s=3.0,
    ),
    Kind(
        "stands_still_for_a_second.mp4",
        drawn("testsrc2=d=2:s=64x48:r=25,select='not(between(n,20,44))'", "-fps_mode", "vfr", *SMALL),
        pictures=25,
        end_s=2.0,
        sound_s=None,
    ),
    Kind(
        "a_picture_a_second.mp4",
        drawn("testsrc2=d=5:s=64x48:r=1", *SMALL),
        pictures=5,
        end_s=5.0,
        length_s=5.0,
        sound_s=None,
    ),
    Kind(
        "240_pictures_a_second.mp4",
        drawn("testsrc2=d=0.5:s=64x48:r=240", *SMALL),
        pictures=120,
        end_s=0.5,
        length_s=0.5,
        sound_s=None,
    ),
    Kind(
        "one_picture.mp4",
        drawn("testsrc2=s=64x48:r=25", "-frames:v", "1", *SMALL),
        pictures=1,
        end_s=0.04,
        length_s=0.04,
        sound_s=None,
    ),
    Kind(
        "one_picture_and_sound.mkv",
        ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.04", "-f", "lavfi", "-i", "sine=d=4", *SMALL, "-c:a", "aac"],
        pictures=1,
        end_s=0.04,
        length_s=4.0,
        sound_s=4.0,
    ),
    Kind(
        "two_recordings.ogv",
        of_base("-vf", "noise=alls=20:allf=t", "-c:v", "libtheora", "-q:v", "9", "-c:a", "libvorbis"),
        patch=twice,
        pictures=100,
        end_s=4.12,
        sound_s=4.0,
    ),
    Kind("two_recordings.vob", of_base(*MP2), patch=twice, pictures=100, end_s=4.0, sound_s=4.0),
    Kind(
        "a_picture_every_ten_seconds.ts",
        ["-f", "lavfi", "-i", "testsrc2=d=40:s=64x48:r=1/10", "-f", "lavfi", "-i", "sine=d=40", *SMALL, "-c:a", "aac"],
        pictures=4,
        first_s=0.0,
        end_s=40.0,
        length_s=39.95,
        sound_s=40.0,
    ),
    Kind(
        "ten_hours_of_slides.mkv",
        drawn("testsrc2=d=36000:s=64x48:r=1/100", *SMALL),
        pictures=360,
        end_s=36000.0,
        length_s=36000.0,
        sound_s=None,
    ),
    Kind("lone.wmv", of_base("-frames:v", "1", "-an"), pictures=1, end_s=0.04, length_s=0.04, sound_s=None),
    Kind(
        "lone_of_ten_hours.wmv",
        of_base("-frames:v", "1", "-an"),
        patch=of_ten_hours,
        fails=r"ends after 0\.0 s; it declares 36000",
    ),
    Kind("lone.mpg", of_base("-frames:v", "1", "-an"), pictures=1, end_s=0.04, length_s=0.04, sound_s=None),
    Kind("two_recordings.ts", of_base(*COPY), patch=twice, pictures=100, end_s=4.0, sound_s=4.0),
    Kind(
        "trimmed_by_its_edit_list.mp4",
        ["-ss", "0.4", *of_base(*COPY)],
        pictures=40,
        first_s=0.0,
        end_s=1.6,
        sound_s=1.6,
        length_s=1.6,
    ),
    # --- containers
    Kind("motion_jpeg_without_index.avi", of_base("-c:v", "mjpeg", *PCM), patch=without_index),
    Kind("through_a_pipe.avi", of_base("-c:v", "mjpeg", *PCM), patch=as_through_a_pipe, length_s=None),
    Kind(
        "looks_like_another_kind.wav",
        drawn("aevalsrc=0.7*sin(2*PI*1000*t):d=4:s=96000", "-ar", "96000", *PCM),
        pictures=None,
        size=None,
        sound_s=4.0,
        length_s=4.0,
    ),
    Kind("bare_sound.aac", [*SILENCE_THEN_NOISE, "-c:a", "aac", "-q:a", "2"], **BARE),
    Kind("bare_sound.mp3", [*SILENCE_THEN_NOISE, "-c:a", "libmp3lame", "-q:a", "2", "-write_xing", "0"], **BARE),
    Kind("length_not_told.flv", of_base(*COPY, "-flvflags", "no_duration_filesize")),
    Kind("live.wmv", of_base("-c:v", "wmv2", "-c:a", "wmav2"), patch=broadcast, length_s=None),
    Kind(
        "live.webm",
        of_base("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus", "-live", "1"),
        length_s=None,
    ),
    Kind(
        "one_essence.mxf",
        of_base("-an", "-c:v", "mpeg2video", "-s", "720x576", "-f", "mxf_opatom", "-b:v", "5M"),
        size=(768, 576),
        sound_s=None,
    ),
    Kind(
        "digital_video.avi",
        of_base("-c:v", "dvvideo", "-s", "720x576", "-pix_fmt", "yuv420p", *PCM, "-ar", "48000", "-ac", "2"),
        size=(768, 576),
    ),
    Kind(
        "telephone.3gp",
        of_base("-c:v", "h263", "-s", "176x144", "-c:a", "libopencore_amrnb", "-ar", "8000", "-ac", "1"),
        size=(192, 144),
    ),
    Kind(
        "laced_sound.mkv",
        of_base("-map", "0:a", "-c:a", "libmp3lame", "-frame_duration", "60"),
        pictures=None,
        size=None,
    ),
    Kind(
        "no_delays.gif",
        drawn("testsrc2=d=1:s=64x48:r=10", "-c:v", "gif"),
        patch=without_delays,
        pictures=10,
        sound_s=None,
        length_s=1.0,
    ),
    Kind("lone.gif", drawn("testsrc2=d=5:s=64x48:r=1/5"), pictures=1, end_s=5.0, sound_s=None, length_s=5.0),
    Kind("slides.gif", drawn("testsrc2=d=12:s=64x48:r=1/4"), pictures=3, end_s=12.0, sound_s=None, length_s=12.0),
    Kind("animation.apng", drawn("testsrc2=d=1:s=64x48:r=10", "-plays", "0"), pictures=10, sound_s=None, length_s=None),
    Kind(
        "through_a_pipe.apng",
        drawn("testsrc2=d=1:s=64x48:r=10", "-plays", "0"),
        patch=with_pictures_not_counted,
        pictures=10,
        sound_s=None,
        length_s=None,
    ),
    Kind(
        "bare_pictures.m1v",
        of_base("-an", "-c:v", "mpeg1video", "-q:v", "2", "-bf", "2", "-s", "64x48"),
        sound_s=None,
        length_s=None,
    ),
    Kind(
        "camera_with_exif.avi",
        of_base("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-huffman", "default", *PCM),
        patch=turned_by_exif,
        size=(48, 64),
        rotation=90,
    ),
    Kind("pay_channel.ts", of_base(*COPY), patch=scrambled, fails="are scrambled"),
    Kind("angles.vob", of_base(*MP2), patch=in_turns, fails="take turns"),
    Kind("animation.webp", drawn("testsrc2=d=1:s=64x48:r=10", "-c:v", "libwebp_anim"), fails="format that is not read"),
    # --- streams
    Kind(
        "record_with_cover.m4a",
        of_base(
            "-i",
            "FOLDER/cover.jpg",
            "-map",
            "0:a",
            "-map",
            "1:v",
            "-c:v",
            "mjpeg",
            "-disposition:v",
            "attached_pic",
            "-c:a",
            "copy",
        ),
        pictures=None,
        size=None,
        taken=(0,),
    ),
    Kind(
        "record_with_cover.mp3",
        of_base(
            "-i",
            "FOLDER/cover.jpg",
            "-map",
            "0:a",
            "-map",
            "1:v",
            "-c:v",
            "mjpeg",
            "-c:a",
            "libmp3lame",
        ),
        pictures=None,
        size=None,
        taken=(0,),
    ),
    Kind("time_code_track.mov", of_base(*COPY, "-timecode", "01:00:00:00"), taken=(0, 1)),
    Kind(
        "two_languages_of_one_channel.ts",
        of_base("-map", "0", "-map", "0:a", *MP2, "-metadata:s:1", "language=deu", "-metadata:s:2", "language=eng"),
        taken=(0, 1),
    ),
    Kind(
        "chapters_beyond_the_end.mkv",
        of_base("-f", "ffmetadata", "-i", "FOLDER/chapters.txt", "-map_metadata", "1", *COPY),
    ),
    Kind(
        "subtitles_of_no_length.mkv",
        of_base("-i", "FOLDER/titles.srt", "-map", "0", "-map", "1", *COPY, "-c:s", "srt"),
        taken=(0, 1),
    ),
    Kind("half_of_it_in_another_size.ts", of_base(*COPY), joined="larger.ts", pictures=100, sound_s=4.0),
    # --- geometry
    Kind("upright.mp4", ["-display_rotation", "90", *of_base(*COPY)], size=(48, 64), rotation=270),
    Kind("upside_down.mp4", ["-display_rotation", "180", *of_base(*COPY)], rotation=180),
    Kind(
        "upright_of_wide_pixels.mp4",
        ["-noautorotate", "-display_rotation", "90", *of_base("-c:a", "copy", "-vf", "setsar=2", *SMALL)],
        size=(48, 128),
        rotation=270,
    ),
    Kind(
        "odd.mkv",
        drawn("color=red:d=0.4:s=64x48:r=25,crop=63:47:0:0:exact=1", "-c:v", "ffv1", "-pix_fmt", "yuv444p"),
        pictures=10,
        size=(63, 47),
        sound_s=None,
        length_s=0.4,
    ),
    Kind(
        "one_pixel.mkv",
        drawn("color=red:d=0.4:s=2x2:r=25,format=yuv444p,crop=1:1:0:0:exact=1", "-c:v", "ffv1"),
        pictures=10,
        size=(1, 1),
        sound_s=None,
        length_s=0.4,
    ),
    Kind("stereo_side_by_side.mkv", of_base(*COPY, "-metadata:s:v", "stereo_mode=left_right")),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base film and other files that rows need."""
    folder = tmp_path_factory.mktemp("base")
    sound = ["-c:a", "aac", "-ar", "48000"]
    make_film(folder / "base.mp4", "testsrc2=d=2:s=64x48:r=25", "sine=d=2:r=48000", options=[*SMALL, *sound])
    make_film(folder / "larger.ts", "testsrc2=d=2:s=96x64:r=25", "sine=d=2:r=48000", options=[*SMALL, *sound])
    make_film(folder / "cover.jpg", "color=red:s=64x64", options=["-frames:v", "1"])
    for name, text in OTHER_FILES.items():
        (folder / name).write_text(text)
    return folder


def made(kind: Kind, folder: Path, path: Path) -> Path:
    names = {"BASE": str(folder / "base.mp4")}
    words = [names.get(word, word.replace("FOLDER", str(folder))) for word in kind.made]
    done = run_ffmpeg(["-y", *words, str(path)], deadline_s=60)
    assert done.returncode == 0, done.log_tail
    data = path.read_bytes()
    data = kind.patch(data) if kind.patch else data
    path.write_bytes(data + (folder / kind.joined).read_bytes() if kind.joined else data)
    return path


def read(path: Path) -> dict[str, Any]:
    """What a film is found to be, by the names of `Kind`."""
    about = probe(str(path))
    streams = {**({"c": VideoClock()} if about.video else {}), **({"s": SoundStream(8000)} if about.audio else {})}
    seen = Recorder(**streams)
    reading = read_film(str(path), about, [seen], deadline_s=60)
    assert not reading.errors and not reading.damage
    times = seen.column("c", "times_s") if about.video else np.empty(0)
    return {
        "pictures": reading.frames if about.video else None,
        "first_s": float(times[0]) if len(times) else None,
        "end_s": reading.picture_end_s,
        "sound_s": len(seen.samples("s")) / 8000 if about.audio else None,
        "length_s": about.duration_s,
        "size": (about.video.width, about.video.height) if about.video else None,
        "rotation": about.video.rotation if about.video else 0,
        "taken": tuple(stream.index for stream in about.streams if stream.taken),
    }


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.fails], ids=str)
def test_what_is_read_of_a_kind_of_film(kind: Kind, folder: Path, tmp_path: Path) -> None:
    found = read(made(kind, folder, tmp_path / kind.name))
    for name in ("pictures", "size", "rotation", "taken"):
        wanted = getattr(kind, name)
        assert found[name] == wanted or (name == "taken" and wanted is None), name
    for name in ("first_s", "end_s", "sound_s", "length_s"):
        wanted = getattr(kind, name)
        if name in ("first_s", "end_s") and wanted is None:
            continue
        assert found[name] == (wanted if wanted is None else pytest.approx(wanted, abs=0.06)), name


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.fails], ids=str)
def test_what_cannot_be_read_says_so(kind: Kind, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FilmError, match=kind.fails):
        read(made(kind, folder, tmp_path / kind.name))
