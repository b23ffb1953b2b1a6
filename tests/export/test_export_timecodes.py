"""Time codes of exports: the film's own or the one given, the reel, what programs relink by, and 24 hours passed."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from xml.etree import ElementTree

import opentimelineio as otio
import pytest
from opentimelineio.opentime import RationalTime

from cinelake.catalogue.films import CatalogueFilm
from cinelake.errors import UnknownName, UsageError
from cinelake.media.clock import read_clock
from cinelake.media.ffmpeg import binary
from cinelake.media.probe import probe
from export.fcpxml import fcpxml_text
from export.film import SourceNames
from export.timecode import checked_timecode, counted_frames, day_frames, written
from export.timeline import NEXT_DAY, ClipSource, EditEvent, build_in_place, build_timeline, edl_text, timecode_warnings

FILM = ClipSource("/films/a film.mp4", fps=25.0, steady=True, frames=250_000, end_s=10_000.0)
HOUR = 25 * 3600
THIRTY_HOURS = replace(FILM, frames=30 * HOUR, end_s=30 * 3600.0)


def timeline(source, *spans, placed=False):
    events = [EditEvent(a, b, a / source.fps, b / source.fps, "chase", 0.75) for a, b in spans]
    return build_in_place("cut", source, events, as_clips=True) if placed else build_timeline("cut", source, events)


def rows(text):
    """Reel, and the four time codes, of every event of a list."""
    return [(line.split()[1], *line.split()[4:]) for line in text.splitlines() if line[:3].isdecimal()]


@pytest.mark.parametrize(
    ("text", "rate", "frames"),
    [
        ("10:00:00:05", "25", 900_005),
        ("01:00:00;02", "30000/1001", 107_894),
        ("00:01:00;02", "30000/1001", 1_800),
        ("00:01:00;01", "30000/1001", None),
        ("00:10:00;00", "30000/1001", 17_982),
        ("00:01:00;03", "60000/1001", None),
        ("00:00:00:24", "24", None),
        ("00:00:00;05", "25", None),
        ("", "25", None),
    ],
)
def test_a_time_code_counts_pictures_where_its_rate_has_it(text: str, rate: str, frames: int | None) -> None:
    assert counted_frames(text, float(Fraction(rate))) == frames


@pytest.mark.parametrize(
    ("rate", "drop", "frames"),
    [("25", False, 2_160_000), ("30000/1001", True, 2_589_408), ("60000/1001", True, 5_178_816)],
)
def test_a_day_has_so_many_pictures(rate: str, drop: bool, frames: int) -> None:
    assert day_frames(float(Fraction(rate)), drop) == frames


@pytest.mark.parametrize("text", ["10:00:00", "24:00:00:00", "10:60:00:00", "ten", "10:00:00:000"])
def test_a_start_that_is_no_time_code_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a time code as 10:00:00:00"):
        checked_timecode(text)


def test_a_time_code_that_the_rate_has_not_is_told() -> None:
    (told,) = timecode_warnings(replace(FILM, timecode="10:00:00:25"), drop=False)
    assert "10:00:00:25 is none of 25 pictures a second" in told


# --- 24 hours


def test_a_film_over_midnight_begins_anew_and_says_so() -> None:
    late = replace(FILM, timecode="23:59:00:00")
    text = edl_text(timeline(late, (0, 25), (1500, 1525)), reel="film", drop=False)
    assert [row[1:3] for row in rows(text)] == [("23:59:00:00", "23:59:01:00"), ("00:00:00:00", "00:00:01:00")]
    assert text.count(NEXT_DAY) == 1
    assert "passes 24:00:00:00" in timecode_warnings(late, drop=False)[0]


def test_the_end_of_a_day_is_no_other_day() -> None:
    last = replace(FILM, timecode="23:59:59:00", frames=25, end_s=1.0)
    assert NEXT_DAY not in edl_text(timeline(last, (0, 25)), reel="film", drop=False)
    assert timecode_warnings(last, drop=False) == []


@pytest.mark.parametrize("placed", [True, False])
def test_a_picture_behind_24_hours_has_no_time_code_of_its_own_and_is_refused(placed: bool) -> None:
    made = timeline(THIRTY_HOURS, (0, 25), (25 * HOUR, 25 * HOUR + 25), placed=placed)
    with pytest.raises(UsageError, match=r"event 2 .* more than 24 hours behind the beginning.*--as otio"):
        edl_text(made, reel="film", drop=False)
    assert "passes 24:00:00:00" in timecode_warnings(THIRTY_HOURS, drop=False)[0]


def test_a_long_film_s_first_day_is_written() -> None:
    text = edl_text(timeline(THIRTY_HOURS, (23 * HOUR, 23 * HOUR + 25)), reel="film", drop=False)
    assert rows(text)[0][1] == "23:00:00:00"


# --- what programs relink by


def test_a_list_names_the_file_and_says_what_it_shows() -> None:
    lines = edl_text(timeline(FILM, (0, 25), placed=True), reel="film", drop=False).splitlines()
    assert lines[4:] == ["* FROM CLIP NAME:  a film.mp4", "* COMMENT: chase (0.750)"]


@pytest.mark.parametrize(
    ("own", "film", "shown"),
    [
        ("", "night_1968", "NIGHT196"),
        ("A001C003_210101_R1AB", "x", "A001C003_210101_R1AB"),
        ("Tape 7 / side B", "x", "TAPE7SID"),
        ("", "___", "AX"),
    ],
)
def test_the_reel_is_the_film_s_or_its_id_s_letters(own: str, film: str, shown: str) -> None:
    text = edl_text(timeline(replace(FILM, reel=own), (0, 25)), reel=film, drop=False)
    assert rows(text)[0][0] == shown


def test_opentimelineio_has_the_file_its_place_and_the_reel() -> None:
    text = timeline(replace(FILM, reel="A001"), (0, 25), placed=True).to_json_string()
    clip = otio.adapters.read_from_string(text, "otio_json").video_tracks()[0][0]
    assert (clip.name, clip.media_reference.name) == ("chase", "a film.mp4")
    assert clip.metadata["cmx_3600"]["reel"] == "A001"


def test_an_fcpxml_has_the_file_and_the_reel_on_its_asset() -> None:
    text = fcpxml_text(timeline(replace(FILM, reel="A001"), (0, 25), placed=True), drop=False)
    asset = ElementTree.fromstring(text.partition("<!DOCTYPE fcpxml>")[2]).find(".//asset")
    assert asset is not None and asset.get("name") == "a film.mp4"
    assert [md.get("value") for md in asset.iter("md")] == ["A001"]


# --- films


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> CatalogueFilm:
    """A film whose first picture is 10:00:00:00 on reel A001."""
    path = tmp_path_factory.mktemp("tape") / "tape.mkv"
    marks = ["-metadata", "timecode=10:00:00:00", "-metadata", "reel_name=A001"]
    source = ["-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=1"]
    subprocess.run([binary(), "-loglevel", "error", *source, *marks, str(path)], check=True)
    return CatalogueFilm("tape", str(path), "tape.mkv", "tape")


def source_of(film: CatalogueFilm, *given: str) -> ClipSource:
    probed = probe(film.path)
    return SourceNames.checked(*given).source(film, probed, read_clock(film.path, probed, deadline_s=60))


@pytest.mark.parametrize(
    ("given", "timecode", "reel"),
    [
        (("auto", "", ""), "10:00:00:00", "A001"),
        (("auto", "01:00:00:00", ""), "01:00:00:00", "A001"),
        (("auto", "", "B_2"), "10:00:00:00", "B_2"),
        (("non-drop", "01:00:00;00", ""), "01:00:00:00", "A001"),
    ],
)
def test_what_a_person_gives_goes_before_what_the_file_says(
    tape: CatalogueFilm, given: tuple[str, ...], timecode: str, reel: str
) -> None:
    source = source_of(tape, *given)
    assert (source.timecode, source.reel) == (timecode, reel)


def test_what_cannot_be_is_refused(tape: CatalogueFilm) -> None:
    with pytest.raises(UsageError, match="--start-timecode 01:00:00:25 is no time code of 25 pictures"):
        source_of(tape, "auto", "01:00:00:25", "")
    with pytest.raises(UsageError, match="expected a reel of 1 to 32"):
        SourceNames.checked("auto", "", "a reel")
    with pytest.raises(UnknownName, match="drop"):
        SourceNames.checked("dropped", "", "")


@pytest.mark.parametrize(("rate", "drop"), [(24, False), (25, False), (30, False), (30, True), (60, False), (60, True)])
def test_every_picture_of_a_day_has_the_time_code_that_names_it(rate: int, drop: bool) -> None:
    exact = rate * 1000 / 1001 if rate != 25 else 25.0
    day = day_frames(exact, drop)
    numbers = [*range(0, day, 9973), *range(day - 6000, day, 37), day - 1]
    assert [counted_frames(written(RationalTime(n, exact), drop), exact) for n in numbers] == numbers
    assert written(RationalTime(day - 1, exact), drop) == f"23:59:59{';' if drop else ':'}{rate - 1}"
