"""Masters of one drawn picture: whatever light, range, pixels and fields a file has, the picture is the same.

The film is white on its left half and black on its right; the rows of `MASTERS` say how a file of it is made and what
its probe must say. What tasks receive is white and black, of the size that a person would see.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _films import make_film, remux
from _recorder import Recorder

from cinelake.media.bars import NO_BARS, bars_of
from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.film import VideoInfo
from cinelake.spec.streams import StreamChoices
from cinelake.spec.task import VideoClock, VideoStream
from tasks.frames.colours import bgr_of, colours_of

HALVES = "color=white:s=96x96:d=0.4:r=25[a];color=black:s=96x96:d=0.4:r=25[b];[a][b]hstack"
"""192 × 96, ten pictures."""
AS_TELEVISION = "format=yuv444p,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv,zscale="
FFV1 = ["-c:v", "ffv1"]
HEVC = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params"]


def x265(**parameters: str) -> list[str]:
    named = {"log-level": "error", **parameters}
    return [*HEVC, ":".join(f"{name}={value}" for name, value in named.items())]


@dataclass(frozen=True)
class Master:
    """How a file is made, and what its probe says. size: as shown."""

    name: str
    filters: str
    options: list[str]
    says: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (192, 96)

    def __str__(self) -> str:
        return self.name


PQ = {"transfer": "smpte2084", "primaries": "bt2020", "matrix": "bt2020nc", "bit_depth": 10, "conversion": "light"}
PQ_TAGS = ["-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"]
TO_PQ = f"{AS_TELEVISION}t=smpte2084:m=bt2020nc:p=bt2020:r=tv:npl=203,format=yuv420p10le"
TO_HLG = f"{AS_TELEVISION}t=arib-std-b67:m=bt2020nc:p=bt2020:r=tv:npl=203,format=yuv420p10le"
TO_WIDE = f"{AS_TELEVISION}t=bt2020-10:m=bt2020nc:p=bt2020:r=tv,format=yuv420p10le"
BT2020 = {"colorprim": "bt2020", "colormatrix": "bt2020nc"}

TAGGED = "format=yuv444p,setparams=range=tv:colorspace="
PALETTE = "split[i][j];[i]palettegen=reserve_transparent=0[p];[j][p]paletteuse=dither=none"
AV1 = ["-c:v", "libsvtav1", "-preset", "12", "-crf", "20", "-svtav1-params"]

MASTERS = [
    Master("sdr.mp4", "format=yuv420p", ["-c:v", "libx264"], {"transfer": "", "scan": "progressive", "conversion": ""}),
    Master("pq_hevc.mp4", TO_PQ, x265(transfer="smpte2084", hdr10="1", **BT2020), PQ | {"declared_range": "limited"}),
    Master("pq_prores.mov", TO_PQ, ["-c:v", "prores_ks", *PQ_TAGS], PQ | {"pixel_format": "yuv422p10le"}),
    Master("hlg.mkv", TO_HLG, x265(transfer="arib-std-b67", **BT2020), {"transfer": "arib-std-b67"}),
    Master("wide_gamut.mkv", TO_WIDE, x265(transfer="bt2020-10", **BT2020), {"primaries": "bt2020"}),
    Master("full_range.mp4", "scale=out_range=pc,format=yuv420p", ["-c:v", "libx264", "-color_range", "pc"]),
    Master("rgb.mkv", "format=bgr0", FFV1, {"matrix": "gbr", "conversion": "rgb"}),
    Master("rgb_10.mkv", "format=gbrp10le", FFV1, {"bit_depth": 10, "conversion": "rgb"}),
    Master("rgb_x264.mp4", "format=rgb24", ["-c:v", "libx264rgb"], {"pixel_format": "gbrp"}),
    Master("rgb_animation.mov", "format=rgb24", ["-c:v", "qtrle"]),
    Master("grey.mkv", "format=gray", FFV1, {"conversion": "grey"}),
    Master("jpeg2000.mxf", "format=rgb24", ["-c:v", "jpeg2000"], {"conversion": "rgb"}),
    Master("motion_jpeg.avi", "format=yuvj420p", ["-c:v", "mjpeg"], {"full_range": True}),
    Master("uncompressed.mov", "format=uyvy422", ["-c:v", "rawvideo"]),
    Master("ycgco.mkv", f"{TAGGED}ycgco", FFV1, {"matrix": "ycgco", "conversion": "light"}),
    Master("ictcp.mkv", f"{TAGGED}ictcp:color_trc=smpte2084:color_primaries=bt2020", FFV1, {"matrix": "ictcp"}),
    Master("fcc_1953.mkv", f"{TAGGED}fcc", FFV1, {"matrix": "fcc", "conversion": "light"}),
    Master("constant_luminance.mkv", f"{TAGGED}bt2020c:color_primaries=bt2020", FFV1, {"matrix": "bt2020c"}),
    Master("linear_light.mkv", f"{TAGGED}bt709:color_trc=linear", FFV1, {"transfer": "linear"}),
    Master("twelve_bits.mp4", "format=yuv444p12le", x265(), {"bit_depth": 12, "conversion": ""}),
    Master("alpha.mov", "format=yuva444p10le", ["-c:v", "prores_ks"], {"pixel_format": "yuva444p12le"}),
    Master("alpha.webm", "format=yuva420p", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]),
    Master("rgb_alpha.mov", "format=rgba", ["-c:v", "png"], {"pixel_format": "rgba", "conversion": "rgb"}),
    Master("grey_16.mkv", "format=gray16le", FFV1, {"bit_depth": 16, "conversion": "grey"}),
    Master("palette.gif", PALETTE, ["-c:v", "gif"], {"conversion": "rgb"}),
    Master("quarter_chroma.mkv", "format=yuv410p", FFV1, {"pixel_format": "yuv410p"}),
    Master("jpeg_range_not_told.avi", "format=yuvj422p", ["-c:v", "mjpeg"], {"full_range": True}),
    Master("grain.mkv", "format=yuv420p", [*AV1, "film-grain=8"], {"codec": "av1", "conversion": ""}),
    Master("wide_pixels.mp4", "format=yuv420p,setsar=2", ["-c:v", "libx264"], size=(384, 96)),
    Master("narrow_pixels.mpg", "format=yuv420p,setdar=16/9", ["-c:v", "mpeg2video", "-q:v", "2"], size=(170, 96)),
]


def ffmpeg(*arguments: str) -> None:
    done = run_ffmpeg(["-y", *arguments], deadline_s=60)
    assert done.returncode == 0, done.log_tail


def halves(path: Path, filters: str, options: list[str]) -> Path:
    ffmpeg("-filter_complex", f"{HALVES},{filters}[o]", "-map", "[o]", *options, f"file:{path}")
    return path


def video_of(path: Path) -> VideoInfo:
    video = probe(str(path)).video
    assert video is not None
    return video


Read = Callable[..., Recorder]


@pytest.mark.parametrize("master", MASTERS, ids=str)
def test_white_is_white_and_black_is_black(master: Master, tmp_path: Path, read: Read) -> None:
    video = video_of(halves(tmp_path / master.name, master.filters, master.options))
    assert {name: getattr(video, name) for name in master.says} == master.says
    assert (video.width // 2 * 2, video.height) == master.size
    seen = read(
        tmp_path / master.name, yuv=VideoStream(max_width=640, pixel_format="yuv420p"), rgb=VideoStream(max_width=640)
    )
    for picture in (bgr_of(seen.pixels("yuv")[5], colours_of(video)), seen.pixels("rgb")[5]):
        assert picture.shape == (96, master.size[0], 3)
        assert (picture[24:72, 8 : master.size[0] // 2 - 8] >= 252).all()
        assert (picture[24:72, master.size[0] // 2 + 8 : -8] <= 3).all()


# --- other primaries

SKIN = "color=0xC05030:s=64x64:d=0.2:r=10,format=gbrp,zscale=pin=bt709:tin=bt709:min=gbr:rin=full:"


@pytest.mark.parametrize("primaries", ["bt709", "bt470m", "film", "smpte428", "smpte432"])
def test_a_colour_is_the_same_whatever_primaries_it_is_told_in(primaries: str, tmp_path: Path, read: Read) -> None:
    told = f"{SKIN}p={primaries}:t=bt709:m=bt709:r=limited,format=yuv444p"
    make_film(tmp_path / "film.mkv", told, options=FFV1)
    assert video_of(tmp_path / "film.mkv").primaries == primaries
    seen = read(tmp_path / "film.mkv", rgb=VideoStream(max_width=64)).pixels("rgb")[0]
    assert seen[32, 32].tolist() == pytest.approx([0xC0, 0x50, 0x30], abs=8)


# --- geometry

QUARTERS = "color=red:s=64x96:d=0.2:r=10[a];color=lime:s=64x96:d=0.2:r=10[b];color=blue:s=128x32:d=0.2:r=10[c];" \
    "[a][b]hstack[d];[d][c]vstack"  # fmt: skip
"""Red at the left, green at the right, blue below."""
TURNED = [
    (["-display_hflip"], (0, True), "green"),
    (["-display_vflip"], (180, True), "blue"),
    (["-display_rotation", "90"], (270, False), "green"),
    (["-display_rotation", "90", "-display_hflip"], (270, True), "blue"),
]
"""How a film is turned, what its probe says of that, and what is in the upper left corner then."""


@pytest.mark.parametrize(("words", "says", "corner"), TURNED, ids=[" ".join(row[0]) for row in TURNED])
def test_a_mirrored_picture_is_told_from_a_turned_one(
    words: list[str], says: tuple[int, bool], corner: str, tmp_path: Path, read: Read
) -> None:
    ffmpeg("-filter_complex", f"{QUARTERS}[o]", "-map", "[o]", *X264, f"file:{tmp_path / 'whole.mp4'}")
    remux(tmp_path / "whole.mp4", tmp_path / "film.mp4", before=tuple(words))
    video = video_of(tmp_path / "film.mp4")
    assert (video.rotation, video.is_mirrored) == says
    picture = read(tmp_path / "film.mp4", rgb=VideoStream(max_width=128)).pixels("rgb")[0]
    assert picture[8, 8].argmax() == ("red", "green", "blue").index(corner)


STRETCHED = [((2, 0, 0, 1), (256, 128)), ((0, 2, -1, 0), (128, 256)), ((2, 0, 0, 2), (128, 128))]
"""Numbers of a display matrix (a, b, c, d), and the size as players show what is 128 × 128."""


@pytest.mark.parametrize(("numbers", "shown"), STRETCHED, ids=str)
def test_a_matrix_that_stretches_one_way_is_the_shape_of_pixels(
    numbers: tuple[int, ...], shown: tuple[int, int], tmp_path: Path
) -> None:
    ffmpeg("-filter_complex", f"{QUARTERS}[o]", "-map", "[o]", *X264, f"file:{tmp_path / 'film.mp4'}")
    data = (tmp_path / "film.mp4").read_bytes()
    at = data.index(b"tkhd") + 44
    a, b, c, d = (number << 16 for number in numbers)
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    (tmp_path / "film.mp4").write_bytes(data[:at] + matrix + data[at + len(matrix) :])
    video = video_of(tmp_path / "film.mp4")
    assert (video.width, video.height) == shown


def matroska_crop(path: Path, top: int) -> Path:
    """The film in Matroska with PixelCropTop, in the place of another element of its size."""
    marked, cropped = path.with_name("marked.mkv"), path.with_name("cropped.mkv")
    ffmpeg("-i", str(path), "-c", "copy", "-metadata:s:v", "stereo_mode=mono", f"file:{marked}")
    data = marked.read_bytes()
    assert data.count(b"\x53\xb8\x81\x00") == 1
    cropped.write_bytes(data.replace(b"\x53\xb8\x81\x00", b"\x54\xbb\x81%c" % top))
    return cropped


def test_what_the_container_hides_is_cropped(tmp_path: Path, read: Read) -> None:
    path = matroska_crop(halves(tmp_path / "whole.mkv", "format=yuv420p", ["-c:v", "libx264"]), top=32)
    video = video_of(path)
    assert (video.crop, video.width, video.height) == ((0, 0, 32, 0), 192, 64)
    picture = read(path, rgb=VideoStream(max_width=640)).pixels("rgb")[5]
    assert picture.shape == (64, 192, 3)
    assert picture[:, 8].min() >= 252


def test_a_crop_is_found_behind_a_seek_head_that_names_the_first_cluster(tmp_path: Path) -> None:
    path = matroska_crop(halves(tmp_path / "whole.mkv", "format=yuv420p", ["-c:v", "libx264"]), top=32)
    seek_id, tags, cluster = b"\x53\xab\x84", b"\x12\x54\xc3\x67", b"\x1f\x43\xb6\x75"
    data = path.read_bytes()
    assert data.count(seek_id + tags) == 1
    path.write_bytes(data.replace(seek_id + tags, seek_id + cluster))
    assert video_of(path).crop == (0, 0, 32, 0)


# --- fields

MOVING = "color=black:s=320x{lines}:d=3:r={rate}[b];color=white:s=40x{lines}:d=3:r={rate}[w];" \
    "[b][w]overlay=x='140+130*sin(n/12)':shortest=1"  # fmt: skip
"""A white bar that moves some pixels a field."""


def fields(path: Path, filters: str, options: list[str], *, lines: int = 480, rate: str = "50") -> Path:
    ffmpeg(
        "-filter_complex",
        f"{MOVING.format(lines=lines, rate=rate)},{filters}[o]",
        "-map",
        "[o]",
        *options,
        f"file:{path}",
    )
    return path


def combing(picture: np.ndarray) -> float:
    """How much more a line differs from its neighbours than from the line after: 0 for whole pictures."""
    luma = picture[..., 1].astype(int)
    return float((np.abs(luma[1:-1] - luma[:-2]) > 60).mean())


X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "12", "-pix_fmt", "yuv420p"]
MPEG2 = ["-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct"]
TOP, BOTTOM = "tinterlace=interleave_top,setfield=tff", "tinterlace=interleave_bottom,setfield=bff"
FILM, PULLED_DOWN = "24000/1001", "telecine=pattern=23,setfield=tff"

STILL_AT_FIRST = "color=black:s=320x480:d=3:r=50[b];color=white:s=40x480:d=3:r=50[w];" \
    "[b][w]overlay=x='if(lt(n,90),40,140+130*sin(n/12))':shortest=1"  # fmt: skip


def test_fields_that_nothing_tells_of_are_seen_though_nothing_moves_at_first(tmp_path: Path) -> None:
    drawn = f"{STILL_AT_FIRST},tinterlace=interleave_top[o]"
    ffmpeg("-filter_complex", drawn, "-map", "[o]", *X264, "-g", "12", f"file:{tmp_path / 'film.mp4'}")
    assert video_of(tmp_path / "film.mp4").scan == "interlaced"


SCANS: list[tuple[str, str, list[str], str, int, tuple[str, bool | None]]] = [
    ("mpeg2.mpg", TOP, MPEG2, "50", 480, ("interlaced", True)),
    ("mpeg2.mxf", TOP, MPEG2, "50", 576, ("interlaced", True)),
    ("h264_fields.mp4", TOP, [*X264, "-x264-params", "tff=1"], "50", 480, ("interlaced", True)),
    ("h264_bottom_first.mkv", BOTTOM, [*X264, "-x264-params", "bff=1"], "50", 480, ("interlaced", False)),
    ("prores.mov", TOP, ["-c:v", "prores_ks", "-flags", "+ilme+ildct"], "50", 480, ("interlaced", True)),
    ("not_told.mp4", "tinterlace=interleave_top", X264, "50", 480, ("interlaced", True)),
    ("telecine.mpg", PULLED_DOWN, MPEG2, FILM, 480, ("telecine", True)),
    ("telecine_not_told.mkv", PULLED_DOWN, X264, FILM, 480, ("telecine", True)),
    ("whole_in_fields.mp4", "setfield=tff", [*X264, "-x264-params", "tff=1"], "25", 480, ("progressive", None)),
    ("whole.mp4", "null", X264, "25", 480, ("progressive", None)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "filters", "options", "rate", "lines", "says"), SCANS, ids=[row[0] for row in SCANS])
def test_no_picture_is_combed(
    tmp_path: Path,
    read: Read,
    name: str,
    filters: str,
    options: list[str],
    rate: str,
    lines: int,
    says: tuple[str, bool],
) -> None:
    path = fields(tmp_path / name, filters, options, lines=lines, rate=rate)
    video = video_of(path)
    assert (video.scan, video.top_first) == says
    seen = read(path, clock=VideoClock(), rgb=VideoStream(max_width=320))
    assert max(combing(picture) for picture in seen.pixels("rgb")) < 0.002
    alone = read(path, clock=VideoClock())
    assert np.array_equal(seen.column("clock", "times_s"), alone.column("clock", "times_s"))
    assert np.array_equal(seen.column("clock", "durations_s"), alone.column("clock", "durations_s"))


# --- black bars

BARRED = [
    ("pillarbox", "pad=iw+64:ih:32:0", (32, 32, 0, 0)),
    ("letterbox", "pad=iw:ih+48:0:24", (0, 0, 24, 24)),
    ("none", "null", (0, 0, 0, 0)),
]


@pytest.mark.parametrize(("name", "bars", "found"), BARRED, ids=[row[0] for row in BARRED])
def test_black_bars_are_cut_off_where_wanted(tmp_path: Path, name: str, bars: str, found: tuple[int, ...]) -> None:
    path = tmp_path / f"{name}.mp4"
    ffmpeg("-f", "lavfi", "-i", f"testsrc=d=1:s=192x144:r=25,{bars}", *X264, f"file:{path}")
    video = probe(str(path), StreamChoices(without_bars=True)).video
    assert video is not None
    assert (video.bars, video.width, video.height) == (found, 192, 144)
    assert video_of(path).bars == (0, 0, 0, 0)


def test_what_is_left_between_bars_is_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "pillarbox.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=white:d=1:s=128x96:r=25,pad=iw+64:ih:32:0", *X264, f"file:{path}")
    seen = Recorder(rgb=VideoStream(max_width=640))
    read_film(str(path), probe(str(path), StreamChoices(without_bars=True)), [seen], deadline_s=60)
    assert seen.pixels("rgb").shape == (25, 96, 128, 3)
    assert seen.pixels("rgb")[5].min() >= 250


def test_a_film_that_is_black_keeps_its_pictures() -> None:
    assert bars_of(["x1:319 x2:0 y1:239 y2:0 w:-318 h:-238 x:320 y:240 crop=-318:-238:320:240"], (320, 240)) == NO_BARS
