"""`catalogue.films` names one place or several, and a film that two of them give is one film."""

from __future__ import annotations

from pathlib import Path

import pytest

from cinelake.catalogue.films import Catalogue, read_catalogue
from cinelake.errors import ManifestError
from cinelake.manifest.films import CatalogueSettings


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for name in ("a.mp4", "b.mkv", "notes.txt", "s2/c.mp4"):
        (tmp_path / "films" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "films" / name).touch()
    return tmp_path / "films"


def read_list(films: Path, *lines: str) -> Catalogue:
    (films.parent / "films.csv").write_text("\n".join(["uri", *lines]))
    return read_catalogue(CatalogueSettings(list="films.csv"), films.parent)


def read(films: Path, places: list[str]) -> Catalogue:
    return read_catalogue(CatalogueSettings(films=tuple(places)), films.parent)


def test_a_film_that_several_places_give_is_one_film_and_nothing_that_one_of_them_skips(films: Path) -> None:
    found = read(films, ["films/*", "films/**/*.mp4"])
    assert [film.movie_id for film in found.films] == ["a", "b", "c"]
    assert found.skipped_counts() == {"folder": 1, "no_film": 1}


def test_a_place_without_films_is_told_beside_those_that_have_some(films: Path) -> None:
    (warning,) = read(films, ["films", "films/*.webm"]).warnings
    assert "no film in 'films/*.webm'" in warning


def test_a_list_without_a_row_is_told(films: Path) -> None:
    assert read_list(films).warnings == ("no film in the list 'films.csv': it has no row",)


def test_a_film_in_several_lines_of_a_list_is_told_as_that(films: Path) -> None:
    (problem,) = read_list(films, "films/a.mp4", "films/a.mp4", "./films/a.mp4").problems
    assert problem.reason == "movie_id_clash"
    assert "They are one film: leave it in one line" in problem.message


@pytest.mark.parametrize(("uri", "hint"), [("~/films/a.mp4", "~ is no folder"), ("films\\a.mp4", "parted by /")])
def test_a_path_that_is_spelled_for_another_place_is_told_with_what_to_write(films: Path, uri: str, hint: str) -> None:
    (problem,) = read_list(films, uri).problems
    assert problem.reason == "film_missing" and hint in problem.message


def test_all_places_that_are_not_there_are_named_at_once(films: Path) -> None:
    with pytest.raises(ManifestError) as refused:
        read(films, ["films", "share/a", "share/b"])
    assert [problem.message.split()[-1] for problem in refused.value.problems] == [
        str(films.parent / "share" / name) for name in ("a", "b")
    ]
