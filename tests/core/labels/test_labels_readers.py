"""Files of labels, as people and programs write them, become rows; what cannot be read is a problem with its line."""

from pathlib import Path

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _labelled import FACES, FILMS, GENRES, KINDS, SCENES, TAGS

from cinelake.catalogue.films import CatalogueFilm
from cinelake.labels import readers
from cinelake.labels.checks import FILE, LINE, check_labels
from cinelake.labels.readers import at_a_rate, in_class_folders, read_files
from cinelake.labels.values import cast_column
from cinelake.storage.foreign_parquet import Bounds

TEXT = "movie_id,start_s,end_s,kind\ndawn,0,10,chase\ndawn,10,20,sorrow\n"
ROWS = [("dawn", 0.0, 10.0, "chase"), ("dawn", 10.0, 20.0, "sorrow")]


def written(folder, text, name="a.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def checked(contract, reading):
    table, found = check_labels(contract, reading.rows, FILMS, source="a.csv", vocabularies={"kind": KINDS})
    assert not reading.problems and not found
    names = [name for name in table.column_names if table[name].null_count < len(table)]
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def said(reading, folder):
    return [str(problem).replace(f"{folder}/", "") for problem in reading.problems]


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace(",", ";"),
        TEXT.replace(",", "\t"),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("chase", '"chase"').replace("movie_id", '"movie_id"'),
        TEXT.replace("dawn,0,10", "\n dawn ,0:00:00,0:00:10.000"),
        TEXT.replace(",", "\t").encode("utf-16"),
        "sep=;\n" + TEXT.replace(",", ";"),
    ],
    ids=[
        "commas",
        "semicolons",
        "tabs",
        "byte order mark",
        "windows",
        "quotes",
        "clock times and blanks",
        "utf-16",
        "sep",
    ],
)
def test_csv_is_read_in_every_form_that_programs_write(tmp_path, text):
    assert checked(SCENES, read_files([written(tmp_path, text)])) == ROWS


def test_a_column_in_other_letters_is_taken_and_told(tmp_path):
    reading = read_files([written(tmp_path, TEXT.replace("start_s", "Start_S"))], known=["start_s", "end_s"])
    assert checked(SCENES, reading) == ROWS and reading.notes == ["a.csv: the column 'Start_S' is taken for start_s"]


def test_of_columns_that_differ_in_case_alone_none_is_taken(tmp_path):
    text = TEXT.replace("start_s,end_s", "Start_S,START_S")
    assert "Start_S" in read_files([written(tmp_path, text)], known=["start_s"]).rows.column_names


def test_parquet_is_read(tmp_path):
    frame = pandas.DataFrame(ROWS, columns=["movie_id", "start_s", "end_s", "kind"])
    frame.to_parquet(tmp_path / "a.parquet")
    assert checked(SCENES, read_files([tmp_path / "a.parquet"])) == ROWS


def test_labels_that_unpack_to_gigabytes_are_refused_before_they_are_unpacked(tmp_path):
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 80_000, pa.int32()), pa.array(["x" * 50_000]))
    pq.write_table(pa.table({"movie_id": texts}), tmp_path / "a.parquet")
    (problem,) = read_files([tmp_path / "a.parquet"]).problems
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    assert problem.message == "the file cannot be labels: its values are longer than 1073741824 bytes together"


def test_a_vector_that_unpacks_to_too_much_is_refused_by_what_the_file_says_of_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "BOUNDS", Bounds(lists=True, all_bytes=1_000_000))
    vector = pa.ListArray.from_arrays([0, 200_000], pa.array([0] * 200_000, pa.int8()))
    pq.write_table(pa.table({"movie_id": ["dawn"], "scores": vector}), tmp_path / "a.parquet")
    (problem,) = read_files([tmp_path / "a.parquet"]).problems
    assert "its columns unpack to 2400008 bytes" in problem.message


def test_columns_that_are_left_aside_may_hold_anything(tmp_path):
    pq.write_table(pa.table({"movie_id": ["dawn"], "cast": [[{"name": "Ann"}]]}), tmp_path / "a.parquet")
    assert "in column 'cast', received list<" in read_files([tmp_path / "a.parquet"]).problems[0].message
    assert read_files([tmp_path / "a.parquet"], {"movie_id"}.__contains__).rows["movie_id"].to_pylist() == ["dawn"]


def test_several_files_are_read_as_one_whatever_their_forms(tmp_path):
    frame = pandas.DataFrame([("dusk", 0.0, 5.0, "chase")], columns=["movie_id", "start_s", "end_s", "kind"])
    frame.to_parquet(tmp_path / "b.parquet")
    reading = read_files([written(tmp_path, TEXT), tmp_path / "b.parquet"])
    assert checked(SCENES, reading) == [*ROWS, ("dusk", 0.0, 5.0, "chase")]
    assert reading.source == "a.csv, b.parquet"


def test_a_column_of_vectors_in_one_file_and_texts_in_another_is_a_problem(tmp_path):
    pq.write_table(pa.table({"movie_id": ["dawn"], "kind": [[1.0, 2.0]]}), tmp_path / "b.parquet")
    reading = read_files([written(tmp_path, TEXT), tmp_path / "b.parquet"])
    assert "kind: the files differ, list<element: double> and string" in str(reading.problems[0])


def test_a_row_knows_its_line_even_after_a_value_of_two_lines(tmp_path):
    reading = read_files([written(tmp_path, 'movie_id,note\ndawn,"one\ntwo"\n\ndusk,x\n')])
    assert reading.rows[LINE].to_pylist() == [2, 5] and reading.rows[FILE][0].as_py().endswith("a.csv")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a.csv:1: expected a header with the columns' names: the file is empty"),
        ("movie_id,kind,kind\n", "a.csv:1: kind: the column stands twice in the header"),
        ('"movie_id,kind\ndawn,chase\n', "a.csv:1: expected CSV: unexpected end of data"),
        ("movie_id,kind\ndawn\n", "a.csv:2: expected 2 fields, received 1"),
        (b"movie_id,kind\ndawn,caf\xe9\n", "a.csv:2: expected CSV in UTF-8, a workbook (.xlsx), or Parquet"),
        ('movie_id,kind\ndawn,"chase\n', "a.csv:2: expected CSV: unexpected end of data"),
        (b"PAR1 and nothing", "a.csv: expected CSV in UTF-8 or Parquet: "),
    ],
    ids=["empty", "twice", "open header", "too short", "latin 1", "open quote", "damaged parquet"],
)
def test_what_cannot_be_read_is_said_with_its_line(tmp_path, text, problem):
    found = said(read_files([written(tmp_path, text)]), tmp_path)
    assert len(found) == 1 and found[0].startswith(problem)


def test_a_row_knows_its_line_behind_what_a_spreadsheet_writes_first(tmp_path):
    reading = read_files([written(tmp_path, "sep=;\nmovie_id;end_s\ndawn;1;2\n")])
    assert said(reading, tmp_path) == ["a.csv:3: expected 2 fields, received 3"]


def test_a_header_of_any_length_is_read_at_once(tmp_path):
    problems = read_files([written(tmp_path, 'a "b";' * 200_000)]).problems
    assert [problem.where for problem in problems] == ['a "b"']


@pytest.mark.parametrize(("row", "rows"), [("dawn\n", 30), ("dawn\r", 30), ("dawn" + 40 * ",", 1)])
def test_a_csv_file_of_more_rows_or_values_than_labels_ever_have_is_refused_unread(row, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "BOUNDS", Bounds(rows=20))
    monkeypatch.setattr(readers, "MOST_CELLS", 20, raising=False)
    found = said(read_files([written(tmp_path, f"movie_id\n{rows * row}")]), tmp_path)
    assert found == ["a.csv: the file cannot be labels: expected at most 20 lines and 20 values"]


def test_no_more_wrong_lines_are_told_than_anybody_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MOST_PROBLEMS", 20, raising=False)
    found = read_files([written(tmp_path, "movie_id,kind\n" + 1000 * "dawn\n")]).problems
    assert len(found) == 22 and "what follows is not read" in found[-1].message


def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    found = said(read_files([tmp_path / "none.csv"]), tmp_path)
    assert found == ["none.csv: the file cannot be read: No such file or directory"]


# --- Image_ID,Class


def test_pictures_at_a_rate_are_moments_of_the_film(tmp_path):
    reading = read_files([written(tmp_path, "Image_ID,Class\nframe0.jpg,0\nframe12.jpg,1\n")])
    rows = at_a_rate(reading, FACES, "dawn", 2.0, {"0": "sorrow", "1": "chase"})
    assert checked(FACES, rows) == [("dawn", 0.0, "sorrow"), ("dawn", 6.0, "chase")]


def test_pictures_at_a_rate_are_spans_where_the_model_learns_from_spans(tmp_path):
    reading = read_files([written(tmp_path, "Image_ID,Class\nframe3.jpg,chase\n")])
    assert checked(SCENES, at_a_rate(reading, SCENES, "dawn", 2.0, {})) == [("dawn", 1.5, 2.0, "chase")]


def test_pictures_without_number_and_classes_that_are_not_named_are_problems(tmp_path):
    reading = read_files([written(tmp_path, "Image_ID,Class\nframe.jpg,0\nframe1.jpg,7\n")])
    found = said(at_a_rate(reading, FACES, "dawn", 1.0, {"0": "chase"}), tmp_path)
    assert "a.csv:2: Image_ID: expected a number in the picture's name" in found[0]
    assert found[1] == "a.csv:3: Class: class '7' is not in --classes: there is 0"


@pytest.mark.parametrize("image", [None, "", "9" * 400, "9" * 5000])
def test_a_picture_without_a_name_or_of_a_number_beyond_all_is_a_problem(tmp_path, image):
    rows = pa.table({"Image_ID": [image, "1"], "Class": ["chase"] * 2})
    pq.write_table(rows, tmp_path / "a.parquet")
    (found,) = said(at_a_rate(read_files([tmp_path / "a.parquet"]), FACES, "dawn", 1.0, {}), tmp_path)
    assert found.startswith("a.parquet:1: Image_ID: expected a number in the picture's name")


def test_pictures_and_classes_may_be_numbers(tmp_path):
    pq.write_table(pa.table({"Image_ID": [4], "Class": [1]}), tmp_path / "a.parquet")
    reading = at_a_rate(read_files([tmp_path / "a.parquet"]), FACES, "dawn", 2.0, {"1": "chase"})
    assert checked(FACES, reading) == [("dawn", 2.0, "chase")]


def test_other_columns_than_those_of_pictures_are_a_problem(tmp_path):
    reading = read_files([written(tmp_path, "ImageID,Class\nframe1.jpg,7\n")])
    (found,) = said(at_a_rate(reading, FACES, "dawn", 1.0, {}), tmp_path)
    assert "Image_ID: the column is missing" in found and "did you mean 'ImageID'?" in found


# --- clips in class folders


def clip(folder, name):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"film")
    return CatalogueFilm(path.stem, str(path), name, path.stem)


@pytest.mark.parametrize("contract", [TAGS, GENRES], ids=["spans", "films"])
def test_clips_in_class_folders_are_labels_of_whole_films(tmp_path, contract):
    films = [clip(tmp_path, "scenes/chase/dawn.mkv"), clip(tmp_path, "scenes/sorrow/dusk.mkv")]
    films.append(clip(tmp_path, "other/night.mkv"))
    reading = in_class_folders(tmp_path / "scenes", films, contract)
    assert checked(contract, reading) == [("dawn", "chase"), ("dusk", "sorrow")]


def test_a_class_folder_without_a_film_of_the_catalogue_is_a_problem(tmp_path):
    films = [clip(tmp_path, "scenes/chase/dawn.mkv")]
    clip(tmp_path, "scenes/sorrow/unknown.mkv")
    (found,) = said(in_class_folders(tmp_path / "scenes", films, TAGS), tmp_path)
    assert found.startswith("scenes/sorrow: the folder holds no film of the catalogue")


def test_a_folder_of_clips_that_is_not_there_is_a_problem():
    assert "there is no such folder" in str(in_class_folders(Path("nowhere"), [], TAGS).problems[0])


@pytest.mark.parametrize("text, time_s", [("1:02,5", 62.5), ("0:00.25", 0.25), ("1:00:02.5", 3602.5)])
def test_a_time_may_be_minutes_and_seconds_with_decimals(tmp_path, text, time_s):
    rows = read_files([written(tmp_path, f't_s\n"{text}"\n')]).rows
    assert cast_column("t_s", rows["t_s"].combine_chunks(), pa.float64())[0].to_pylist() == [time_s]


@pytest.mark.parametrize("text", ["1:02", "1:02."])
def test_minutes_without_decimals_may_be_hours_and_are_refused(text):
    (wrong,) = cast_column("t_s", pa.array([text]), pa.float64())[1]
    assert wrong[1].startswith("expected seconds (12.5), M:SS.m, H:MM:SS.mmm or")
