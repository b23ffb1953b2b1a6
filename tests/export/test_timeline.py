"""Edit decision lists and OpenTimelineIO files of a supercut: right pictures in right time codes."""

from dataclasses import replace
from fractions import Fraction

import opentimelineio as otio
import pytest

from cinelake.errors import UsageError
from export.timeline import ClipSource, EditEvent, build_timeline, drops_frames, edl_text, timecode_rate

FILM = ClipSource("/films/a film.mp4", fps=25.0, steady=True, frames=250_000, end_s=10_000.0)


def events(source, *spans):
    return [EditEvent(a, b, a / source.fps, b / source.fps, "chase", 0.75) for a, b in spans]


def lines(source, *spans, drop=None):
    timeline = build_timeline("cut", source, events(source, *spans))
    return edl_text(timeline, reel="a_film", drop=drops_frames(source, timecode_rate(source)[0], drop)).splitlines()


def codes(source, *spans, drop=None):
    """ClipSource in and out, record in and out of every event."""
    return [line.split()[4:] for line in lines(source, *spans, drop=drop) if line[:3].isdecimal()]


def at(rate):
    return replace(FILM, fps=float(Fraction(rate)))


def test_a_list_names_the_film_its_channels_and_what_each_event_shows():
    assert lines(FILM, (25, 75)) == [
        "TITLE: cut",
        "FCM: NON-DROP FRAME",
        "",
        "001  AFILM    AA/V  C        00:00:01:00 00:00:03:00 00:00:00:00 00:00:02:00",
        "* FROM CLIP NAME:  a film.mp4",
        "* COMMENT: chase (0.750)",
    ]


def test_record_time_runs_on_from_event_to_event():
    assert [code[2:] for code in codes(FILM, (100, 110), (25, 75))] == [
        ["00:00:00:00", "00:00:00:10"],
        ["00:00:00:10", "00:00:02:10"],
    ]


def test_29_97_drops_two_numbers_a_minute_but_every_tenth():
    found = codes(at("30000/1001"), (1799, 1800), (17_982, 17_983))
    assert found[0][:2] == ["00:00:59;29", "00:01:00;02"] and found[1][0] == "00:10:00;00"


def test_29_97_without_drop_frames_counts_on():
    found = lines(at("30000/1001"), (1800, 1801), drop=False)
    assert found[1] == "FCM: NON-DROP FRAME" and found[3].split()[4] == "00:01:00:00"


def test_23_976_counts_as_24():
    assert codes(at("24000/1001"), (86_400, 86_424))[0][:2] == ["01:00:00:00", "01:00:01:00"]


def test_drop_frames_at_a_rate_that_has_none_are_refused():
    with pytest.raises(UsageError, match=r"29\.97 and 59\.94.*25\.000"):
        lines(FILM, (0, 1), drop=True)


def test_the_film_s_own_time_code_counts():
    assert codes(replace(FILM, timecode="10:00:00:05"), (0, 25))[0][:2] == ["10:00:00:05", "10:00:01:05"]
    ours = replace(at("30000/1001"), timecode="01:00:00:00")
    assert lines(ours, (0, 1))[1] == "FCM: NON-DROP FRAME"


def test_a_film_without_sound_has_events_of_pictures_alone():
    assert lines(replace(FILM, has_sound=False), (0, 1))[3].split()[2] == "V"


@pytest.mark.parametrize("uneven", [replace(FILM, steady=False), replace(FILM, fps=15.0, end_s=250_000 / 15)])
def test_a_film_whose_pictures_no_time_code_counts_is_told_by_its_times(uneven):
    event = EditEvent(30, 60, 2.0, 4.0, "", 1.0)
    clip = build_timeline("cut", uneven, [event]).video_tracks()[0][0]
    assert clip.source_range.start_time.to_seconds() == pytest.approx(2.0, abs=0.03)
    assert clip.duration().to_seconds() == pytest.approx(2.0, abs=0.05)


def test_opentimelineio_reads_back_the_film_its_ranges_and_why():
    text = build_timeline("cut", at("24000/1001"), events(at("24000/1001"), (24, 48))).to_json_string()
    clip = otio.adapters.read_from_string(text, "otio_json").video_tracks()[0][0]
    assert clip.media_reference.target_url == "file:///films/a%20film.mp4"
    assert (clip.source_range.start_time.value, clip.duration().value) == (24, 24)
    assert clip.metadata["cinelake"]["what"] == "chase" and clip.metadata["cinelake"]["relevance"] == 0.75


def test_names_cannot_begin_lines_of_their_own():
    odd = replace(FILM, place="/films/a\n999  X V C.mp4")
    assert "* FROM CLIP NAME:  a 999 X V C.mp4" in lines(odd, (0, 1))
