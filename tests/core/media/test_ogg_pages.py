"""Pages of Ogg that are missing are told: what refers to them comes out wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from _films import make_film
from _recorder import Recorder

from cinelake.media.probe import probe
from cinelake.media.reader import Reading, read_film
from cinelake.spec.task import SoundStream, VideoClock

OPTIONS = ["-c:v", "libtheora", "-g", "20", "-c:a", "libvorbis", "-page_duration", "100000"]
Pages = list[bytes]


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    """Those of four seconds of pictures and sound."""
    drawn = make_film(tmp_path / "drawn.ogv", "testsrc=d=4:s=64x48:r=25", "sine=d=4", options=OPTIONS)
    return [b"OggS" + rest for rest in drawn.read_bytes().split(b"OggS")[1:]]


def is_of_pictures(pages: Pages, page: bytes) -> bool:
    (pictures,) = (first for first in pages if b"theora" in first[:40] and first[5] & 2)
    return page[14:18] == pictures[14:18]


def read(folder: Path, pages: Pages) -> Reading:
    path = folder / "film.ogv"
    path.write_bytes(b"".join(pages))
    wishes = Recorder(clock=VideoClock(), sound=SoundStream(sample_rate=8000, channels=1))
    return read_film(str(path), probe(str(path)), [wishes], deadline_s=60)


def without(pages: Pages, is_chosen: Callable[[bytes], bool]) -> Pages:
    """The pages without one in the middle."""
    chosen = [number for number, page in enumerate(pages) if is_chosen(page)]
    lost = chosen[len(chosen) // 2]
    return [page for number, page in enumerate(pages) if number != lost]


def test_a_page_of_pictures_that_is_missing_is_damage(tmp_path: Path, pages: Pages) -> None:
    assert read(tmp_path, pages).damaged_pictures == 0
    lost = without(pages, lambda page: is_of_pictures(pages, page))
    assert read(tmp_path, lost).damaged_pictures == 1


def test_a_page_of_sound_that_is_missing_is_a_hole_in_the_sound(tmp_path: Path, pages: Pages) -> None:
    reading = read(tmp_path, without(pages, lambda page: not is_of_pictures(pages, page)))
    assert (reading.damaged_pictures, reading.sound_hole_s > 0.05) == (0, True)


def test_a_recording_of_a_broadcast_that_begins_behind_its_headers_is_whole(tmp_path: Path, pages: Pages) -> None:
    headers = [page for page in pages if not any(page[6:14])]
    later = [page for page in pages if any(page[6:14])][10:]
    assert read(tmp_path, [*headers, *later]).damaged_pictures == 0
