"""Edit lists of MP4: what libav plays as it is meant is read so, and what it does not is told."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from _films import X264, make_film
from _recorder import Recorder

from cinelake.errors import DamagedFilm
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.task import VideoClock

Edit = tuple[float, int, float]
"""Seconds, beginning in the pictures' own time (-1: nothing is shown), speed."""
RATE = 12800
"""Units of the pictures' own time in a second, as ffmpeg takes them for 25 a second."""


def edited(path: Path, *edits: Edit) -> Path:
    """Four seconds of pictures with this edit list, whose index stands behind them."""
    make_film(path, "testsrc=d=4:s=64x48:r=25", options=X264)
    data = path.read_bytes()
    unit = int.from_bytes(data[data.index(b"mvhd") + 16 :][:4])
    rows = b"".join(struct.pack(">Iii", round(s * unit), begin, round(rate * 65536)) for s, begin, rate in edits)
    new = struct.pack(">I4sII", 16 + len(rows), b"elst", 0, len(edits)) + rows
    at = data.index(b"edts") - 4
    size = int.from_bytes(data[at : at + 4])
    data = data[:at] + struct.pack(">I4s", 8 + len(new), b"edts") + new + data[at + size :]
    for name in (b"moov", b"trak"):
        box = data.rindex(name) - 4
        grown = int.from_bytes(data[box : box + 4]) + 8 + len(new) - size
        data = data[:box] + grown.to_bytes(4) + data[box + 4 :]
    path.write_bytes(data)
    return path


def times_of(path: Path) -> list[float]:
    seen = Recorder(clock=VideoClock())
    read_film(str(path), probe(str(path)), [seen], deadline_s=60)
    return [float(time) for time in seen.column("clock", "times_s")]


@pytest.mark.parametrize(
    ("edits", "pictures"),
    [
        ([(1, -1, 1), (4, 0, 1)], 100),
        ([(2, RATE, 1)], 50),
        ([(1, 2 * RATE, 1), (1, 0, 1)], 50),
        ([(4, 0, 0)], 100),
        ([(1, -1, 1), (1, -1, 1), (4, 0, 1)], 100),
        ([(2, 0, 1), (0, -1, 1), (2, 2 * RATE, 1)], 100),
    ],
    ids=["begins_late", "trimmed", "parts_in_another_order", "speed_left_out", "begins_late_twice", "pause_of_nothing"],
)
def test_edits_are_read_as_players_show_them(tmp_path: Path, edits: list[Edit], pictures: int) -> None:
    times = times_of(edited(tmp_path / "film.mp4", *edits))
    assert times == pytest.approx([n / 25 for n in range(pictures)])


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([(2, 0, 2)], "at another speed"),
        ([(1, 0, 0), (4, 0, 1)], "stands still"),
        ([(1, 0, 1), (1, -1, 1), (3, RATE, 1)], "pauses"),
        ([(4, 0, 1), (1, -1, 1)], "pauses"),
    ],
    ids=["faster", "stands_still", "pause", "pause_at_the_end"],
)
def test_edits_that_are_not_read_so_are_told(tmp_path: Path, edits: list[Edit], words: str) -> None:
    with pytest.raises(DamagedFilm, match=words):
        times_of(edited(tmp_path / "film.mp4", *edits))


def test_edits_are_told_also_where_the_pictures_reach_to_the_end_of_the_file(tmp_path: Path) -> None:
    path = edited(tmp_path / "film.mp4", (2, 0, 2))
    data = path.read_bytes()
    begin, index = data.index(b"mdat") - 4, data.rindex(b"moov") - 4
    pictures = bytes(4) + data[begin + 4 : index]
    path.write_bytes(data[:begin] + data[index:] + pictures)
    assert probe(str(path)).declared.edits
