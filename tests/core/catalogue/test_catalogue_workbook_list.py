"""A list of films that is a workbook."""

from pathlib import Path

import openpyxl
import pytest

from cinelake.catalogue.list import FilmList, read_list
from cinelake.errors import ManifestError


def listed(folder: Path, **sheets: list[list[object]]) -> FilmList:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(folder / "films.xlsx")
    return read_list(folder / "films.xlsx")


def test_rows_have_ids_titles_and_what_is_accepted(tmp_path: Path) -> None:
    rows = [["Movie ID", "uri", "title", "accept"], [7, "a.mp4", "Été", True], [None], [None, "b.mp4"]]
    (one, two) = listed(tmp_path, films=rows).rows
    assert (one.line, one.movie_id, one.uri, one.title, one.accept) == (2, "7", "a.mp4", "Été", True)
    assert (two.line, two.movie_id, two.uri, two.accept) == (4, "", "b.mp4", False)


def test_the_first_sheet_with_a_column_uri_is_the_list_and_others_are_named(tmp_path: Path) -> None:
    found = listed(tmp_path, notes=[["to do"]], films=[["URI"], ["a.mp4"]], old=[["uri"], ["z.mp4"]])
    assert ([row.uri for row in found.rows], found.told) == (
        ["a.mp4"],
        ["films.xlsx: the sheet 'old' is not read, but 'films'"],
    )


def test_a_value_beside_the_columns_is_a_problem_of_its_row(tmp_path: Path) -> None:
    assert listed(tmp_path, films=[["uri"], ["a.mp4", "x"]]).rows[0].wrong == "expected 1 fields, received 2"


@pytest.mark.parametrize(("rows", "why"), [([["url"], ["a.mp4"]], "did you mean 'url'"), ([], "the file is empty")])
def test_a_workbook_without_a_column_uri_is_refused(tmp_path: Path, rows: list[list[object]], why: str) -> None:
    with pytest.raises(ManifestError, match=why):
        listed(tmp_path, films=rows)


def test_another_archive_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "films.ods").write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(ManifestError, match=r"a workbook \(\.xlsx\) or Parquet, received another archive"):
        read_list(tmp_path / "films.ods")
