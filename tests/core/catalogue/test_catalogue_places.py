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


def read(films: Path, places: list[str]) -> Catalogue:
    return read_catalogue(CatalogueSettings(films=tuple(places)), films.parent)


def test_a_film_that_several_places_give_is_one_film_and_nothing_that_one_of_them_skips(films: Path) -> None:
    found = read(films, ["films/*", "films/**/*.mp4"])
    assert [film.movie_id for film in found.films] == ["a", "b", "c"]
    assert found.skipped_counts() == {"folder": 1, "no_film": 1}


def test_a_place_without_films_is_told_beside_those_that_have_some(films: Path) -> None:
    (warning,) = read(films, ["films", "films/*.webm"]).warnings
    assert "no film in 'films/*.webm'" in warning


def test_all_places_that_are_not_there_are_named_at_once(films: Path) -> None:
    with pytest.raises(ManifestError) as refused:
        read(films, ["films", "share/a", "share/b"])
    assert [problem.message.split()[-1] for problem in refused.value.problems] == [
        str(films.parent / "share" / name) for name in ("a", "b")
    ]
