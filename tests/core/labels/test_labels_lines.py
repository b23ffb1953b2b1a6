"""Lines as collections of music and film have them become labels by moments, on the labels' scale."""

import pandas
import pyarrow as pa
import pytest

from cinelake.labels.checks import check_labels
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.lines import held, is_wide, moment_of, other_scales, scaled, unpivoted, with_own_headers
from cinelake.labels.readers import read_files
from models.affect.config import LABELS

FILMS = {"2": FilmFacts(60.0), "3": FilmFacts(60.0)}
WIDE = "movie_id,sample_15000ms,sample_15500ms,sample_16000ms\n2,0.1,0.2,\n3,-0.5,,-0.25\n"


def reading_of(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return with_own_headers(read_files([folder / f"{name}.csv" for name in texts]), LABELS)


def rows_of(reading, *names):
    table, problems = check_labels(LABELS, reading.rows, FILMS, source="a.csv", vocabularies={})
    assert not reading.problems and not problems, [*reading.problems, *problems]
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def said(reading):
    return [(problem.where, problem.message) for problem in reading.problems]


@pytest.mark.parametrize("header, time_s", [("sample_15000ms", 15), ("1.5s", 1.5), ("t_2,25 s", 2.25), ("t1", None)])
def test_a_header_names_a_moment_with_its_unit(header, time_s):
    assert moment_of(header) == time_s


def test_a_column_a_moment_is_a_row_a_moment_and_empty_cells_are_none(tmp_path):
    reading = reading_of(tmp_path, arousal=WIDE)
    assert is_wide(reading, LABELS)
    found = rows_of(unpivoted(reading, LABELS), "movie_id", "time_s", "arousal", "valence")
    assert found == [("2", 15.0, 0.1, None), ("2", 15.5, 0.2, None), ("3", 15.0, -0.5, None), ("3", 16.0, -0.25, None)]


def test_files_of_two_quantities_are_rows_together(tmp_path):
    reading = reading_of(tmp_path, arousal=WIDE, mean_valence=WIDE.replace(",", ";").replace(".", ","))
    found = rows_of(unpivoted(reading, LABELS), "movie_id", "time_s", "arousal", "valence")
    assert found[0] == ("2", 15.0, 0.1, 0.1) and len(found) == 4


def test_a_quantity_without_a_column_of_its_own_is_named(tmp_path):
    found = rows_of(unpivoted(reading_of(tmp_path, a=WIDE), LABELS, "importance"), "time_s", "name", "value")
    assert found[0] == (15.0, "importance", 0.1) and len(found) == 4


def test_numbers_of_nothing_said_are_refused(tmp_path):
    (problem,) = unpivoted(reading_of(tmp_path, scores=WIDE), LABELS).problems
    assert "say --column (valence, arousal), or name the file for it" in problem.message


def test_a_film_that_stands_twice_is_no_film_overwritten(tmp_path):
    reading = unpivoted(reading_of(tmp_path, arousal=WIDE + "2,0.7,0.7,0.7\n"), LABELS)
    assert [value for movie_id, value in rows_of(reading, "movie_id", "arousal") if movie_id == "2"] == [
        *(0.1, 0.7, 0.2, 0.7, 0.7)
    ]


def test_parquet_that_counts_its_songs_is_read(tmp_path):
    pandas.DataFrame({"movie_id": ["2"], "1s": [0.5], "2s": [float("nan")]}).to_parquet(tmp_path / "valence.parquet")
    reading = unpivoted(read_files([tmp_path / "valence.parquet"]), LABELS)
    assert rows_of(reading, "time_s", "valence") == [(1.0, 0.5)]


@pytest.mark.parametrize("header, times", [("frameTime", "15,15.5"), ("time_ms", "15000,15500")])
def test_headers_of_collections_are_known_and_told(tmp_path, header, times):
    first, second = times.split(",")
    reading = reading_of(tmp_path, a=f"movie_id,{header},Arousal(mean)\n2,{first},0.1\n2,{second},0.2\n")
    assert rows_of(reading, "time_s", "arousal") == [(15.0, 0.1), (15.5, 0.2)]
    assert any(note.startswith(f"the column '{header}' is taken for time_s, in ") for note in reading.notes)


def test_a_comma_between_thousands_of_milliseconds_is_refused_beside_points(tmp_path):
    reading = reading_of(tmp_path, a="movie_id;time_ms;valence\n2;1,500;0.1\n2;500.5;0.2\n")
    (problem,) = check_labels(LABELS, reading.rows, FILMS, source="a.csv", vocabularies={})[1]
    assert "received '1,500' (other numbers of the column have a point" in problem.message


@pytest.mark.parametrize("wrong", [[1.5], True])
@pytest.mark.parametrize("column", ["time_ms", "2s", "who"])
def test_values_of_no_use_in_a_parquet_are_problems_or_left_aside(tmp_path, column, wrong):
    pandas.DataFrame({"movie_id": ["2"], "1s": [0.5], "3s": [0.5], column: [wrong]}).to_parquet(tmp_path / "a.parquet")
    reading = unpivoted(with_own_headers(read_files([tmp_path / "a.parquet"]), LABELS), LABELS, "valence")
    check_labels(LABELS, reading.rows, FILMS, source="a", vocabularies={})


def test_two_headers_of_one_meaning_are_told(tmp_path):
    reading = reading_of(tmp_path, a="movie_id,time_s,Valence,valence_mean\n2,1,0.1,0.2\n")
    assert reading.notes == ["each of the columns 'Valence', 'valence_mean' may be valence: none is taken for it"]


def test_the_name_of_a_sheet_says_of_what_its_numbers_are(tmp_path):
    with pandas.ExcelWriter(tmp_path / "affect.xlsx") as book:
        for name, value in (("arousal", 0.1), ("valence", 0.2)):
            pandas.DataFrame({"movie_id": ["2"], "1s": [value], "2s": [value]}).to_excel(
                book, sheet_name=name, index=False
            )
    reading = unpivoted(read_files([tmp_path / "affect.xlsx"]), LABELS)
    assert rows_of(reading, "time_s", "arousal", "valence") == [(1.0, 0.1, 0.2), (2.0, 0.1, 0.2)]


@pytest.mark.parametrize("start_s, end_s", [("100", ""), ("1", "inf"), ("7", "3"), ("one", "3")])
def test_an_excerpt_that_is_none_is_a_problem_and_nan_is_no_end(tmp_path, start_s, end_s):
    reading = reading_of(tmp_path, a=f"movie_id,start_s,end_s,valence\n2,{start_s},{end_s},1\n3,nan,nan,1\n")
    (problem,) = held(reading, FILMS, 1.0).problems
    assert problem.line == 2
    assert "the excerpt ends" in problem.message or "in seconds, received" in problem.message


def test_one_value_of_a_film_or_an_excerpt_is_held(tmp_path):
    reading = held(reading_of(tmp_path, a="movie_id,start_s,end_s,valence\n2,,,0.5\n3,10,12.5,-0.5\n"), FILMS, 1.0)
    found = rows_of(reading, "movie_id", "time_s", "valence")
    assert [time for movie_id, time, _ in found if movie_id == "2"] == [float(s) for s in range(60)]
    assert found[60:] == [("3", 10.0, -0.5), ("3", 11.0, -0.5), ("3", 12.0, -0.5)]


def test_a_film_of_unknown_length_holds_no_value(tmp_path):
    reading = held(reading_of(tmp_path, a="movie_id,valence\nnight,1\n"), {"night": FilmFacts()}, 1.0)
    assert said(reading) == [("time_s", "the film's length is not known: `cinelake run` first")]


def test_numbers_of_another_scale_are_brought_to_the_labels(tmp_path):
    text = "movie_id,time_s,valence,arousal\n2,1,1,9\n2,2,5,7\n"
    assert rows_of(scaled(reading_of(tmp_path, a=text), LABELS, (1, 9)), "valence", "arousal") == [(-1, 1), (0, 0.5)]
    (problem,) = scaled(reading_of(tmp_path, a=text), LABELS, (0, 7)).problems
    assert "expected a number of 0 to 7 (--scale), received 9" in problem.message


def test_a_scale_that_may_be_another_is_told(tmp_path):
    rows = "".join(f"2,{second},{second / 20}\n" for second in range(20))
    (note,) = other_scales(reading_of(tmp_path, a=f"movie_id,time_s,valence\n{rows}"), LABELS)
    assert note.startswith("every valence is 0 to 0.95, none below 0") and "--scale 0..1" in note


def test_values_beyond_the_scale_are_refused(tmp_path):
    rows = reading_of(tmp_path, a="movie_id,time_s,valence\n2,1,5\n").rows
    (problem,) = check_labels(LABELS, rows, FILMS, source="a.csv", vocabularies={})[1]
    assert problem.message == "must be ≤ 1, received 5" and isinstance(rows, pa.Table)
