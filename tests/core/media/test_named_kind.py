"""What looks into a film besides its decode takes it for the kind that opening found, whatever its bytes look like."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from _films import make_film

from cinelake.errors import DamagedFilm
from cinelake.media.bars import NO_BARS, find_bars
from cinelake.media.captions import extract_captions
from cinelake.media.described import describe
from cinelake.media.opening import open_film
from cinelake.media.probe import probe
from cinelake.media.scan import Fields, find_scan

FIELDS = Fields(order=4, first_is_interlaced=True, codec="mpeg2video", lines=480, fps=25.0)
"""As a film says that has fields, the upper one first."""
DRAWN = "testsrc=d=2:s=160x480:r=50,tinterlace=interleave_top,setfield=tff,pad=iw+64:ih:32:0"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kind") / "film.mpg"
    return make_film(path, DRAWN, options=["-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct"])


@contextlib.contextmanager
def opened(film: Path) -> Iterator[int]:
    with open_film(str(film)) as fd:
        yield fd


def test_bars_are_looked_for_in_the_kind_that_is_named(film: Path) -> None:
    assert find_bars(lambda: opened(film), "mpeg", 0, (224, 480), 1.0) == (32, 32, 0, 0)
    assert find_bars(lambda: opened(film), "avi", 0, (224, 480), 1.0) == NO_BARS


def test_fields_are_looked_for_in_the_kind_that_is_named(film: Path) -> None:
    turned = Fields(**{**vars(FIELDS), "order": 5})
    assert find_scan(lambda: opened(film), "mpeg", 0, turned, 1.0).top_first is True
    assert find_scan(lambda: opened(film), "avi", 0, turned, 1.0).top_first is False  # nothing seen: as it says


def test_captions_are_looked_for_in_the_kind_that_is_named(film: Path, tmp_path: Path) -> None:
    about = probe(str(film))
    assert extract_captions(str(film), about, tmp_path) is None
    with pytest.raises(DamagedFilm):
        extract_captions(str(film), replace(about, container="avi"), tmp_path)


def test_what_ffmpeg_says_of_a_film_names_the_kind_that_it_took_it_for(film: Path) -> None:
    with opened(film) as fd:
        said = describe(fd)
        os.lseek(fd, 0, os.SEEK_SET)
        as_other = describe(fd, "avi")
    assert said.container == "mpeg"
    assert as_other.container == ""
