"""Annotators' files as the tools write them, and as attackers would: read with all problems, never a traceback."""

import json
import re
import zipfile

import opentimelineio as otio
import pyarrow as pa
import pytest
from _annotations import elan

from cinelake.catalogue.films import CatalogueFilm
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.film_names import FilmNames
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from importers.annotators import bounded
from importers.annotators.fitting import Fitting
from importers.annotators.forms import forms_of, read_forms

FILMS = {"cartoon": FilmFacts(60.0, fps=25.0, width=640, height=360), "dusk": FilmFacts(30.0, fps=25.0),
         "long": FilmFacts(7300.0, fps=24000 / 1001)}  # fmt: skip
NAMES = FilmNames([CatalogueFilm("cartoon", "/f/Cartoon.mp4", "f/Cartoon.mp4", "A cartoon")], FILMS)
TAGS = LabelContract("Tags.", "spans", (Column("tag", pa.string(), "Tag."),), class_column="tag")
SCENES = LabelContract(
    "Scenes.",
    "spans",
    (Column("scene", pa.int32(), "Number."), Column("place", pa.string(), "Where.", True)),
    overlap=False,
)  # fmt: skip
WHO = LabelContract("Who.", "moments", (Column("who", pa.string(), "Who."),), class_column="who")
FACES = LabelContract(
    "Faces.",
    "moments",
    (Column("who", pa.string(), "Who."), *(Column(n, pa.float64(), n, True) for n in "xy")),
    class_column="who",
)  # fmt: skip
FUNNY = LabelContract("Funny.", "spans", (Column("is_funny", pa.bool_(), "Funny.", True),))


def task(*results, who=1, video="/data/upload/7/0a1b2c3d-Cartoon.mp4"):
    annotation = {"id": 5, "completed_by": who, "was_cancelled": False, "result": list(results)}
    return {"id": 3, "data": {"video": video}, "annotations": [annotation], "predictions": [{"result": []}]}


def timeline(start, end, *labels, key="a"):
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": list(labels)}
    return {"id": key, "type": "timelinelabels", "from_name": "videoLabels", "to_name": "video", "value": value}


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<meta><job><size>1500</size><start_frame>0</start_frame><stop_frame>1499</stop_frame></job><source>Cartoon.mp4</source>
<original_size><width>640</width><height>360</height></original_size></meta>
<track id="0" label="tom" source="manual">
<box frame="25" keyframe="1" outside="0" occluded="0" xtl="64" ytl="36" xbr="192" ybr="108" z_order="0"></box>
<box frame="26" keyframe="0" outside="0" occluded="0" xtl="64" ytl="36" xbr="192" ybr="108" z_order="0"></box>
<box frame="50" keyframe="1" outside="1" occluded="0" xtl="64" ytl="36" xbr="192" ybr="108" z_order="0"></box>
</track></annotations>"""
VIA = {
    "project": {"pid": "p"},
    "attribute": {"1": {"aname": "what", "type": 4, "options": {"0": "chase", "1": "night"}}},
    "file": {"1": {"fid": "1", "fname": "Cartoon.mp4", "type": 4, "loc": 1, "src": ""}},
    "view": {"1": {"fid_list": ["1"]}},
    "metadata": {"1_abc": {"vid": "1", "flg": 0, "z": [1.5, 4.25], "xy": [], "av": {"1": "1"}}},
}
EAF = elan("Cartoon.mp4")
EDL = """TITLE: Cartoon
FCM: NON-DROP FRAME

001  001      V     C        01:00:01:00 01:00:01:01 01:00:01:00 01:00:01:01
 |C:ResolveColorBlue |M:chase |D:50

002  001      V     C        01:00:10:12 01:00:10:13 01:00:10:12 01:00:10:13
 |C:ResolveColorRed |M:night |D:1
"""
FCPXML = """<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE fcpxml>
<fcpxml version="1.10"><resources><format id="r1" frameDuration="100/2500s"/>
<asset id="r2" name="Cartoon" src="file:///Volumes/x/Cartoon.mp4" start="3600s" duration="60s" format="r1"/></resources>
<library><event><project><sequence><spine>
<asset-clip ref="r2" start="3600s" duration="60s" name="Cartoon">
<keyword start="3601s" duration="2s" value="chase"/></asset-clip>
</spine></sequence></project></event></library></fcpxml>"""


def read(folder, content, contract=TAGS, *, given="", **how):
    path = folder / "labels.bin"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    forms, problems = forms_of([path], given)
    reading = read_forms(forms, contract, NAMES, FILMS, Fitting(**how))
    return reading, [str(problem).replace(f"{folder}/", "") for problem in (*problems, *reading.problems)]


def rows(folder, content, contract=TAGS, **how):
    reading, problems = read(folder, content, contract, **how)
    assert not problems
    names = [name for name in reading.rows.column_names if not name.startswith("#")]
    return [tuple(row.values()) for row in reading.rows.select(names).to_pylist()]


CHASE = [("cartoon", "1.0", "3.0", "chase")]


@pytest.mark.parametrize(
    ("content", "how", "expected"),
    [
        (json.dumps([task(timeline(26, 75, "chase"))]), {}, CHASE),
        (json.dumps([{"id": 1, "video": "Cartoon.mp4", "annotation_id": 2, "annotator": 1, "lead_time": 2.5,
                      "videoLabels": [timeline(26, 75, "chase")["value"]]}]), {}, CHASE),
        (CVAT, {}, [("cartoon", "1.0", "2.0", "tom")]),
        (json.dumps(VIA), {}, [("cartoon", "1.5", "4.25", "night")]),
        (EAF, {}, [("cartoon", "1.0", "2.5", "chase")]),
        (EDL, {"start_timecode": "01:00:00:00"}, [*CHASE, ("cartoon", "10.48", "10.52", "night")]),
        (FCPXML, {}, CHASE),
    ],
    ids=["label studio", "label studio min", "cvat", "via", "elan", "edl", "fcpxml"],
)  # fmt: skip
def test_a_file_is_read_as_its_tool_writes_it(tmp_path, content, how, expected):
    assert rows(tmp_path, content, **how) == expected


def test_a_packed_export_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "labels.bin", "w") as archive:
        archive.writestr("annotations.xml", CVAT)
    assert rows(tmp_path, (tmp_path / "labels.bin").read_bytes()) == [("cartoon", "1.0", "2.0", "tom")]


def test_each_task_of_a_project_is_of_its_own_film(tmp_path):
    """Also where one film is named on the command: it is of all of a file only where the file names one."""
    tasks = "".join(f"<task><id>{n}</id><name>{name}</name></task>" for n, name in ((7, "Cartoon.mp4"), (8, "dusk")))
    text = re.sub("<meta>.*</meta>", f"<meta><project><tasks>{tasks}</tasks></project></meta>", CVAT, flags=re.S)
    track = text[text.index("<track") : text.index("</annotations>")].replace("<track", '<track task_id="{}"')
    content = text.replace(text[text.index("<track") :], track.format(7) + track.format(8) + "</annotations>")
    assert rows(tmp_path, content, movie="dusk") == [("cartoon", "1.0", "2.0", "tom"), ("dusk", "1.0", "2.0", "tom")]
    _, problems = read(tmp_path, content.replace(tasks, ""), movie="dusk")
    assert len(problems) == 2 and "expected one of the project's tasks (none) as task_id, received '7'" in problems[0]


def test_a_tier_without_times_is_a_problem_where_it_is_read(tmp_path):
    untimed = EAF.replace("</TIME_ORDER>", '<TIME_SLOT TIME_SLOT_ID="ts3"/></TIME_ORDER>')
    tier = untimed[untimed.index("<TIER") : untimed.index("</TIER>") + 7]
    other = tier.replace("topics", "notes").replace('"a1"', '"a2"').replace('REF2="ts2"', 'REF2="ts3"')
    content = untimed.replace("<LINGUISTIC_TYPE ", other + "<LINGUISTIC_TYPE ", 1)
    assert "notes.a2: the annotation has no time" in read(tmp_path, content)[1][0]
    assert "notes.a2: the annotation has no time" in read(tmp_path, content, only=("notes",))[1][0]
    assert rows(tmp_path, content, only=("topics",)) == [("cartoon", "1.0", "2.5", "chase")]


def test_of_moments_a_box_is_one_at_each_keyframe_with_its_middle(tmp_path):
    assert rows(tmp_path, CVAT, FACES) == [("cartoon", "1.0", "0.2", "0.2", "tom")]


def test_values_beside_a_region_go_to_their_columns(tmp_path):
    beside = {"id": "a", "type": "number", "from_name": "scene", "to_name": "video", "value": {"number": 4}}
    assert rows(tmp_path, json.dumps([task(timeline(1, 25, "kitchen"), beside)]), SCENES) == [
        ("cartoon", "0.0", "1.0", "kitchen", "4")
    ]


def test_a_span_labels_moments_when_that_is_asked(tmp_path):
    text = json.dumps([task(timeline(26, 75, "tom"))])
    assert "--every 1 labels a moment in each second of it" in read(tmp_path, text, WHO)[1][0]
    assert rows(tmp_path, text, WHO, every=1.0) == [("cartoon", "1.0", "tom"), ("cartoon", "2.0", "tom")]


def test_markers_of_labels_side_by_side_are_where_spans_begin(tmp_path):
    text = EDL.replace("|D:50", "|D:1").replace(
        " |C:ResolveColorBlue |M:chase |D:1", "* LOC: 01:00:01:00 RED     kitchen"
    )
    text = text.replace(" |C:ResolveColorRed |M:night |D:1", "* LOC: 01:00:10:00 RED     street")
    found = rows(tmp_path, text, SCENES, start_timecode="01:00:00:00")
    assert found == [("cartoon", "1.0", "10.0", "kitchen", "0"), ("cartoon", "10.0", "60.0", "street", "1")]


@pytest.mark.parametrize(("name", "said"), [("funny", "true"), ("not funny", "false"), ("is_funny", "true")])
def test_a_name_says_whether_a_span_is_so(tmp_path, name, said):
    assert rows(tmp_path, json.dumps([task(timeline(1, 25, name))]), FUNNY) == [("cartoon", "0.0", "1.0", said)]


def test_who_labelled_is_kept_and_how_pictures_were_counted_is_told(tmp_path):
    reading, _ = read(tmp_path, json.dumps([task(timeline(1, 24, "chase"), who={"email": "jo@example.org"})]), fps=24.0)
    assert reading.rows["#annotator"].to_pylist() == ["jo@example.org"]
    assert "cartoon: pictures counted at 24 a second (--fps)" in reading.notes
    assert "predictions are no labels and are left aside: 1" in reading.notes


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (json.dumps([task({**timeline(1, 2, "a"), "value": {"ranges": [{"start": "x", "end": 2}]}})]),
         "labels.bin: [0].annotations[0].result[0]: the result cannot be read: expected a number, received 'x'"),
        (json.dumps([task({"type": "brushlabels", "value": {}})]), "results of type 'brushlabels' are not read"),
        (json.dumps([task(timeline(1, 2, "a"), video="Cartoons.mp4")]), "'Cartoons.mp4': did you mean 'cartoon'?"),
        (json.dumps([{"id": 1, "annotations": 5, "data": {}}]), "[0].annotations: expected a list, received 5"),
        ('{"a": 1}', "expected JSON of Label Studio (JSON or JSON_MIN), of VIA 3 or of OpenTimelineIO"),
        ("[" * 100_000, "nested more than 100 deep"),
        ('[{"annotations": [], "data": NaN}]', "NaN is no number of JSON"),
        ('{"OTIO_SCHEMA": "Timeline.1", "tracks": 3}', "expected OpenTimelineIO's JSON"),
        ('{"OTIO_SCHEMA": "Nothing.1"}', "expected a timeline, received UnknownSchema"),
        ("<a/>", "<a> is no form of labels"),
        ("<annotations><track/></annotations>", "labels.bin:1: <track> cannot be read"),
        ("<annotations>" + "<a>" * 200, "nested more than 100 deep"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "it declares entities"),
        ('<!DOCTYPE a SYSTEM "http://x.example/a.dtd"><annotations/>', "the file holds no annotation"),
        ("<ANNOTATION_DOCUMENT><TIER/></ANNOTATION_DOCUMENT>", "expected ELAN's document"),
        (json.dumps(VIA | {"metadata": {"m": {"vid": "9", "z": [1], "av": {}}}}), "metadata.m: expected vid, z and av"),
        (json.dumps(VIA | {"view": {"1": {"fid_list": []}}}), "metadata.1_abc: expected vid, z and av"),
        (json.dumps(VIA | {"metadata": {"m": {"vid": "1", "z": [10**400], "av": {}}}}), "too large"),
        (json.dumps([task(timeline(1, 10**400, "a"))]), "expected a time, received 1000"),
        (json.dumps([task(timeline(1, 2, "a") | {"value": {"ranges": [], "timelinelabels": ["a"]}})]), "has no range"),
        (json.dumps([task({"type": {}, "value": {}})]), "results of type {} are not read"),
        ('{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": 5}}', "OpenTimelineIO's JSON"),
        (CVAT.replace("<width>640", "<width>wide"), "<meta> cannot be read"),
        (CVAT.replace("<width>640", "<width>0"), "original_size is 0 by 360"),
        (CVAT.replace("utf-8", "utf-99"), "expected XML: unknown encoding"),
        ('<!DOCTYPE a [<!ATTLIST tag label CDATA "x">]><annotations><tag/></annotations>', "entities or attributes"),
        (FCPXML.replace("3601s", "1e999999999s"), "expected a time as 1001/24000s"),
        (FCPXML.replace("100/2500s", "-100/2500s"), "expected pictures a second, received -25"),
        (EDL.replace("chase", "chase" + " " * 100_000 + "x"), "labels.bin:5: the line has more than 4000 letters"),
        (EAF.replace("1000", "9" * 400), "topics.a1: its times cannot be read"),
        (EDL.replace("01:00:10:12", "01:00:10:99"), "01:00:10:99 is no time code of 25 pictures a second"),
        ("TITLE: x\n001  001 V C 1 2\n", "labels.bin:2: expected an event with four time codes"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_with_its_place(tmp_path, content, problem):
    assert any(problem in said for said in read(tmp_path, content)[1]), read(tmp_path, content)[1]


@pytest.mark.parametrize(("text", "problem"), [("two", "'two' beside 'one': a label has one place"), ("one", None)])
def test_values_below_others_are_read_and_two_of_one_column_are_a_problem(tmp_path, text, problem):
    """ELAN's tiers may lie two deep, and one below may divide what is above it."""
    tier = '<TIER LINGUISTIC_TYPE_REF="x" PARENT_REF="{}" TIER_ID="{}">{}</TIER>'
    value = (
        '<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{}" ANNOTATION_REF="{}"><ANNOTATION_VALUE>{}'
        "</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )
    below = tier.format("topics", "scene", value.format("a2", "a1", "7"))
    below += tier.format("scene", "place", value.format("a3", "a2", "one") + value.format("a4", "a2", text))
    content = EAF.replace("<LINGUISTIC_TYPE ", below + "<LINGUISTIC_TYPE ", 1).replace("chase", "")
    reading, problems = read(tmp_path, content, SCENES)
    assert problem in problems[0] if problem else not problems
    assert reading.rows.select(["scene", "place"]).to_pylist() == [{"scene": "7", "place": "one"}]


def test_time_codes_past_the_end_say_how_the_films_beginning_is_given(tmp_path):
    assert "labels.bin:5: 01:00:01:00 is past the film's end (60 s): where the film begins" in read(tmp_path, EDL)[1][0]
    reading, _ = read(tmp_path, EDL, fps=25.0)
    assert "all time codes are past 01:00:00:00" in " ".join(reading.notes)


def test_a_rate_in_few_digits_is_the_films_own(tmp_path):
    """By 23.976 in place of 24000/1001, a marker after two hours would be seven thousandths of a second off."""
    at, length = (otio.opentime.RationalTime(pictures, 23.976) for pictures in (172_800, 24))
    clip = otio.schema.Clip("long", source_range=otio.opentime.TimeRange(at - at, at + length))
    clip.markers.append(otio.schema.Marker("chase", otio.opentime.TimeRange(at, length)))
    found = rows(tmp_path, clip.to_json_string())
    assert found == [("long", repr(172_800 / (24000 / 1001)), repr(172_824 / (24000 / 1001)), "chase")]


def test_a_name_that_is_taken_for_none_is_told(tmp_path):
    tags = LabelContract("Tags.", "spans", (Column("tag", pa.string(), "Tag.", True),), class_column="tag")
    reading, problems = read(tmp_path, json.dumps([task(timeline(26, 75, "label"))]), tags)
    assert not problems and "1 annotations are called 'label', which is taken for no tag" in reading.notes


def test_more_moments_than_anybody_means_are_refused(tmp_path):
    text = json.dumps([task(timeline(1, 1000, "tom"))])
    assert "say a larger --every" in read(tmp_path, text, WHO, every=1e-6)[1][0]


def test_a_damaged_archive_is_said(tmp_path):
    with zipfile.ZipFile(tmp_path / "labels.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.xml", CVAT)
    data = bytearray((tmp_path / "labels.bin").read_bytes())
    data[45:60] = b"\xff" * 15
    assert "the archive cannot be read" in read(tmp_path, bytes(data))[1][0]


def test_a_film_that_the_file_names_wrongly_is_given(tmp_path):
    text = json.dumps([task(timeline(26, 75, "chase"), video="x.mp4")])
    assert rows(tmp_path, text, movie="cartoon") == CHASE


@pytest.mark.parametrize("value", ["[],", "{},", "1,"])
def test_json_of_too_many_values_is_refused_before_it_is_parsed(value, monkeypatch):
    monkeypatch.setattr(bounded, "MAX_VALUES", 100)
    with pytest.raises(bounded.Unreadable, match="more than 100 values"):
        bounded.read_json(b"[" + 200 * value.encode())  # the end is missing, which a parser would say


def test_a_file_larger_than_annotations_are_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bounded, "MAX_BYTES", 100)
    assert "larger than" in read(tmp_path, CVAT)[1][0]
