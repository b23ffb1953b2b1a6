"""Thumbnails: which frames they are of, where they lie on the sheets, posters."""

import pyarrow as pa
import pytest
from PIL import Image

from report.pictures import POSTER, SHEET, SheetWriter, choose_frames, fitted, opened, places_of, poster


def frames(*rows):
    """A table of frames from (seconds, shot, is it the middle)."""
    times, shots, middle = zip(*rows, strict=True)
    return pa.table({"time_s": times, "shot": shots, "is_middle": middle})


def test_the_middle_of_each_shot_is_shown():
    assert choose_frames(frames((0, 0, False), (1, 0, True), (2, 1, False), (3, 1, True))) == [1, 3]


def test_a_long_shot_is_shown_every_eight_seconds():
    long = frames(*((second, 0, second == 10) for second in range(30)))
    assert choose_frames(long) == [10, 18, 26]


def test_a_film_without_middles_is_shown_all_the_same():
    assert choose_frames(frames(*((second, 0, False) for second in range(20)))) == [0, 8, 16]


def test_the_first_sheet_is_spread_over_the_whole_film():
    places = places_of(5 * SHEET)
    first = [row for row, place in enumerate(places) if place < SHEET]
    assert (first[0], first[-1], len(first)) == (0, 5 * SHEET - 1, SHEET)


def test_every_thumbnail_has_a_place_of_its_own():
    assert sorted(places_of(131)) == list(range(131))


def test_sheets_are_written_when_they_are_full(tmp_path):
    writer = SheetWriter(tmp_path, SHEET + 1, (16, 9))
    for place in reversed(range(SHEET + 1)):
        writer.add(place, Image.new("RGB", (32, 18), "red"))
    sizes = [Image.open(tmp_path / name).size for name in writer.names]
    assert sizes == [(8 * 16, 6 * 9), (8 * 16, 9)]


@pytest.mark.parametrize(("size", "found"), [((640, 360), (192, 108)), ((360, 640), (81, 144)), ((10, 10), (10, 10))])
def test_a_picture_keeps_its_shape_and_is_never_enlarged(size, found):
    assert fitted(*size, (192, 144)) == found


def test_bytes_that_are_no_picture_give_none():
    assert opened(b"\xff\xd8 no picture", (192, 144)) is None


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_poster_has_one_size_whatever_it_is_made_of(count):
    assert poster([Image.new("RGB", (90, 160), "blue")] * count).size == POSTER
