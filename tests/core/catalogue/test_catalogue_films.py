"""The catalogue: films from folders, globs and lists; what cannot run is reported and the rest goes on."""

from __future__ import annotations

import cProfile
import os
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinelake.catalogue.films import Catalogue, CatalogueFilm, duplicates, read_catalogue
from cinelake.catalogue.names import is_movie_id, movie_id_of
from cinelake.errors import FilmMissing, ManifestError
from cinelake.manifest.document import CatalogueSettings
from cinelake.storage.content import BLOCK_BYTES, fingerprint


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    return folder


def add(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def read(folder: Path, films: str = "films") -> Catalogue:
    return read_catalogue(CatalogueSettings(films=films), folder.parent)


def read_list(folder: Path, text: str, encoding: str = "utf-8") -> Catalogue:
    (folder.parent / "films.csv").write_text(text, encoding=encoding)
    return read_catalogue(CatalogueSettings(list="films.csv"), folder.parent)


def ids(catalogue: Catalogue) -> list[str]:
    return [film.movie_id for film in catalogue.films]


def reasons(catalogue: Catalogue) -> list[tuple[str, str]]:
    return [(problem.movie_id, problem.reason) for problem in catalogue.problems]


# --- ids


@pytest.mark.parametrize(
    ("name", "movie_id"),
    [
        ("Night of the Living Dead (1968).mp4", "night_of_the_living_dead_1968_"),
        ("-dash first.mkv", "_dash_first"),
        ("Amélie.mp4", "am_lie"),
        ("film.2019.1080p.mp4", "film_2019_1080p"),
        ("../../etc/passwd", "passwd"),
        ("..", "_"),
        ("千と千尋.mp4", "qiantoqianxun"),
        ("a" * 200 + ".mp4", "a" * 96),
    ],
)
def test_an_id_is_the_stem_in_plain_letters(name: str, movie_id: str) -> None:
    assert movie_id_of(name) == movie_id


@given(st.text())
def test_an_id_never_leaves_its_folder(name: str) -> None:
    assert is_movie_id(movie_id_of(name))


@given(st.text())
def test_an_id_is_the_id_of_itself(name: str) -> None:
    assert movie_id_of(movie_id_of(name)) == movie_id_of(name)


# --- folders and globs


def test_a_folder_gives_its_films_in_the_order_of_their_ids(films: Path) -> None:
    add(films, "b.mp4", "A film.mkv")
    assert read(films).films[0] == CatalogueFilm("a_film", str(films / "A film.mkv"), "films/A film.mkv", "A film")
    assert ids(read(films)) == ["a_film", "b"]


def test_hidden_files_folders_and_sidecars_are_no_films(films: Path) -> None:
    add(films, "a.mp4", ".a.mp4", "a.srt", "poster.JPG", "b.mp4.part", "extras/c.mp4")
    catalogue = read(films)
    assert (ids(catalogue), catalogue.problems) == (["a"], ())
    assert catalogue.skipped_counts() == {"companion": 1, "folder": 1, "hidden": 1, "no_film": 1, "unfinished": 1}


@pytest.mark.parametrize("name", ["two\nlines.mp4", 'it\'s "quoted".mp4', "-rf.mp4", "ünï 🎬.mp4", "[brackets]*.mp4"])
def test_any_name_of_a_file_works(films: Path, name: str) -> None:
    add(films, name)
    for pattern in ("films", "films/*", "films/**"):
        assert [film.path for film in read(films, pattern).films] == [str(films / name)]


def test_a_name_that_is_no_utf8_can_be_shown_and_opened(films: Path) -> None:
    Path(os.fsdecode(os.fsencode(films) + b"/caf\xe9.mp4")).write_bytes(b"x")
    film = read(films).films[0]
    assert film.uri.encode() and film.movie_id == "caf_"
    assert Path(film.path).read_bytes() == b"x"


def test_a_glob_takes_every_file_but_the_sidecars_of_its_films(films: Path) -> None:
    add(films, "a.mp4", "a.srt", "a.en.srt", "a-poster.jpg", ".b.mp4", "notes.txt")
    catalogue = read(films, "films/*")
    assert (ids(catalogue), catalogue.skipped_counts()) == (["a"], {"companion": 3, "hidden": 1, "no_film": 1})


@pytest.mark.parametrize("place", ["films", "films/*", "films/**/*"])
def test_what_is_kept_beside_a_film_is_passed_over(films: Path, place: str) -> None:
    add(films, "a.mp4", "a.mp4.cinelake/lake/b.mp4", "a.mp4.cinelake/.hidden")
    catalogue = read(films, place)
    assert ([film.movie_id for film in catalogue.films], catalogue.skipped_counts()) == (["a"], {})


def test_what_is_kept_beside_a_film_is_read_where_it_is_named(films: Path) -> None:
    add(films, "a.mp4.cinelake/b.mp4")
    assert [film.movie_id for film in read(films, "films/a.mp4.cinelake/*").films] == ["b"]


def test_a_glob_goes_into_folders_once_though_links_go_round(films: Path) -> None:
    add(films, "a.mp4", "x/y/b.mp4", "x/.c.mp4")
    (films / "x" / "round").symlink_to("..")
    assert ids(read(films, "films/**/*")) == ["a", "b"]


def test_links_that_lead_nowhere_hide_no_folder_beside_them(films: Path) -> None:
    add(films, *(f"s{number}/{number}.mp4" for number in range(9)))
    for name in ("a", "round", "s", "z"):
        (films / name).symlink_to(name)
        (films / f"{name}_long").symlink_to("l" * 300)
    assert ids(read(films, "films/**/*.mp4")) == [str(number) for number in range(9)]


def test_an_existing_place_is_no_glob(films: Path) -> None:
    add(films, "[1999]/a.mp4", "9/b.mp4")
    assert ids(read(films, "films/[1999]")) == ["a"]
    assert ids(read(films, "films/[1999]/a.mp4")) == ["a"]


@pytest.mark.parametrize(
    ("folder", "place"),
    [
        ("films [1080p]", "films [1080p]/*"),
        ("films [1080p]", "films [1080p]"),
        ("films [1080p]/S1", "films [1080p]/**/*"),
        ("films [1080p]/what?", "films [1080p]/what?/*.mp4"),
        ("films 1", "films [12]/*"),
    ],
)
def test_a_name_with_brackets_is_found_where_it_is_there(tmp_path: Path, folder: str, place: str) -> None:
    add(tmp_path / folder, "a.mp4")
    assert ids(read_catalogue(CatalogueSettings(films=place), tmp_path)) == ["a"]


def test_two_films_with_one_id_are_both_kept_out_and_the_others_go_on(films: Path) -> None:
    add(films, "a b.mp4", "A_B.mkv", "c.mp4")
    catalogue = read(films)
    assert (ids(catalogue), reasons(catalogue)) == (["c"], [("a_b", "movie_id_clash")])
    assert catalogue.problems[0].uris == ("films/A_B.mkv", "films/a b.mp4")


def test_a_broken_link_is_a_missing_film(films: Path) -> None:
    add(films, "a.mp4")
    (films / "gone.mp4").symlink_to("nowhere.mp4")
    (films / "long.mp4").symlink_to("l" * 300)
    (films / "round.mp4").symlink_to("round.mp4")
    for pattern in ("films", "films/*"):
        assert reasons(read(films, pattern)) == [(name, "film_missing") for name in ("gone", "long", "round")]


def test_pipes_are_no_films(films: Path) -> None:
    os.mkfifo(films / "pipe.mp4")
    assert read(films, "films/*").films == read(films).films == ()


def test_an_empty_folder_is_a_warning_and_a_missing_one_a_problem(films: Path) -> None:
    assert "no film in 'films'" in read(films).warnings[0]
    for place in ("none", "none/*", "none/**/*.mp4"):
        with pytest.raises(ManifestError, match=r"catalogue.films: .*there is no .*none"):
            read(films, place)


def test_a_film_among_many_takes_no_more_steps_than_one_among_few(films: Path) -> None:
    few, many = (calls_for_a_film(films, count) for count in (200, 2_000))
    assert many < 1.1 * few


def calls_for_a_film(films: Path, count: int) -> float:
    """How many functions are called to read a folder, for each of its films."""
    add(films, *(f"Film {number:05d}.mp4" for number in range(count)))
    with cProfile.Profile() as profile:
        assert len(read(films, "films/*").films) == count
    return sum(function.callcount for function in profile.getstats()) / count


# --- lists


def test_a_list_gives_ids_titles_and_groups(films: Path) -> None:
    add(films, "a.mp4", "b.mp4")
    catalogue = read_list(films, "uri,movie_id,title,group,director\nfilms/a.mp4,s1_e1,One,s1,X\nfilms/b.mp4,,,,\n")
    assert [(f.movie_id, f.title, f.group) for f in catalogue.films] == [("b", "b", ""), ("s1_e1", "One", "s1")]
    assert catalogue.films[1].path == str(films / "a.mp4")


def test_a_list_may_use_semicolons_a_byte_order_mark_and_lines_in_quotes(films: Path) -> None:
    add(films, "a.mp4")
    catalogue = read_list(films, '\ufefftitle;uri\n"Two\nlines; one";films/a.mp4\nB;films/gone.mp4\n')
    assert catalogue.films[0].title == "Two\nlines; one"
    assert catalogue.problems[0].line == 4


def test_what_spreadsheets_write_before_the_header_is_passed_over_and_lines_keep_their_numbers(films: Path) -> None:
    add(films, "a.mp4")
    found = read_list(films, "sep=;\n\nuri;title\nfilms/a.mp4;A\n;no uri\n")
    assert [film.title for film in found.films] == ["A"]
    assert [problem.line for problem in found.problems] == [5]


def test_a_list_that_a_spreadsheet_saved_as_unicode_text_is_read(films: Path) -> None:
    add(films, "a.mp4")
    assert [film.title for film in read_list(films, "uri\ttitle\nfilms/a.mp4\tÉté\n", "utf-16").films] == ["Été"]


def test_columns_of_a_list_are_known_in_any_case_and_with_blanks(films: Path) -> None:
    add(films, "a.mp4")
    header = "Movie ID,URI,Title,GROUP,Accept,Sound-Language"
    (film,) = read_list(films, f"{header}\nepisode_1,films/a.mp4,One,series,yes,deu\n").films
    assert (film.movie_id, film.title, film.group, film.accept) == ("episode_1", "One", "series", True)
    assert film.choices.sound.languages == ("deu",)


def test_a_column_written_as_ours_goes_before_one_that_is_so_in_another_case(films: Path) -> None:
    add(films, "a.mp4")
    found = read_list(films, "uri,Title,title,URI\nfilms/a.mp4,x,One,films/gone.mp4\n")
    assert ([film.title for film in found.films], found.problems, found.warnings) == (["One"], (), ())


def test_a_column_that_is_not_read_and_resembles_ours_is_told(films: Path) -> None:
    add(films, "a.mp4")
    told = read_list(films, "uri,accpet,Titel,year,director\nfilms/a.mp4,yes,One,1999,X\n").warnings
    assert told == (
        "films.csv: the column 'accpet' is not read: did you mean 'accept'?",
        "films.csv: the column 'Titel' is not read: did you mean 'title'?",
    )


def test_the_short_form_of_a_file_s_uri_is_one_too(films: Path) -> None:
    add(films, "a.mp4")
    assert ids(read_list(films, f"uri\nfile:{films}/a.mp4\n")) == ["a"]


def test_uris_are_relative_to_the_list_absolute_or_of_files(films: Path) -> None:
    add(films, "a.mp4", "b c.mp4")
    catalogue = read_list(films, f"uri\n{films}/a.mp4\nfile://{films}/b%20c.mp4\n")
    assert [film.path for film in catalogue.films] == [f"{films}/a.mp4", f"{films}/b c.mp4"]


def test_all_problems_of_a_list_are_reported_with_their_lines(films: Path) -> None:
    add(films, "a.mp4")
    rows = [
        "A 1,films/a.mp4",
        "../x,films/a.mp4",
        "ok,films/a.mp4",
        "gone,films/gone.mp4",
        "far,http://b/k.mp4",
        "x,",
        "y",
    ]
    catalogue = read_list(films, "\n".join(["movie_id,uri", *rows]))
    assert ids(catalogue) == ["ok"]
    assert sorted((p.line, p.movie_id, p.reason) for p in catalogue.problems) == [
        (2, "list_row_2", "bad_row"),
        (3, "list_row_3", "bad_row"),
        (5, "gone", "film_missing"),
        (6, "far", "bad_row"),
        (7, "x", "bad_row"),
        (8, "list_row_8", "bad_row"),
    ]


def test_a_problem_of_a_row_says_what_was_received(films: Path) -> None:
    problem = read_list(films, "movie_id,uri\nA 1,x.mp4\n").problems[0]
    expected = "line 2 of the list: expected a movie_id of a-z, 0-9 and _, at most 96 characters, received 'A 1'"
    assert problem.message == expected


def test_a_parquet_list_is_read_like_a_csv(films: Path) -> None:
    add(films, "a.mp4")
    table = pa.table({"movie_id": [7, None], "uri": ["films/a.mp4", None], "extra": [1, 2]})
    pq.write_table(table, films.parent / "films.parquet")
    catalogue = read_catalogue(CatalogueSettings(list="films.parquet"), films.parent)
    assert (ids(catalogue), reasons(catalogue)) == (["7"], [("list_row_2", "bad_row")])


def test_what_pandas_writes_for_an_empty_value_is_empty(films: Path) -> None:
    add(films, "a.mp4")
    table = {"movie_id": [7.0], "uri": ["films/a.mp4"], "title": [float("nan")], "group": [float("nan")]}
    pq.write_table(pa.table(table), films.parent / "films.parquet")
    (film,) = read_catalogue(CatalogueSettings(list="films.parquet"), films.parent).films
    assert (film.movie_id, film.title, film.group) == ("7", "a", "")


@pytest.mark.parametrize(("there", "listed"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_list_of_another_system_names_films_with_accents(films: Path, there: str, listed: str) -> None:
    add(films, unicodedata.normalize(there, "Amélie.mkv"))
    found = read_list(films, f"uri\nfilms/{unicodedata.normalize(listed, 'Amélie.mkv')}\n")
    assert (len(found.films), found.problems) == (1, ())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"url,title\na,b\n", "a column 'uri': did you mean 'url'"),
        (b"uri,uri\na,b\n", "column 'uri' stands twice"),
        (b"uri\n\xff\n", "expected CSV in UTF-8, a workbook"),
        (b'uri\n"a\n', "expected CSV in UTF-8, a workbook"),
        (b"PAR1 is not enough", "cannot be read"),
        (None, "No such file"),
    ],
)
def test_an_unreadable_list_is_a_problem_of_the_manifest(films: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (films.parent / "films.csv").write_bytes(data)
    with pytest.raises(ManifestError, match=message):
        read_catalogue(CatalogueSettings(list="films.csv"), films.parent)


# --- fingerprints


def test_a_fingerprint_is_of_content_and_neither_of_name_nor_time(tmp_path: Path) -> None:
    add(tmp_path, "a.mp4")
    (tmp_path / "b.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
    os.utime(tmp_path / "b.mp4", (1, 1))
    assert fingerprint(tmp_path / "a.mp4") == fingerprint(tmp_path / "b.mp4")


FREE_CLOCKS = {
    b"OggS": True,
    b"\0\0\1\xba": True,
    (b"G" + bytes(187)) * 6: True,
    bytes(60) + (b"G" + bytes(187)) * 6: True,
    (bytes(4) + b"G" + bytes(187)) * 6: True,
    b"\0\0\0\x1cftypisom": False,
    b"G" * 3: False,
    b"\x1a\x45\xdf\xa3" + bytes(2000): False,
}


@pytest.mark.parametrize(("head", "free"), FREE_CLOCKS.items())
def test_a_film_whose_clock_may_begin_anywhere_has_the_rule_of_its_zero_in_its_fingerprint(
    tmp_path: Path, head: bytes, free: bool
) -> None:
    (tmp_path / "film").write_bytes(head)
    assert fingerprint(tmp_path / "film").endswith("-clock2") is free


@pytest.mark.parametrize("changed", [0, 500_000, 1_179_647])
def test_every_byte_of_a_short_film_counts(tmp_path: Path, changed: int) -> None:
    data = bytearray(18 * BLOCK_BYTES)
    (tmp_path / "a").write_bytes(data)
    data[changed] = 1
    (tmp_path / "b").write_bytes(data)
    assert fingerprint(tmp_path / "a") != fingerprint(tmp_path / "b")


@pytest.mark.parametrize("changed", [0, 39_999_999])
def test_first_and_last_bytes_and_size_of_a_long_film_count(tmp_path: Path, changed: int) -> None:
    data = bytearray(40_000_000)
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "longer").write_bytes(data + b"\0")
    data[changed] = 1
    (tmp_path / "b").write_bytes(data)
    assert len({fingerprint(tmp_path / name) for name in ("a", "b", "longer")}) == 3


def test_a_film_that_left_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(FilmMissing, match=r"gone.mp4 cannot be read: No such file"):
        fingerprint(tmp_path / "gone.mp4")


def test_the_same_content_under_two_ids_is_a_warning(films: Path) -> None:
    add(films, "a.mp4", "b.mp4", "c.mp4")
    found: Any = duplicates(read(films).films, {"a": "1", "b": "1", "c": "2"})
    assert [(p.reason, p.uris) for p in found] == [("same_content", ("films/a.mp4", "films/b.mp4"))]
