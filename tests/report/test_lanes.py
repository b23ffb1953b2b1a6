"""Lanes of the timeline, and the figures beside it, from small tables."""

import shutil
from types import SimpleNamespace

import pyarrow as pa
import pytest
from _report_sites import lane, page, replace, write

from report.clock import clock
from report.lanes import MAX_ROWS, _faces, _speech, build_lanes, empty_lanes, stacked
from report.tables import TableState


@pytest.fixture(scope="module")
def site(made_once, tmp_path_factory):
    folder = shutil.copytree(made_once, tmp_path_factory.mktemp("lanes") / "project")
    write(folder)
    return folder


def test_every_lane_is_over_the_same_seconds(site):
    assert max(lane(site, "shots")["end"]) == max(lane(site, "scenes")["end"]) == 60


def test_tags_below_one_half_are_left_out(site):
    assert min(lane(site, "tags")["value"]) >= 0.5


def test_a_tag_spans_its_shot(site):
    tags = lane(site, "tags")
    assert {round(end - start, 3) for start, end in zip(tags["start"], tags["end"], strict=True)} == {3.0}


def test_a_row_for_each_character_the_longest_seen_first(site):
    # Of twenty shots, three each in turn: mara has 0-2, 9-11, 18-19, oskar 3-5 and 12-14, tomas 6-8 and 15-17.
    assert lane(site, "characters")["rows"] == ["mara", "oskar", "tomas"]


def test_lines_that_show_at_once_are_below_each_other():
    lane = stacked([0, 0, 2, 2.5], [2, 3, 4, 5], ["title", "name", "next", "third"])
    assert lane["row"] == [0, 1, 0, 2] and len(lane["rows"]) == 3


def test_lines_one_after_the_other_are_in_one_row():
    assert "row" not in stacked([0, 2], [2, 4], ["one", "two"])


def test_a_wall_of_lines_has_few_rows():
    lane = stacked([0.0] * 40, [1.0] * 40, ["line"] * 40)
    assert len(lane["rows"]) == MAX_ROWS and max(lane["row"]) == MAX_ROWS - 1


def test_a_lane_is_told_in_words_for_who_does_not_see_it(site):
    assert lane(site, "affect")["told"] == "valence and arousal, 60 values"
    assert lane(site, "characters")["told"] == "20 spans of mara, oskar, tomas"


def test_only_funny_spans_are_shown(site):
    assert len(lane(site, "funny")["start"]) == 1


def test_the_page_tells_shots_and_their_average(site):
    assert "<dd>20</dd>" in page(site) and "<dd>3.0 s</dd>" in page(site)


def test_an_optional_lane_is_left_out_where_the_manifest_lacks_it(site):
    with pytest.raises(StopIteration):
        lane(site, "subtitles")


def test_provenance_names_version_parameters_and_the_hour(site):
    assert "2026-11-21 12:00" in page(site) and 'id="from-scenes"' in page(site)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00:00"), (59.6, "0:01:00"), (3725, "1:02:05")])
def test_time_as_a_clock_shows_it(seconds, shown):
    assert clock(seconds) == shown


def test_an_entry_of_another_name_is_found_by_its_task(project):
    replace(project, "  affect: {}\n", "  feeling: {task: affect}\n")
    write(project)
    assert lane(project, "affect")["why"].startswith(("stale", "blocked"))


def test_faces_are_seen_from_a_picture_until_the_next_one():
    looked = SimpleNamespace(read=lambda *_: pa.table({"time_s": [0.0, 1.0, 2.0, 3.0]}))
    faces = _faces(pa.table({"time_s": [0.0, 1.0, 2.0, 2.0]}), looked)
    assert list(zip(faces["start"], faces["end"], faces["label"], strict=True)) == [
        (0.0, 2.0, "1 face"),
        (2.0, 3.0, "2 faces"),
    ]


@pytest.mark.parametrize("looked", [pa.table({"time_s": pa.array([], pa.float64())}), None])
def test_a_film_without_pictures_shows_no_faces(looked):
    faces = _faces(pa.table({"time_s": pa.array([], pa.float64())}), SimpleNamespace(read=lambda *_: looked))
    assert faces["start"] == faces["label"] == []


def test_where_people_speak_the_lane_says_what():
    heard = pa.table({"start_s": [0.0, 2.0, 9.0], "end_s": [1.0, 6.0, 9.5], "kind": ["noise", "speech", "speech"]})
    lines = pa.table({"start_s": [1.9, 4.0], "end_s": [3.0, 6.0], "text": ["Who is there?", None]})
    speech = _speech(heard, SimpleNamespace(read=lambda *_: lines))
    assert speech["label"] == ["noise", "Who is there?", "…", "speech"]
    assert speech["start"] == [0.0, 1.9, 4.0, 9.0] and speech["rows"] == ["speech", "noise"]


@pytest.mark.parametrize(("state", "empty"), [("fresh", "Cues"), ("stale", "")])
def test_lanes_with_nothing_to_show_are_one_line_unless_there_is_a_note(state, empty):
    cues = TableState("cues", "cues", state, "task version 1 → 2", "key")
    nothing = pa.table({"kind": pa.array([], pa.string()), "start_s": [], "end_s": []})
    tables = SimpleNamespace(
        states={},
        of_task=lambda task: cues if task == "cues" else TableState(task, task),
        read=lambda task, _columns: nothing if task == "cues" else None,
        why=lambda task: "" if task == "cues" else "not made",
    )
    assert empty_lanes(build_lanes(tables)) == empty
