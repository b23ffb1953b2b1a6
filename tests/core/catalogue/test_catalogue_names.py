"""Names of films: an id for any script, the same however it is written, distinct, and the one that the lake has."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinelake.catalogue.films import Catalogue, read_catalogue
from cinelake.catalogue.names import ID_LENGTH, Named, is_movie_id, movie_id_of, name_films
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.manifest.films import CatalogueSettings
from cinelake.spec.contract import Column, Contract
from cinelake.storage.content import digest, fingerprint

TOY = Contract("toys", "A table.", [Column("value", pa.int64(), "A value.")], key=["value"])


def ids_of(*uris: str, taken: tuple[str, ...] = ()) -> dict[str, str]:
    films = [Named(uri.rpartition("/")[2], uri, uri, uri) for uri in uris]
    return dict(zip(uris, name_films(films, taken).ids, strict=True))


def catalogue(folder: Path, *names: str, lake: Lake | None = None) -> Catalogue:
    for name in names:
        path = folder / "films" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return read_catalogue(CatalogueSettings(films="films/**/*"), folder, lake=lake)


def made(lake: Lake, movie_id: str, film: Path, entry: list[str] | None = None) -> None:
    """A table of the lake that was made from this file, and from this entry of the catalogue."""
    inputs = {"catalogue": digest(entry)} if entry else {}
    with lake.scratch() as folder:
        writer = CellWriter(TOY, movie_id, folder / "toy.parquet")
        writer.write(TOY.batch(movie_id, value=[1]))
        writer.close(Footer("key", "hash", {"fingerprint": fingerprint(film), "inputs": inputs}, {}))
        lake.commit(writer, "toys")


@pytest.mark.parametrize(
    ("name", "movie_id"),
    [
        ("Сталкер.mkv", "stalker"),
        ("Фильм 'объезд'.mkv", "film_obezd_"),
        ("Зеркало (1975).mkv", "zerkalo_1975_"),
        ("七人の侍.mkv", "qirennoshi"),
        ("기생충.mkv", "gisaengchung"),
        ("Ο Θίασος.mkv", "o_thiasos"),
        ("जय हिन्द.mkv", "jy_hind"),
        ("٢٠٠١.mkv", "2001"),
        ("Ａｋｉｒａ.mkv", "akira"),
        ("Amélie.mkv", "am_lie"),
        ("Łódź 7.mkv", "_d_7"),
        ("Night 🎬.mkv", "night_"),
    ],
)
def test_a_name_of_another_script_is_transliterated_and_latin_ones_keep_their_ids(name: str, movie_id: str) -> None:
    assert movie_id_of(name) == movie_id


@given(st.text())
def test_how_accents_are_composed_makes_no_difference(name: str) -> None:
    assert movie_id_of(unicodedata.normalize("NFD", name)) == movie_id_of(unicodedata.normalize("NFC", name))


APART = {
    "folders": {"S1/01.mkv": "s1_01", "S2/01.mkv": "s2_01", "S2/02.mkv": "02"},
    "folders of one name": {"A/S1/01.mkv": "a_s1_01", "B/S1/01.mkv": "b_s1_01"},
    "the place itself and a folder": {"films/01.mkv": "films_01", "films/S1/01.mkv": "s1_01"},
    "folders of another script": {"Сезон 1/01.mkv": "sezon_1_01", "Сезон 2/01.mkv": "sezon_2_01"},
    "accents": {"Amélie.mkv": "amelie", "Amílie.mkv": "amilie"},
    "an accent and none": {"Am_lie.mkv": "am_lie", "Amélie.mkv": "amelie"},
    "signs": {"🎬.mkv": "_clapper_", "🎥.mkv": "_movie_camera_"},
    "addresses": {"s3://b/S1/01.mkv": "s1_01", "s3://b/S2/01.mkv": "s2_01"},
    "nothing": {"a b.mkv": "a_b", "A_B.mkv": "a_b"},
    "folders, but for some": {"S1/01.mkv": "s1_01", "S1/01.mp4": "s1_01", "S2/01.mkv": "s2_01"},
}
"""What tells films apart that would have one id → each film's id."""


@pytest.mark.parametrize("films", APART.values(), ids=APART)
def test_films_that_would_have_one_id_are_told_apart(films: dict[str, str]) -> None:
    assert ids_of(*films) == films


def test_an_id_that_another_film_has_by_its_name_is_not_given() -> None:
    found = ids_of("X/S1/01.mkv", "X/S2/01.mkv", "s1_01.mkv")
    assert found == {"X/S1/01.mkv": "x_s1_01", "X/S2/01.mkv": "x_s2_01", "s1_01.mkv": "s1_01"}


def test_an_id_of_a_list_is_kept_and_others_make_way() -> None:
    assert ids_of("S1/01.mkv", taken=("01",)) == {"S1/01.mkv": "s1_01"}


def test_over_long_names_are_told_apart_by_a_digest() -> None:
    one, two, alone = (f"{'long ' * 30}{end}.mkv" for end in ("one", "two", "x"))
    found = ids_of(one, two)
    assert len(set(found.values())) == 2 and all(len(movie_id) <= ID_LENGTH for movie_id in found.values())
    assert found[one] in ids_of(two, one, alone).values()
    assert movie_id_of(alone) == ("long_" * 30)[:ID_LENGTH]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=3))
def test_no_id_leaves_its_folder(names: list[str], folders: list[str]) -> None:
    assert all(map(is_movie_id, ids_of(*(f"{folder}/{name}" for folder in folders for name in names)).values()))


def test_films_that_were_told_apart_are_told(tmp_path: Path) -> None:
    assert catalogue(tmp_path, "S1/01.mkv", "S2/01.mkv").warnings == (
        "2 films would have the id '01': 'films/S1/01.mkv' is s1_01, 'films/S2/01.mkv' is s2_01",
    )


def test_of_many_that_were_told_apart_some_are_named(tmp_path: Path) -> None:
    found = catalogue(tmp_path, *(f"S{season}/{episode:02d}.mkv" for season in (1, 2) for episode in range(20)))
    assert (len(found.films), len(found.warnings)) == (40, 5) and "each of 16 more ids" in found.warnings[-1]


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("Сталкер 1979.mkv", "_1979"),
        ("Сталкер.mkv", "_"),
        (unicodedata.normalize("NFD", "Amélie.mkv"), "ame_lie"),
        ("한국 7.mkv", "_7"),
    ],
)
def test_a_film_keeps_the_id_under_which_the_lake_has_its_tables(tmp_path: Path, name: str, before: str) -> None:
    lake = Lake(str(tmp_path / "lake"))
    catalogue(tmp_path, name)
    made(lake, before, tmp_path / "films" / name)
    found = catalogue(tmp_path, "Зеркало 1975.mkv", lake=lake)
    assert {film.movie_id for film in found.films} == {before, "zerkalo_1975"}


def test_a_film_that_was_there_first_keeps_its_id_when_another_of_its_name_comes(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    catalogue(tmp_path, "S2/01.mkv")
    made(lake, "01", tmp_path / "films/S2/01.mkv")
    found = catalogue(tmp_path, "S1/01.mkv", lake=lake)
    assert {film.uri: film.movie_id for film in found.films} == {"films/S1/01.mkv": "s1_01", "films/S2/01.mkv": "01"}


def test_of_films_with_the_same_content_the_one_of_the_very_entry_keeps_the_id(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    catalogue(tmp_path, "S1/01.mkv", "S2/01.mkv")
    (tmp_path / "films/S1/01.mkv").write_text("S2/01.mkv")
    made(lake, "01", tmp_path / "films/S2/01.mkv", ["01", "films/S2/01.mkv"])
    found = catalogue(tmp_path, lake=lake)
    assert {film.uri: film.movie_id for film in found.films} == {"films/S1/01.mkv": "s1_01", "films/S2/01.mkv": "01"}


def test_ordinary_names_ask_the_lake_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(str(tmp_path / "lake"))
    monkeypatch.setattr(Lake, "tables", lambda _: pytest.fail("the lake was listed"))
    assert len(catalogue(tmp_path, "a.mkv", "b.mkv", lake=lake).films) == 2
