"""What ffmpeg says of a file, and what follows for the graph of an ordinary one: nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from _dolby_vision import with_dolby_vision
from _films import make_film, remux

from cinelake.media.described import Description, description_of, headers_say_more
from cinelake.media.graph import build_graph, picture_wishes
from cinelake.media.probe import probe
from cinelake.media.scan import Fields, Tally, tally_of
from cinelake.spec.task import VideoClock, VideoStream

WORDS = """
[info]   Program 1
[info]     Metadata:
[info]       service_name    : Program 7
[info]   Stream #0:0[0x100]: Video: hevc (Main 10), yuv420p10le(tv), 3840x2160
[info]     Side data:
[info]       DOVI configuration record: version: 1.0, profile: 8, level: 6, rpu flag: 1, el flag: 0, bl flag: 1
[info]       Frame Cropping: 2/4/6/8
[info]   Stream #0:1[0x101]: Audio: ac3
[info]   Program 2
[info]   Stream #0:1[0x101]: Audio: ac3
[info]   No Program
[info]   Stream #0:2[0x102]: Data: none
""".splitlines()


def test_programmes_cropping_and_dolby_vision_are_read_from_what_ffmpeg_says() -> None:
    assert description_of(WORDS) == Description(
        programmes={0: (1,), 1: (1, 2)}, crops={0: (2, 4, 6, 8)}, dolby_vision={0: 8}
    )


def test_a_title_cannot_pass_for_what_ffmpeg_says() -> None:
    titles = ["[info]     title           : Program 2", "[info]       title           : Frame Cropping: 9/9/9/9"]
    assert description_of([*WORDS[:4], *titles]) == description_of(WORDS[:4])


@pytest.mark.parametrize(
    ("says", "is_shown"),
    [({"dolby_vision": 5, "dolby_base": 0}, False), ({"dolby_vision": 8, "dolby_base": 1}, True),
     ({"dolby_vision": 7, "dolby_base": 6}, True), ({"dolby_vision": 10, "dolby_base": 0}, False),
     ({"dolby_vision": 10, "dolby_base": 1}, True), ({"matrix": "ipt-c2"}, False), ({"matrix": "ictcp"}, True)],
)  # fmt: skip
def test_colours_are_shown_where_there_is_a_base_for_other_players(
    film: Path, says: dict[str, Any], is_shown: bool
) -> None:
    video = probe(str(film)).video
    assert video is not None
    assert (replace(video, **says).why_not_shown == "") is is_shown


def test_the_base_of_dolby_vision_is_read(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mp4", "testsrc2=d=0.4:s=64x48:r=25", options=["-c:v", "libx265"])
    with_dolby_vision(path, profile=10, base=4)
    video = probe(str(path)).video
    assert video is not None
    assert (video.dolby_vision, video.dolby_base) == (10, 4)


@pytest.mark.parametrize(("suffix", "is_asked"), [(".mp4", False), (".mov", False), (".mkv", False), (".ts", True)])
def test_ffmpeg_is_asked_only_where_headers_may_say_more(
    film: Path, tmp_path: Path, suffix: str, is_asked: bool
) -> None:
    with remux(film, tmp_path / f"film{suffix}").open("rb") as file:
        assert headers_say_more(file.fileno()) is is_asked


def test_a_compressed_header_may_say_anything(tmp_path: Path) -> None:
    (tmp_path / "film.mov").write_bytes(b"\0\0\0\x14moov\0\0\0\x0ccmov1234")
    with (tmp_path / "film.mov").open("rb") as file:
        assert headers_say_more(file.fileno())


def test_a_record_of_dolby_vision_is_found_in_matroska(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mp4", "testsrc2=d=0.4:s=64x48:r=25", options=["-c:v", "libx265"])
    with_dolby_vision(path, profile=5, base=0)
    video = probe(str(remux(path, tmp_path / "film.mkv", "-strict", "unofficial"))).video
    assert video is not None
    assert (video.dolby_vision, video.dolby_base) == (5, 0)


ADDED = ("zscale", "tonemap", "bwdif", "fieldmatch", "setparams", "settb", "colorlevels")


def test_nothing_is_added_to_the_graph_of_an_ordinary_film(film: Path) -> None:
    wishes = [VideoClock(), VideoStream(width=64, height=36), VideoStream(max_width=640, pixel_format="yuv420p")]
    pipes = {"film_fd": 3, "picture_fd": 4, "plain_fds": [5], "sound_fds": []}
    graph = " ".join(build_graph(probe(str(film)), wishes, **pipes).arguments)
    assert not [name for name in ADDED if name in graph]


def test_the_clock_is_a_stream_of_its_own_only_where_nobody_wants_every_picture(film: Path) -> None:
    known, every, some = probe(str(film)), VideoStream(width=64, height=36), VideoStream(width=64, height=36, fps=1)
    assert picture_wishes(known, [VideoClock(), some, every]) == (every, some)
    assert picture_wishes(known, [some]) == (VideoClock(), some)


@pytest.mark.parametrize(("size", "threads"), [((640, 360), "1"), ((1920, 1080), ""), ((8192, 4320), "4")])
def test_small_pictures_are_decoded_by_one_thread_and_huge_ones_by_few(film: Path, size: tuple[int, int], threads: str):
    known = probe(str(film))
    assert known.video is not None
    video = replace(known.video, coded_width=size[0], coded_height=size[1])
    graph = build_graph(replace(known, video=video), [VideoClock()], film_fd=3, picture_fd=4, sound_fds=[])
    options = graph.arguments[: graph.arguments.index("-i")]
    assert (options[options.index("-threads") + 1] if "-threads" in options else "") == threads


def test_fields_cost_nothing_where_only_times_are_read(film: Path) -> None:
    known = probe(str(film))
    assert known.video is not None
    fields = replace(known, video=replace(known.video, scan="interlaced", top_first=True))
    graph = " ".join(build_graph(fields, [VideoClock()], film_fd=3, picture_fd=4, sound_fds=[]).arguments)
    assert "bwdif" not in graph


# --- fields

IDET = """
[Parsed_idet_0 @ 0x1] [info] Repeated Fields: Neither:    61 Top:    20 Bottom:    20
[Parsed_idet_0 @ 0x1] [info] Single frame detection: TFF:    89 BFF:     9 Progressive:     3 Undetermined:     0
[Parsed_idet_0 @ 0x1] [info] Multi frame detection: TFF:   101 BFF:     0 Progressive:     0 Undetermined:     0
""".splitlines()


def test_samples_are_summed() -> None:
    assert tally_of([*IDET, *IDET]) == Tally(top=202, repeated=80, repeated_top=40)


@pytest.mark.parametrize(
    ("tally", "interlaced", "telecine", "whole"),
    [
        (Tally(top=100), True, False, False),
        (Tally(top=100, repeated=40, repeated_top=20), True, True, False),
        (Tally(top=60, unsure=40, repeated=20, repeated_top=10), True, True, False),
        (Tally(top=35, bottom=36, whole=30), False, False, True),
        (Tally(whole=60, unsure=40), False, False, True),
        (Tally(unsure=100), False, False, False),
        (Tally(), False, False, False),
    ],
    ids=["fields", "film_in_fields", "calm_film_in_fields", "fine_pattern", "whole", "still", "nothing"],
)
def test_what_a_sample_proves(tally: Tally, interlaced: bool, telecine: bool, whole: bool) -> None:
    assert (tally.is_interlaced, tally.is_telecine, tally.is_whole) == (interlaced, telecine, whole)


@pytest.mark.parametrize(
    ("codec", "lines", "fps", "looked_at"),
    [("h264", 1080, 25.0, True), ("h264", 576, 29.97, True), ("h264", 720, 25.0, False), ("h264", 1080, 24.0, False),
     ("av1", 1080, 25.0, False)],
)  # fmt: skip
def test_a_film_that_says_nothing_of_fields_is_looked_at_only_in_television_s_sizes(
    codec: str, lines: int, fps: float, looked_at: bool
) -> None:
    assert Fields(1, False, codec, lines, fps).could_be is looked_at
