"""What is wrong with labels is said all at once, each with its line."""

import pyarrow as pa
import pytest
from _labelled import FACES, FILMS, GENRES, KINDS, RATINGS, SCENES, TAGS, rows_of, scene

from cinelake.labels.checks import FILE, check_labels
from cinelake.spec.contract import ENUM, Column
from cinelake.spec.labels import LabelContract


def problems(contract, *rows, **options):
    table = rows[0] if isinstance(rows[0], pa.Table) else rows_of(*rows)
    vocabularies = {"kind": KINDS}
    _, found = check_labels(contract, table, FILMS, source="a.csv", vocabularies=vocabularies, **options)
    return [str(problem) for problem in found]


def moment(time_s="1", movie_id="dawn", kind="chase"):
    return {"movie_id": movie_id, "time_s": time_s, "kind": kind}


def rating(value, movie_id="dawn"):
    return {"movie_id": movie_id, "viewer": "v", "kind": "chase", "rating": value}


def by_shots(start, end, movie_id="dawn", kind="chase"):
    return {"movie_id": movie_id, "start_shot": start, "end_shot": end, "kind": kind}


@pytest.mark.parametrize(
    ("contract", "rows"),
    [
        (SCENES, [scene(), scene("dawn", 10, 20), scene("dusk", 0, 30)]),
        (SCENES, [scene("dawn", "0:00:10.500", "0:01:00"), scene("dawn", "0", "10.5")]),
        (SCENES, [by_shots("0", "3"), by_shots("3", "6")]),
        (SCENES, [{"movie_id": "dawn", "kind": "chase"}]),
        (SCENES, [{**scene("dawn", 0, 60.04), "start_shot": 50, "end_shot": 99}]),
        (TAGS, [scene(), scene("dawn", 5, 20), scene(kind="sorrow")]),
        (TAGS, [{"movie_id": "dawn", "shot": "5", "kind": "chase"}]),
        (FACES, [moment(), moment("60"), moment("0:00:59.9")]),
        (GENRES, [{"movie_id": "dawn", "kind": "sorrow"}]),
    ],
)
def test_good_labels_have_no_problem(contract, rows):
    assert problems(contract, *rows) == []


@pytest.mark.parametrize(
    ("contract", "row", "said"),
    [
        (SCENES, scene("dwan"), "movie_id: unknown film 'dwan': did you mean 'dawn'?"),
        (SCENES, scene("night"), "film 'night' is not in the lake yet: run `cinelake run` first, or say --before-run"),
        (SCENES, scene(end="61"), "end_s: 61 s is past the end of 'dawn', which lasts 60 s"),
        (SCENES, scene(start="10"), "start_s: expected start_s < end_s (ends are exclusive), received 10 and 10 s"),
        (SCENES, scene(start="-1"), "start_s: must be ≥ 0, received -1"),
        (
            SCENES,
            scene(start="soon"),
            "H:MM:SS.mmm or a time code H:MM:SS:FF, received 'soon'",
        ),
        (
            SCENES,
            scene(start="0:61:00"),
            "H:MM:SS.mmm or a time code H:MM:SS:FF, received '0:61:00'",
        ),
        (SCENES, scene(end=""), "end_s: there is no value, and start_s is 0: a span has both"),
        (SCENES, scene(end="nan"), "end_s: expected a number, received nan"),
        (SCENES, scene(kind="chas"), "kind: unknown kind 'chas': did you mean 'chase'?"),
        (SCENES, scene(kind=""), "kind: there is no value. What happens."),
        (
            SCENES,
            scene(start="0.0001157", end="0.0002315"),
            "first 0.000695023 s: shares of a day? Then say --times days",
        ),
        (SCENES, by_shots("2", "7"), "end_shot: shot 6 is past the last: 'dawn' has 6 shots, the first is 0"),
        (SCENES, by_shots("2", "2"), "expected start_shot < end_shot (ends are exclusive), received 2 and 2"),
        (SCENES, by_shots("1.5", "3"), "start_shot: expected a whole number, received '1.5'"),
        (FACES, moment("70"), "time_s: 70 s is past the end of 'dawn', which lasts 60 s"),
        (FACES, moment(float("inf")), "time_s: expected a number, received inf"),
        (
            RATINGS,
            {"movie_id": "dawn", "viewer": "v", "kind": "chase", "rating": "6"},
            "rating: must be ≤ 5, received 6",
        ),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_its_line(contract, row, said):
    good = {**row, "movie_id": "dusk", **{k: v for k, v in scene("dusk", 0, 5).items() if k in row}}
    good |= {k: v for k, v in {"time_s": "1", "start_shot": "0", "end_shot": "1", "rating": "3"}.items() if k in row}
    found = problems(contract, good, row)
    assert any(problem.startswith("a.csv:3: ") and said in problem for problem in found), found
    assert not any(problem.startswith("a.csv:2: ") for problem in found)


def test_all_problems_are_said_at_once():
    found = problems(SCENES, scene("dwan"), scene(end="99"), scene(start="x"), scene("dusk", kind="chas"))
    assert [problem.split(":")[1] for problem in found if "unknown" in problem or "past" in problem] == ["5", "2", "3"]
    assert any("a.csv:4: start_s" in problem for problem in found)


def test_spans_that_overlap_are_named_with_the_line_of_the_other():
    found = problems(SCENES, scene("dawn", 20, 30), scene("dawn", 0, 25), scene("dusk", 20, 30))
    assert found == ["a.csv:2: this span overlaps that of line 3, and these labels may not overlap"]


def test_a_long_span_overlaps_all_that_lie_in_it():
    found = problems(SCENES, scene("dawn", 0, 60), scene("dawn", 1, 2), scene("dawn", 3, 4))
    assert [problem[:8] for problem in found] == ["a.csv:3:", "a.csv:4:"]


def test_spans_by_shots_overlap_too():
    assert "a.csv:3: this span overlaps that of line 2" in problems(SCENES, by_shots(0, 3), by_shots(2, 4))[0]


def test_neighbours_whose_times_were_rounded_do_not_overlap():
    assert problems(SCENES, scene("dawn", 0, 10.0004), scene("dawn", 10, 20)) == []


def test_a_row_that_stands_twice_is_said_once():
    assert problems(SCENES, scene(), scene()) == ["a.csv:3: this row says the same as line 2"]


def test_the_other_row_of_two_is_named_with_its_file_where_that_is_another():
    table = rows_of(scene(), scene()).append_column(FILE, pa.array(["a.csv", "b.csv"]))
    assert problems(SCENES, table) == ["b.csv:3: this row says the same as a.csv:2"]


def test_an_unknown_film_is_said_once_with_the_other_lines():
    found = problems(FACES, *(moment(str(second), "dwan") for second in range(9)))
    assert found == ["a.csv:2: movie_id: unknown film 'dwan': did you mean 'dawn'? (also on 3, 4, 5, 6, 7 and 3 more)"]


def test_columns_that_lack_and_columns_that_nobody_knows_are_said_with_close_matches():
    found = problems(SCENES, {"movie_id": "dawn", "start_s": "0", "kinds": "chase"})
    assert "a.csv:1: end_s: the column is missing: start_s is given, and a span has both" in found
    assert "a.csv:1: kind: the column is missing. What happens. The labels have movie_id, start_s, kinds" in found
    assert any("a.csv:1: kinds: these labels have no such column: did you mean 'kind'" in p for p in found)


def test_extra_columns_are_left_aside_only_when_asked():
    row = {**scene(), "note": "nice"}
    assert "--ignore-extra-columns" in problems(SCENES, row)[0]
    assert problems(SCENES, row, ignore_extra_columns=True) == []


def test_a_file_without_rows_is_a_problem():
    nothing = pa.table({name: pa.array([], pa.string()) for name in ("movie_id", "start_s", "end_s", "kind")})
    assert problems(SCENES, nothing) == ["a.csv: there are no labels: not one row"]


def test_a_film_that_is_not_in_the_lake_may_be_labelled_before_the_run():
    assert problems(SCENES, scene("night", 0, 9999), before_run=True) == []


@pytest.mark.parametrize(("written", "read"), [("1", True), ("no", False), ("True", True), (0.0, False)])
def test_yes_and_no_are_read_as_people_write_them(written, read):
    contract = LabelContract("Hard ones.", "films", (Column("difficult", pa.bool_(), "Hard."),))
    rows = rows_of({"movie_id": "dawn", "difficult": written})
    table, _ = check_labels(contract, rows, FILMS, source="", vocabularies={})
    assert table["difficult"].to_pylist() == [read]


def test_the_values_that_a_column_lists_are_the_only_ones():
    contract = LabelContract("Moods.", "films", (Column("mood", ENUM, "How.", one_of=("glad", "sad")),))
    assert "unknown mood 'glat': did you mean 'glad'?" in problems(contract, {"movie_id": "dawn", "mood": "glat"})[0]
