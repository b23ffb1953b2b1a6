"""Films as people write them: ids, names of files, titles; told, refused or proposed, never guessed."""

import pyarrow as pa
import pytest

from cinelake.catalogue.films import CatalogueFilm
from cinelake.labels import film_names
from cinelake.labels.film_names import FilmNames, with_movie_ids

FILMS = (
    CatalogueFilm("sintel_trailer", "/films/Sintel Trailer.mp4", "films/Sintel Trailer.mp4", "Sintel"),
    CatalogueFilm("s1_01", "/films/S1/01.mkv", "films/S1/01.mkv", "Pilot"),
    CatalogueFilm("s2_01", "/films/S2/01.mkv", "films/S2/01.mkv", "Pilot"),
)
NAMES = FilmNames(FILMS, [film.movie_id for film in FILMS] + ["images_heat"])


@pytest.mark.parametrize(
    "text",
    [
        "sintel_trailer",
        "sintel_trailer.mov",
        "Sintel Trailer.mp4",
        "Sintel Trailer",
        "C:\\work\\sintel trailer.MP4",
        "/data/upload/3/0a1b2c3d-Sintel%20Trailer.mp4",
        "/data/upload/3/0a1b2c3d-Sintel_Trailer.mp4",
        "/data/upload/3/0a1b2c3d-Sintel_Trailer.mov",
        "/data/upload/3/0a1b2c3d-Sintel.mp4",
        "/data/local-files/?d=films/Sintel%20Trailer.mp4",
        "https://host.example/a/Sintel%20Trailer.mp4?x=1",
        "SINTEL",
    ],
)
def test_a_film_is_found_by_its_id_its_file_and_its_title(text):
    assert NAMES.find(text)[0] == ["sintel_trailer"]


def test_a_name_of_several_films_is_refused_with_all_of_them():
    rows = pa.table({"movie_id": ["Pilot", "s1_01"], "tag": ["a", "b"]})
    kept, problems, _ = with_movie_ids(rows, NAMES)
    assert kept["movie_id"].to_pylist() == ["s1_01"]
    assert "'Pilot' may be each of s1_01, s2_01: write the movie_id" in str(problems[0])


def test_an_uploaded_name_that_a_server_gives_to_two_files_is_refused():
    films = [CatalogueFilm(i, f"/f/{name}", f"f/{name}", i) for i, name in (("a_b", "Ä b.mp4"), ("a_b_2", "Ä_b.mp4"))]
    names = FilmNames(films, ["a_b", "a_b_2"])
    assert names.find("/data/upload/3/0a1b2c3d-Ä_b.mp4")[0] == ["a_b", "a_b_2"]


def test_each_of_many_films_is_compared_with_uploads_once(monkeypatch):
    films = [CatalogueFilm(f"f_{n}", f"/f/F {n}.mp4", f"f/F {n}.mp4", "") for n in range(50)]
    asked: list[str] = []
    monkeypatch.setattr(film_names, "_served", lambda name: asked.append(name) or name.replace(" ", "_"))
    names = FilmNames(films, [film.movie_id for film in films])
    assert [names.find(f"0a1b2c3d-F_{n}.mp4")[0] for n in range(50)] == [[f"f_{n}"] for n in range(50)]
    assert len(asked) < 4 * len(films)


def test_a_near_name_is_proposed_and_not_taken():
    _, problems, _ = with_movie_ids(pa.table({"movie_id": ["Sintel Trailor.mp4"]}), NAMES)
    assert "unknown film 'Sintel Trailor.mp4': did you mean 'sintel_trailer'?" in str(problems[0])


def test_what_a_name_was_taken_for_is_told():
    _, _, notes = with_movie_ids(pa.table({"file": ["Sintel Trailer.mp4"]}), NAMES)
    assert notes == [
        "the column 'file' is taken for the film",
        "'Sintel Trailer.mp4' is sintel_trailer (by its file name)",
    ]


def test_a_header_may_be_written_in_any_case():
    kept, _, notes = with_movie_ids(pa.table({"Film": ["SINTEL"]}), NAMES)
    assert kept["movie_id"].to_pylist() == ["sintel_trailer"] and "the column 'Film' is taken for the film" in notes


def test_rows_that_name_no_film_are_of_the_one_that_is_given():
    kept, _, _ = with_movie_ids(pa.table({"tag": ["a"]}), NAMES, "s1_01")
    assert kept["movie_id"].to_pylist() == ["s1_01"]


@pytest.mark.parametrize("header", ["song_id", "clip", "track"])
def test_parts_of_a_film_name_it_only_where_nobody_said_otherwise(header):
    rows = pa.table({header: ["s1_01"], "tag": ["a"]})
    films = [with_movie_ids(rows, NAMES, movie)[0]["movie_id"].to_pylist() for movie in ("", "s2_01")]
    assert films == [["s1_01"], ["s2_01"]]
