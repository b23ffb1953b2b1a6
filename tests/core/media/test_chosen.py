"""Pictures that are chosen: each as it is in the whole film, without decoding what nobody refers to."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from _films import make_film
from _recorder import Recorder

from cinelake.media import chosen as chosen_module
from cinelake.media.chosen import ChosenPictures, open_choice
from cinelake.media.ffmpeg import binary
from cinelake.media.packets import NotToBeSpared, _in_order
from cinelake.media.probe import probe
from cinelake.spec.task import VideoStream

SMALL = VideoStream(width=64, height=36, pixel_format="rgb24")
X264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "fast"]
CODED = {
    "default": X264,
    "fixed groups": [*X264, "-g", "20", "-sc_threshold", "0"],
    "open groups": [*X264, "-g", "20", "-x264-params", "open-gop=1"],
    "pyramid": [*X264, "-bf", "8", "-x264-params", "b-adapt=2:b-pyramid=normal"],
    "hevc": ["-c:v", "libx265", "-pix_fmt", "yuv420p", "-x265-params", "log-level=none:keyint=20"],
    "mpeg2": ["-c:v", "mpeg2video", "-bf", "2", "-q:v", "3"],
    "mpeg4": ["-c:v", "mpeg4", "-bf", "2", "-q:v", "3"],
}


def coded(folder: Path, name: str) -> Path:
    source = "testsrc2=size=128x72:rate=25:duration=4"
    return make_film(folder / f"{name}.mkv", source, options=CODED[name])


def chosen(film: ChosenPictures, wanted: np.ndarray) -> dict[int, np.ndarray]:
    pictures: dict[int, np.ndarray] = {}
    film.decode(wanted, lambda batch: pictures.update(zip(batch.frames.tolist(), batch.pixels.copy(), strict=True)))
    return pictures


def open_film(path: Path) -> ChosenPictures:
    return open_choice(str(path), probe(str(path)), SMALL, deadline_s=60)


@pytest.mark.parametrize("name", CODED)
def test_chosen_pictures_are_those_of_the_whole_film(name: str, tmp_path: Path, read) -> None:
    path = coded(tmp_path, name)
    whole: Recorder = read(path, small=SMALL)
    film = open_film(path)
    pictures = chosen(film, ~film.is_spare)
    assert len(pictures) == int((~film.is_spare).sum()) < len(film) == 100
    assert film.times_s.tolist() == whole.column("small", "times_s").tolist()
    every = whole.pixels("small")
    assert all((every[frame] == picture).all() for frame, picture in pictures.items())


def copied(path: Path, *options: str, first: tuple[str, ...] = ()) -> Path:
    """The same packets in a container that says more of them."""
    copy = path.with_stem("copy")
    command = [binary(), "-loglevel", "error", *first, "-i", str(path), "-c", "copy", *options, str(copy)]
    subprocess.run(command, check=True)
    return copy


def test_colours_are_those_that_the_container_declares(tmp_path: Path, read) -> None:
    path = copied(coded(tmp_path, "default"), "-colorspace", "bt709", "-color_range", "pc")
    film = open_film(path)
    pictures = chosen(film, ~film.is_spare)
    every = read(path, small=SMALL).pixels("small")
    assert all((every[frame] == picture).all() for frame, picture in pictures.items())


@pytest.mark.parametrize("turn", [("-display_rotation", "90"), ("-display_vflip",)])
def test_a_film_that_players_turn_is_to_be_decoded_whole(turn: tuple[str, ...], tmp_path: Path) -> None:
    path = copied(make_film(tmp_path / "film.mp4", "testsrc2=size=128x72:rate=25:duration=1", options=X264), first=turn)
    with pytest.raises(NotToBeSpared, match="turned"):
        open_film(path)


@pytest.mark.parametrize("name", ["fixed groups", "open groups", "hevc"])
def test_a_decoder_begins_in_the_middle_of_the_film(name: str, tmp_path: Path, read) -> None:
    path = coded(tmp_path, name)
    whole: Recorder = read(path, small=SMALL)
    film, wanted = open_film(path), np.zeros(100, bool)
    wanted[[45, 46, 85, 86]] = True
    pictures = chosen(film, wanted)
    assert {45, 46, 85, 86} <= pictures.keys() and len(pictures) < 60
    every = whole.pixels("small")
    assert all((every[frame] == picture).all() for frame, picture in pictures.items())


def test_the_film_is_not_read_from_its_beginning_for_each_of_many_places(tmp_path: Path, monkeypatch) -> None:
    film, wanted = open_film(coded(tmp_path, "open groups")), np.zeros(100, bool)
    wanted[[30, 70, 99]] = True
    starts = len(film.survey.runs(film.survey.needed_for(wanted)))
    monkeypatch.setattr(chosen_module, "MOST_STARTS", starts - 1)
    assert {30, 70, 99} <= chosen(film, wanted).keys()
    assert len(film.readings) == 1 < starts


def test_pictures_that_a_higher_sub_layer_may_refer_to_are_not_spare(tmp_path: Path) -> None:
    probed = probe(str(coded(tmp_path, "hevc")))
    rows = [(tick * 40, 100, mark, 2 * (not tick)) for tick, mark in enumerate([-1, 1, 1, -2] * 4)]
    with pytest.raises(NotToBeSpared, match="100% of its pictures"):
        _in_order(probed, rows, 40, 16 * 40)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["-c:v", "libvpx-vp9", "-b:v", "1M", "-deadline", "realtime"], "vp9"),
        (["-c:v", "mjpeg"], "mjpeg"),
        ([*X264, "-bf", "0"], "others refer to 100% of its pictures"),
        ([*X264, "-vf", "setpts='if(gt(N,30),PTS+N*2/TB/25,PTS)'", "-fps_mode", "passthrough"], "equal times"),
        ([*X264, "-flags", "+ildct+ilme", "-vf", "setfield=tff"], "fields"),
    ],
)
def test_a_film_that_tells_too_little_is_to_be_decoded_whole(options: list[str], why: str, tmp_path: Path) -> None:
    size = "720x576" if why == "fields" else "320x180"
    path = make_film(tmp_path / "film.mkv", f"testsrc2=size={size}:rate=25:duration=2", options=options)
    with pytest.raises(NotToBeSpared, match=why):
        open_film(path)


def test_a_part_that_does_not_decode_by_itself_ends_the_choice(tmp_path: Path) -> None:
    options = [*X264, "-x264-params", "intra-refresh=1:keyint=20"]
    film = open_film(make_film(tmp_path / "film.mkv", "testsrc2=size=128x72:rate=25:duration=4", options=options))
    with pytest.raises(NotToBeSpared, match="by itself"):
        chosen(film, np.arange(100) == 70)


def test_damage_among_what_is_decoded_ends_the_choice(tmp_path: Path) -> None:
    path = coded(tmp_path, "default")
    data = bytearray(path.read_bytes())
    data[len(data) // 4 : len(data) // 4 + 600] = bytes(600)
    path.write_bytes(data)
    with pytest.raises(NotToBeSpared):
        film = open_film(path)
        chosen(film, np.ones(len(film), bool))
