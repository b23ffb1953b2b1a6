"""Pictures that are later than they are shown, as their container counts them in the order of decoding, are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _films import make_film
from _recorder import Recorder

from cinelake.media.probe import probe
from cinelake.media.reader import DecodeReport, read_film
from cinelake.spec.task import VideoClock

PYRAMID = ["-c:v", "libx264", "-x264-params", "bframes=3:b-pyramid=normal:b-adapt=0", "-pix_fmt", "yuv420p"]
DRAWN = np.arange(50) / 25
"""When the pictures of two seconds are shown."""


def read(path: Path) -> tuple[np.ndarray, DecodeReport]:
    seen = Recorder(clock=VideoClock())
    report = read_film(str(path), probe(str(path)), [seen], deadline_s=60)
    return seen.column("clock", "times_s"), report


@pytest.mark.parametrize(
    ("name", "codec", "late_s"),
    [
        ("b_pictures.avi", ["-c:v", "mpeg4", "-bf", "2"], 0.04),
        ("h264_pyramid.avi", PYRAMID, 0.08),
        ("b_pictures.gxf", ["-c:v", "mpeg2video", "-bf", "2"], 0.04),
        ("in_order.avi", ["-c:v", "mpeg4", "-bf", "0"], 0.0),
        ("begins_late.avi", ["-c:v", "mpeg4", "-bf", "0", "-output_ts_offset", "2.4"], 0.0),
        ("b_pictures.mkv", ["-c:v", "mpeg4", "-bf", "2"], 0.0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_told_by_how_much(tmp_path: Path, name: str, codec: list[str], late_s: float) -> None:
    size = "720x576" if name.endswith(".gxf") else "64x48"
    times_s, report = read(make_film(tmp_path / name, f"testsrc2=d=2:s={size}:r=25", options=codec))
    assert report.late_s == pytest.approx(late_s, abs=1e-3)
    if name != "begins_late.avi":
        assert (times_s - report.late_s)[:-1] == pytest.approx(DRAWN[:-1], abs=1e-3)  # GXF's last: a field early


@pytest.mark.parametrize("codec", ["libvpx", "libtheora"])
def test_of_joined_ogg_the_pictures_of_later_parts_are(tmp_path: Path, codec: str) -> None:
    path = make_film(tmp_path / "film.ogv", "testsrc2=d=2:s=64x48:r=25", options=["-c:v", codec])
    once, report = read(path)
    path.write_bytes(path.read_bytes() * 2)
    times_s, of_both = read(path)
    assert (report.late_s, of_both.late_s > 0) == (0.0, True)
    assert times_s[len(once) + 9] - of_both.late_s == pytest.approx(2 + once[9], abs=0.05)
