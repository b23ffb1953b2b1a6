"""Where the clock of a program stream goes back: films that take turns, and films that follow each other."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from cinelake.media import restarts
from cinelake.media.file_bytes import FileBytes
from cinelake.media.restarts import take_turns


def pack(time_s: float) -> bytes:
    """A pack of 2 KiB of an MPEG-2 program stream with nothing but its clock."""
    clock = round(time_s * 90000)
    high, middle, low = clock >> 30, clock >> 15 & 0x7FFF, clock & 0x7FFF
    head = 1 << 46 | high << 43 | 1 << 42 | middle << 27 | 1 << 26 | low << 11 | 1 << 10
    return (b"\0\0\1\xba" + (head >> 8).to_bytes(5)).ljust(2048, b"\0")


def says(folder: Path, spans: Iterable[tuple[float, float]], packs_a_second: int = 10) -> bool:
    """Whether films take turns in a file whose clock goes through these spans of seconds."""
    file = folder / "film.vob"
    packs = (number for start, end in spans for number in range(*(round(at * packs_a_second) for at in (start, end))))
    file.write_bytes(b"".join(pack(number / packs_a_second) for number in packs))
    fd = os.open(file, os.O_RDONLY)
    try:
        return take_turns(FileBytes(fd))
    finally:
        os.close(fd)


@pytest.mark.parametrize("turn_s", [1, 10, 60])
def test_two_angles_of_a_film_take_turns(tmp_path: Path, turn_s: int) -> None:
    assert says(tmp_path, [(at, at + turn_s) for at in range(0, 240, turn_s) for _ in range(2)])


@pytest.mark.parametrize("angles", [3, 9])
def test_many_angles_of_a_film_take_turns(tmp_path: Path, angles: int) -> None:
    assert says(tmp_path, [(at, at + 10) for at in range(0, 60, 10) for _ in range(angles)])


def test_short_turns_within_a_large_file_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarts, "PLACES", 16)
    assert says(tmp_path, [(at, at + 1) for at in range(240) for _ in range(2)])


@pytest.mark.parametrize("lengths", [(348.5, 359.4, 306.7, 301.3), (344.1, 305.4, 338.1, 350.8)], ids=str)
def test_episodes_one_after_the_other_do_not_wherever_each_is_looked_at_first(
    tmp_path: Path, lengths: tuple[float, ...]
) -> None:
    assert not says(tmp_path, [(0, length) for length in lengths], packs_a_second=2)
