"""Tables as timelines, chapters and sheets: frame-exact, and read back by OpenTimelineIO's own readers."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import opentimelineio as otio
import pyarrow as pa
import pytest
from PIL import Image
from pysubs2 import SSAFile

from cinelake.errors import UsageError
from cinelake.spec.formulas import safe_text
from export.captions import subtitles_text, thumbnails, vtt_text
from export.csv import csv_text
from export.fcpxml import fcpxml_text
from export.film_files import lines_of
from export.spans import NamedSpan, disjoint, joined, named_spans
from export.timeline import ClipSource, EditEvent, build_in_place, drops_frames, edl_text, timecode_rate

FILM = ClipSource("/films/a film.mp4", fps=25.0, steady=True, frames=250_000, end_s=10_000.0)
SPANS = [(0, 100), (150, 1801), (17_982, 17_990)]
RATES = ["24", "25", "30", "24000/1001", "30000/1001", "60000/1001"]
NAMES = ["dawn", 'rain <&> "wind"', "end"]


def timeline(source, *, as_clips=True):
    events = [EditEvent(a, b, a / source.fps, b / source.fps, n, 1.0) for (a, b), n in zip(SPANS, NAMES, strict=True)]
    return build_in_place("film", source, events, as_clips=as_clips)


def at(rate):
    return replace(FILM, fps=float(Fraction(rate)))


def frames(found):
    return [(c.source_range.start_time.to_frames(), c.source_range.end_time_exclusive().to_frames()) for c in found]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("drop", [None, False])
def test_an_edit_decision_list_is_read_back_frame_by_frame(rate, drop):
    text = edl_text(timeline(at(rate)), reel="film", drop=drops_frames(at(rate), timecode_rate(at(rate))[0], drop))
    back = otio.adapters.read_from_string(text, "cmx_3600", rate=timecode_rate(at(rate))[0])
    clips = list(back.video_tracks()[0].find_clips())
    assert frames(clips) == SPANS
    assert [c.range_in_parent().start_time.to_frames() for c in clips] == [a for a, _ in SPANS]


@pytest.mark.parametrize("rate", RATES)
def test_an_otio_file_is_read_back_with_gaps_where_the_film_has_nothing(rate):
    back = otio.adapters.read_from_string(timeline(at(rate)).to_json_string(), "otio_json")
    kinds = [child.schema_name() for child in back.video_tracks()[0]]
    assert kinds == ["Clip", "Gap", "Clip", "Gap", "Clip"] and frames(back.video_tracks()[0].find_clips()) == SPANS


@pytest.mark.parametrize("rate", ["24", "25", "30"])
def test_an_fcpxml_is_read_back_frame_by_frame(rate):
    back = otio.adapters.read_from_string(fcpxml_text(timeline(at(rate)), drop=False), "fcpx_xml")
    found = next(iter(back)) if isinstance(back, otio.schema.SerializableCollection) else back
    clips = [clip for clip in found.find_clips() if clip.parent().kind == "Video"]
    assert frames(clips) == SPANS and [clip.name for clip in clips] == NAMES


@pytest.mark.parametrize("rate", RATES)
def test_times_of_an_fcpxml_are_whole_pictures(rate):
    root = ElementTree.fromstring(fcpxml_text(timeline(at(rate)), drop=True).partition("<!DOCTYPE fcpxml>")[2])
    frame = Fraction(root.find(".//format").get("frameDuration").removesuffix("s"))
    clips = root.findall(".//asset-clip")
    found = [[Fraction(clip.get(name).removesuffix("s")) / frame for name in ("offset", "duration")] for clip in clips]
    assert 1 / frame == Fraction(rate) and found == [[a, b - a] for a, b in SPANS]


def test_spans_that_overlap_become_markers_on_the_film():
    text = edl_text(timeline(FILM, as_clips=False), reel="film", drop=False)
    (clip,) = otio.adapters.read_from_string(text, "cmx_3600", rate=25).video_tracks()[0].find_clips()
    assert [m.marked_range.start_time.to_frames() for m in clip.markers] == [0, 150, 17_982]


def test_markers_of_an_fcpxml_keep_their_names():
    root = ElementTree.fromstring(
        fcpxml_text(timeline(FILM, as_clips=False), drop=False).partition("<!DOCTYPE fcpxml>")[2]
    )
    assert [marker.get("value") for marker in root.findall(".//marker")] == NAMES


@pytest.mark.parametrize("name", ["f\x1b[2J.mp4", "a\nb.mp4", "caf\udce9.mp4", "</fcpxml>&.mp4"])
def test_whatever_a_film_is_called_its_timelines_are_read_back(name):
    named = timeline(replace(FILM, place=f"/films/{name}"))
    lines = edl_text(named, reel="film", drop=False).splitlines()
    assert len([line for line in lines if line.startswith("* FROM CLIP NAME:")]) == len(SPANS)
    ElementTree.fromstring(fcpxml_text(named, drop=False).encode().partition(b"<!DOCTYPE fcpxml>")[2])
    assert otio.adapters.read_from_string(named.to_json_string(), "otio_json").name == "film"


def test_a_film_with_a_time_code_of_its_own_counts_from_it():
    source = replace(FILM, timecode="01:00:00:00")
    lines = edl_text(timeline(source), reel="film", drop=False).splitlines()
    assert lines[3].split()[4:6] == ["01:00:00:00", "01:00:04:00"]


SHOTS = pa.table({"shot": [0, 1, 2, 3], "start_s": [0.0, 2.0, 4.0, 6.0], "end_s": [2.0, 4.0, 6.0, 8.0]})


def test_rows_that_name_a_shot_get_its_times_and_neighbours_are_one():
    tags = pa.table({"shot": [0, 1, 3, 1], "tag": ["rain", "rain", "rain", "war"]})
    assert named_spans("tag_shots", tags, SHOTS) == [
        NamedSpan(0, 4, "rain"),
        NamedSpan(2, 4, "war"),
        NamedSpan(6, 8, "rain"),
    ]


def test_rows_without_a_name_are_numbered():
    assert [mark.name for mark in named_spans("shots", SHOTS)] == ["shot 0", "shot 1", "shot 2", "shot 3"]


def test_a_table_without_spans_is_told():
    with pytest.raises(UsageError, match="no spans of the film"):
        named_spans("tags", pa.table({"tag": ["rain"]}))


def test_marks_that_overlap_are_seen():
    assert disjoint([NamedSpan(0, 1, "a"), NamedSpan(1, 2, "b")]) and not disjoint(
        [NamedSpan(0, 2, "a"), NamedSpan(1, 3, "b")]
    )
    assert joined([NamedSpan(1, 2, "a"), NamedSpan(0, 1, "a")]) == [NamedSpan(0, 2, "a")]


def test_chapters_are_read_back_with_their_titles():
    found = SSAFile.from_string(
        vtt_text([NamedSpan(0, 61.5, "Rain & <wind>"), NamedSpan(61.5, 4000, "two\n\nlines")]), format_="vtt"
    )
    assert [(e.start, e.end) for e in found] == [(0, 61_500), (61_500, 4_000_000)]
    assert "Rain &amp; &lt;wind&gt;" in vtt_text([NamedSpan(0, 61.5, "Rain & <wind>")])
    assert "C:⧵Nights" in vtt_text([NamedSpan(0, 61.5, r"C:\Nights")])


def test_thumbnails_point_at_their_part_of_a_strip():
    shades = [Image.fromarray(np.full((36, 64, 3), shade, np.uint8)) for shade in range(0, 240, 2)]
    jpegs = []
    for shade in shades:
        jpegs.append(io.BytesIO())
        shade.save(jpegs[-1], "JPEG")
    strips = list(thumbnails(iter([(float(i), j.getvalue()) for i, j in enumerate(jpegs)]), 120.0, "film"))
    assert [len(cues) for _, _, cues in strips] == [100, 20]
    assert (
        strips[0][2][13] == NamedSpan(13.0, 14.0, "film_000.jpg#xywh=480,90,160,90") and strips[1][2][-1].end_s == 120.0
    )
    assert abs(Image.open(io.BytesIO(strips[0][1])).getpixel((480 + 80, 90 + 45))[0] - 26) <= 2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=1", "＝1+1"])
def test_text_that_a_sheet_would_run_is_disarmed(text):
    assert safe_text(text) == f"'{text}" and safe_text(-1.5) == -1.5


def test_a_table_as_csv_has_all_its_values():
    rows = pa.table({"name": ["=A1", "b,c"], "n": [-1, None], "v": [[1.0, 2.0], [3.0, 4.0]], "j": [b"\x00", b"x"]})
    assert csv_text(rows).splitlines() == ["name,n,v,j", '\'=A1,-1,"[1.0, 2.0]",AA==', '"b,c",,"[3.0, 4.0]",eA==']
    assert csv_text(rows, raw=True).splitlines()[1].startswith("=A1")


LINES = [NamedSpan(0.5, 1.25, "Who <is> there?\nNobody."), NamedSpan(3600.0, 3601.0, "{Rain} & wind")]


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_are_read_back_with_their_lines_and_milliseconds(form):
    back = SSAFile.from_string(subtitles_text(LINES, form), format_=form)
    assert [(event.start, event.end) for event in back] == [(500, 1250), (3_600_000, 3_601_000)]
    assert [event.plaintext.count("\n") for event in back] == [1, 0] and "is" in back[0].plaintext


def test_of_several_sets_of_lines_the_first_is_written_and_the_others_told():
    rows = pa.table({"start_s": [2.0, 1.0, 0.0], "end_s": [3.0, 2.0, 1.0], "text": ["b", None, "x"],
                     "track": [0, 0, 1], "source": [".en.srt", ".en.srt", ".de.srt"]})  # fmt: skip
    lines, told = lines_of("subtitles", rows)
    assert lines == [NamedSpan(2.0, 3.0, "b")]
    assert told == [
        "subtitles has 2 sets of lines, written is the first (.en.srt)",
        "1 lines without a text are left out",
    ]


def test_a_table_without_texts_is_no_subtitles():
    with pytest.raises(UsageError, match="no lines of text"):
        lines_of("shots", pa.table({"start_s": [0.0], "end_s": [1.0]}))
