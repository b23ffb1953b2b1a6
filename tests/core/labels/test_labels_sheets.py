"""Workbooks and what sheets make of CSV: decimal commas, times, formulas that stay text, and hostile archives."""

import datetime
import io
import re
import zipfile

import openpyxl
import pyarrow as pa
import pytest
from core._labelled import FILMS, KINDS, SCENES, rows_of, scene

from cinelake.labels.checks import check_labels
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.readers import in_days, read_files
from cinelake.labels.values import cast_column
from cinelake.storage.sheets import filled_sheets, write_sheet

HEADER = ["movie_id", "start_s", "end_s", "kind"]


def workbook(folder, *rows, name="a.xlsx"):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(folder / name)
    return folder / name


def spans(reading, contract=SCENES, films=FILMS):
    table, found = check_labels(contract, reading.rows, films, source="", vocabularies={"kind": KINDS})
    assert not reading.problems and not found, found
    return list(zip(table["start_s"].to_pylist(), table["end_s"].to_pylist(), strict=True))


def test_a_workbook_is_read_with_its_times_in_seconds(tmp_path):
    times = [datetime.time(0, 0, 10), datetime.timedelta(seconds=20.5)]
    path = workbook(tmp_path, HEADER, ["dawn", *times, "chase"], [None], ["dusk", 1, 2.5, "sorrow"])
    reading = read_files([path])
    assert spans(reading) == [(10.0, 20.5), (1.0, 2.5)]
    assert reading.rows["#line"].to_pylist() == [2, 4]


def test_a_formula_is_a_text_and_no_number(tmp_path):
    reading = read_files([workbook(tmp_path, HEADER, ["dawn", "=1+1", 5, "chase"])])
    _, found = check_labels(SCENES, reading.rows, FILMS, source="", vocabularies={"kind": KINDS})
    assert "received '=1+1'" in str(found[0]) and found[0].line == 2


def test_merged_cells_are_all_read_as_their_value(tmp_path):
    """A sheet keeps it in the first: the others looked empty, which some columns take for an answer."""
    path = workbook(tmp_path, HEADER, ["dawn", 0, 5, "chase"], [None, 5, 8, None], [None, 8, 9, "sorrow"])
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("A2:A4")
    book.active.merge_cells("D2:D3")
    book.save(path)
    reading = read_files([path])
    assert reading.rows.select(["movie_id", "kind"]).to_pylist() == [
        {"movie_id": "dawn", "kind": kind} for kind in ("chase", "chase", "sorrow")
    ]
    assert reading.notes == ["a.xlsx: 3 cells of 'Sheet' are merged with others and read as these"]


def test_merged_cells_beside_the_columns_give_none_their_value(tmp_path):
    """They counted as less than none, and as many of them as one liked could each go through all rows."""
    path = workbook(tmp_path, HEADER, ["dawn", 0, 5, "chase"], ["dawn", 5, 8, "sorrow", None, "a remark"])
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("F3:F9")
    book.save(path)
    assert read_files([path]).notes == []


def test_a_comma_beside_points_is_explained(tmp_path):
    (tmp_path / "a.csv").write_text("movie_id;start_s;end_s;kind\ndawn;1,5;2.5;chase\ndawn;3.5;4;chase\n")
    _, found = check_labels(SCENES, read_files([tmp_path / "a.csv"]).rows, FILMS, source="", vocabularies={})
    assert "received '1,5' (other numbers of the column have a point" in str(found[0])


def sheets(folder, **of_each):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in of_each.items():
        for row in rows:
            (book[name] if name in book else book.create_sheet(name)).append(row)
    return book, folder / "a.xlsx"


def test_all_sheets_with_the_columns_are_read_and_the_others_are_told(tmp_path):
    dawn, dusk = [HEADER, ["dawn", 0, 5, "chase"]], [HEADER[::-1], ["sorrow", 2.5, 1, "dusk"]]
    book, path = sheets(tmp_path, about=[["labels of May"]], dawn=dawn, dusk=dusk, old=dawn)
    book["old"].sheet_state = "hidden"
    book.save(path)
    reading = read_files([path], known=HEADER)
    assert spans(reading) == [(0.0, 5.0), (1.0, 2.5)]
    assert reading.notes == [
        "a.xlsx: the sheet 'about' is left out: its columns (labels of May) are not those of 'dawn'",
        "a.xlsx: the sheet 'old' is left out: it is hidden",
    ]


def test_a_problem_in_a_workbook_of_several_sheets_names_the_sheet(tmp_path):
    book, path = sheets(tmp_path, one=[HEADER, ["dawn", 0, 5, "chase"]], two=[HEADER, ["dusk", 1, 2, "chase", "?"]])
    book.save(path)
    assert "a.xlsx: sheet 'two':2: expected 4 fields, received 5" in str(read_files([path], known=HEADER).problems[0])


def test_a_text_that_looks_like_a_formula_comes_back_as_it_was(tmp_path):
    with (tmp_path / "a.xlsx").open("wb") as sink:
        write_sheet(["kind", "at"], [["=cmd()", 0.1], ["007", 5.0]], sink)
    (sheet,) = filled_sheets(tmp_path / "a.xlsx")
    assert [row.values for row in sheet.rows] == [["kind", "at"], ["=cmd()", "0.1"], ["007", "5"]]


@pytest.mark.parametrize("called", ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.dat"])
def test_a_workbook_that_declares_entities_is_refused_whatever_its_parts_are_called(tmp_path, called):
    path = workbook(tmp_path, HEADER)
    old = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(path) as archive:
        parts = {n: archive.read(n).replace(b"sheet1.xml", called[14:].encode()) for n in archive.namelist()}
    parts[called] = b'<!DOCTYPE a [<!ENTITY b "c">]>' + parts.pop(old)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    assert "declares a document type" in str(read_files([path]).problems[0])


def rewritten(path, **parts):
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in kept.items():
            archive.writestr(name, parts.pop(name.rpartition("/")[2].partition(".")[0], lambda old: old)(data))
        for name, data in parts.items():
            archive.writestr(name, data(b""))
    return path


def test_a_sheet_that_says_it_is_smaller_than_it_is_is_read_wholly(tmp_path):
    path = workbook(tmp_path, HEADER, ["dawn", 0, 5, "chase"])
    rewritten(path, sheet1=lambda old: old.replace(b'ref="A1:D2"', b'ref="A1"'))
    assert spans(read_files([path])) == [(0.0, 5.0)]


def test_rows_that_are_only_formatted_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr("cinelake.storage.sheets.MAX_ROWS", 3)
    book, path = sheets(tmp_path, dawn=[HEADER, ["dawn", 0, 5, "chase"]])
    book.create_sheet("empty").cell(9, 1).number_format = "0.00"
    book.save(path)
    assert spans(read_files([path], known=HEADER)) == [(0.0, 5.0)]


@pytest.mark.parametrize(
    ("part", "after", "bomb"),
    [
        ("styles", b"<cellXfs", b"<cellXfs>" + b"<xf/>" * 600_000 + b"</cellXfs><cellXfs"),
        ("sheet1", b"</row>", b"<c/>" * 70_000 + b"</row>"),
        ("sheet1", b"</sheetData>", b"<a>" * 70 + b"</a>" * 70 + b"</sheetData>"),
    ],
)
def test_a_few_kilobytes_that_unfold_to_gigabytes_are_refused_before_they_do(tmp_path, part, after, bomb):
    """Each format is an object of half a kilobyte, and a row's cells are all made before they are counted."""
    path = workbook(tmp_path, HEADER)
    path = rewritten(path, **{part: lambda old: old.replace(after, bomb, 1)})
    assert f"{part}.xml has at most" in str(read_files([path]).problems[0])


@pytest.mark.parametrize("part", ["sheet1", "styles"])
def test_elements_are_dropped_with_their_row_in_sheets_alone(tmp_path, monkeypatch, part):
    """A part of formats is read whole, whatever its elements are called."""
    monkeypatch.setattr("cinelake.storage.sheets.MAX_ELEMENTS", 200)
    rows = b"<row>" + b"<c/>" * 300 + b"</row>"
    path = rewritten(workbook(tmp_path, HEADER), **{part: lambda old: old.replace(b"</row>", b"</row>" + rows, 1)})
    if part == "styles":
        path = rewritten(path, styles=lambda old: old.replace(b"<fonts", rows + b"<fonts", 1))
    assert ("styles.xml has at most" in str(read_files([path]).problems[0])) == (part == "styles")


def test_one_part_is_not_read_as_many_sheets(tmp_path):
    path = workbook(tmp_path, HEADER, ["dawn", 0, 5, "chase"])
    path = rewritten(path, workbook=lambda old: re.sub(rb"(<sheet [^>]*/>)", rb"\1\1\1", old))
    assert "one and the same part" in str(read_files([path]).problems[0])


@pytest.mark.parametrize("limit", ["MAX_PASSED", "MAX_CELLS", "MAX_ROWS", "MAX_COLUMNS"])
def test_a_workbook_of_more_than_anybody_labels_is_refused(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(f"cinelake.storage.sheets.{limit}", 2)
    path = workbook(tmp_path, HEADER, ["dawn", 0, 5, "chase"], ["dawn", 5, 6, "chase"])
    assert "have at most" in str(read_files([path]).problems[0])


def test_a_part_in_an_encoding_that_is_unknown_is_a_problem(tmp_path):
    path = rewritten(workbook(tmp_path, HEADER), **{"xl/a.bin": lambda _: b'<?xml version="1.0" encoding="no"?><a/>'})
    assert "unknown encoding" in str(read_files([path]).problems[0])


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("cinelake.storage.sheets.MAX_UNPACKED", 1000)
    assert "unpacks to more" in str(read_files([workbook(tmp_path, HEADER)]).problems[0])


def test_a_damaged_workbook_is_a_problem(tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("xl/workbook.xml", "<oops")
    (tmp_path / "a.xlsx").write_bytes(data.getvalue())
    assert "expected a workbook" in str(read_files([tmp_path / "a.xlsx"]).problems[0])


def test_decimal_commas_are_read(tmp_path):
    (tmp_path / "a.csv").write_text("movie_id;start_s;end_s;kind\ndawn;1,5;10,25;chase\n")
    assert spans(read_files([tmp_path / "a.csv"])) == [(1.5, 10.25)]


def test_decimal_commas_stand_beside_clock_times_and_time_codes():
    films = {"dawn": FilmFacts(60.0, fps=25.0)}
    rows = rows_of(scene(start="0", end="12,5"), scene(start="0:00:12.5", end="0:00:20:12"))
    table, found = check_labels(SCENES, rows, films, source="", vocabularies={"kind": KINDS})
    assert not found and table["end_s"].to_pylist() == pytest.approx([12.5, 20.48])


def test_a_comma_beside_points_may_stand_between_thousands_and_is_refused():
    rows = rows_of({"movie_id": "dawn", "start_s": "1.5", "end_s": "1,600", "kind": "chase"},
                   {"movie_id": "dawn", "start_s": "20", "end_s": "20.5", "kind": "chase"})  # fmt: skip
    _, found = check_labels(SCENES, rows, FILMS, source="", vocabularies={"kind": KINDS})
    assert "received '1,600'" in str(found[0])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["998", "1,002", "1,010"], [998.0, None, None]),
        (["998", "1,002", "3,5"], [998.0, 1.002, 3.5]),
        (["0", "0,125", "1,002"], [0.0, 0.125, 1.002]),
        (["1,500", "12,345"], [1.5, 12.345]),
    ],
    ids=["thousands beside whole numbers", "other decimals", "a nought before the comma", "always three decimals"],
)
def test_commas_that_may_all_stand_between_thousands_are_refused(written, read):
    numbers, wrong = cast_column("start_s", pa.array(written), pa.float64())
    assert numbers.to_pylist() == read
    assert all("it may be thousands" in why for _, why in wrong)


def test_shares_of_a_day_are_seconds_when_that_is_said(tmp_path):
    path = workbook(tmp_path, HEADER, ["dawn", 10 / 86400, 20.5 / 86400, "chase"])
    assert spans(in_days(read_files([path]))) == [(10.0, 20.5)]
    path = workbook(tmp_path, HEADER, ["dawn", datetime.time(0, 0, 10), 20.5 / 86400, "chase"])
    assert spans(in_days(read_files([path]))) == [(10.0, 20.5)]  # what is formatted as a time is one


@pytest.mark.parametrize(
    ("written", "fps", "seconds"),
    [("0:00:10:12", 25.0, 10.48), ("00:00:10:00", 24000 / 1001, 10.01), ("00:01:00;02", 30000 / 1001, 60.06)],
)
def test_a_time_code_counts_the_pictures_of_its_film(written, fps, seconds):
    films = {"dawn": FilmFacts(100.0, fps=fps)}
    row = {"movie_id": "dawn", "start_s": "0:00:00:00", "end_s": written, "kind": "chase"}
    table, found = check_labels(SCENES, rows_of(row), films, source="", vocabularies={"kind": KINDS})
    assert not found and table["end_s"][0].as_py() == pytest.approx(seconds)
