"""Every file of a catalogue's place is a film, a companion of one, or skipped with its reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cinelake.catalogue.films import Catalogue, read_catalogue
from cinelake.manifest.films import CatalogueSettings

COMPANIONS = (
    *("night.smi", "night.edl", "night.ac3", "night.eng.dts", "night.srt", "night.en.vtt", "night.nfo", "night.jpg"),
    *("night-poster.png", "night.mks", "night.xyz", "night", "night.SRT", "night.mp3", "NIGHT.ac3"),
)
STRAYS = {
    "readme.txt": "no_film",
    "lone.srt": "no_film",
    "shot.0001.dpx": "no_film",
    "shot_0001.exr": "no_film",
    "labels.xlsx": "no_film",
    "Thumbs.db": "no_film",
    "desktop.ini": "no_film",
    "day.mkv.part": "unfinished",
    "day.crdownload": "unfinished",
    "day.opdownload": "unfinished",
    "day.mp4.partial": "unfinished",
    "...And God Created Woman.mkv": "hidden",
    "._night.mkv": "hidden",
    "extras": "folder",
    "pipe": "no_file",
}
"""What lies in a folder → why it is skipped."""


@pytest.fixture
def films(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "night.mkv").touch()
    return tmp_path / "films"


def read(films: Path, place: str) -> Catalogue:
    return read_catalogue(CatalogueSettings(films=place), films.parent)


@pytest.mark.parametrize("place", ["films", "films/*", "films/**/*"])
@pytest.mark.parametrize("name", COMPANIONS)
def test_what_has_the_name_of_a_film_is_its_companion(films: Path, place: str, name: str) -> None:
    (films / name).touch()
    found = read(films, place)
    assert ([film.movie_id for film in found.films], found.problems) == (["night"], ())
    assert found.skipped_counts() == {"companion": 1}


@pytest.mark.parametrize("place", ["films", "films/*", "films/**/*"])
@pytest.mark.parametrize("name", STRAYS)
def test_what_is_no_film_is_skipped_with_its_reason(films: Path, place: str, name: str) -> None:
    path = films / name
    path.mkdir() if name == "extras" else os.mkfifo(path) if name == "pipe" else path.touch()
    found = read(films, place)
    assert [film.movie_id for film in found.films] == ["night"]
    expected = {} if "**" in place and name == "extras" else {f"films/{name}": STRAYS[name]}
    assert {file.uri: file.reason for file in found.skipped} == expected


@pytest.mark.parametrize("name", ["night 2.mkv", "alone.ac3", "night-2.wav", "night 2.xyz", "x.zzz", "no suffix"])
def test_what_may_be_a_film_of_its_own_is_one(films: Path, name: str) -> None:
    (films / name).touch()
    assert len(read(films, "films").films) == len(read(films, "films/*").films) == 2


def test_what_the_place_asks_for_by_its_suffix_is_a_film(films: Path) -> None:
    (films / "night.ac3").touch()
    assert [film.uri for film in read(films, "films/*.ac3").films] == ["films/night.ac3"]


def test_a_folder_that_a_link_reaches_again_is_skipped_and_counted(films: Path) -> None:
    (films / "again").symlink_to(".")
    assert read(films, "films/**/*").skipped_counts()["seen_before"] > 0


def test_a_hidden_link_makes_no_folder_one_that_was_seen_before(films: Path) -> None:
    (films / "season").mkdir()
    (films / "season" / "two.mkv").touch()
    (films / ".s").symlink_to("season")
    found = read(films, "films/**/*.mkv")
    assert "films/season/two.mkv" in [film.uri for film in found.films]
    assert not [file for file in found.skipped if file.reason == "seen_before"]


def test_links_that_lead_round_in_circles_are_followed_once(films: Path) -> None:
    (films / "season").mkdir()
    (films / "season" / "two.mkv").touch()
    for name, target in {"here": ".", "season/up": "..", "season/self": "."}.items():
        (films / name).symlink_to(target)
    found = read(films, "films/**/*.mkv")
    assert "films/season/two.mkv" in [film.uri for film in found.films]
    assert [file.uri for file in found.skipped if file.reason == "seen_before"] == [
        "films/here",
        "films/season/self",
        "films/season/up",
    ]
