"""Dolby Vision of which the container says nothing is told by the pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from _films import make_film, remux

from cinelake.errors import ColoursNotShown
from cinelake.media.dolby_vision import profile_of
from cinelake.media.light import check_colours
from cinelake.media.probe import probe

HEVC = ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error"]


def exponential(value: int) -> str:
    """A number in the code of Exp-Golomb."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


def metadata(kind: int, full_range: bool, *, larger: bool = False, residual: bool = False, depth: int = 12) -> bytes:
    """The metadata of a picture that change nothing of it (ETSI GS CCM 001, annex C)."""
    head = f"{0x19:08b}{2:06b}{18:011b}{kind:04b}{0:04b}1" + "0" + "00" + exponential(23) + "01" + f"{full_range:b}"
    head += exponential(2) + exponential(2) + exponential(depth - 8) + "0000" + f"{larger:b}{not residual:b}"
    curve = exponential(0) + exponential(0) + "0" + 2 * (exponential(0) + "0" * 23)
    pivots = exponential(0) + f"{0:010b}{1023:010b}"
    bits = head + "00" + 3 * exponential(0) + 3 * pivots + 2 * exponential(0) + 3 * curve
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8)) + bytes(4) + b"\x80"


@pytest.mark.parametrize(
    ("data", "profile"),
    [
        (metadata(0, True), 5),
        (metadata(1, False), 8),
        (metadata(1, False, larger=True, residual=True), 7),
        (metadata(1, False, larger=True, residual=True, depth=14), 4),
        (metadata(2, False), None),
        (b"\x19", None),
        (b"no metadata", None),
    ],
)
def test_the_profile_is_told_by_the_metadata_of_a_picture(data: bytes, profile: int | None) -> None:
    assert profile_of(data) == profile


def with_metadata(pictures: bytes, data: bytes) -> bytes:
    """HEVC with these metadata behind each picture."""
    escaped = re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\0\0\3", data)
    units = re.split(rb"\x00?\x00\x00\x01", pictures)[1:]
    return b"".join(b"\0\0\0\1" + unit + (b"\0\0\0\1\x7c\1" + escaped if unit[0] >> 1 < 32 else b"") for unit in units)


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".hevc"])
def test_colours_that_only_dolby_vision_shows_are_told_though_no_header_says_so(suffix: str, tmp_path: Path) -> None:
    plain, marked = make_film(tmp_path / "plain.hevc", "testsrc2=d=0.4:s=64x64:r=25", options=HEVC), tmp_path / "m.hevc"
    marked.write_bytes(with_metadata(plain.read_bytes(), metadata(0, True)))
    timed = ["-bsf:v", "setts=ts=N/25/TB"]  # pictures without a container have no times
    video = probe(str(remux(marked, tmp_path / f"film{suffix}", *timed))).video
    assert video is not None and video.dolby_vision == 5
    with pytest.raises(ColoursNotShown, match="profile 5"):
        check_colours("film", video)
