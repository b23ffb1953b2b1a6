"""Films on object stores: which a catalogue names, and what a plan asks the store for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from _folder_store import FolderStore, raising, store

from cinelake.catalogue.films import Catalogue, read_catalogue
from cinelake.catalogue.listing import Listing, list_films
from cinelake.errors import ManifestError, StorageError
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.manifest.document import CatalogueSettings, load_manifest
from cinelake.storage.content import fingerprint
from cinelake.storage.objects import FilmStore

__all__ = ["store"]


def put(store: FolderStore, *names: str) -> None:
    for name in names:
        path = store.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 1000)


def read(store: FolderStore, films: str) -> Catalogue:
    return read_catalogue(CatalogueSettings(films=films), store.folder)


def read_list(store: FolderStore, *uris: str) -> Catalogue:
    (store.folder / "list.csv").write_text("\n".join(["uri", *uris]))
    return read_catalogue(CatalogueSettings(list="list.csv"), store.folder)


def uris(catalogue: Catalogue) -> list[str]:
    return [film.uri for film in catalogue.films]


def listed(catalogue: Catalogue, tmp_path: Path, *suffixes: str) -> Listing:
    (tmp_path / "lake").mkdir(exist_ok=True)
    return list_films(catalogue, Index(Lake(str(tmp_path / "lake"))), suffixes)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("s3://b/films", ["a.mp4", "b 50%.mkv"]),
        ("s3://b/films/", ["a.mp4", "b 50%.mkv"]),
        ("s3://b/films/*.mp4", ["a.mp4"]),
        ("s3://b/films/[ab]*", ["a.mp4", "b 50%.mkv"]),
        ("s3://b/films/*/c.mp4", ["deep/c.mp4"]),
        ("s3://b/films/**/*.mp4", ["a.mp4", "deep/c.mp4"]),
        ("s3://b/films/a.mp4", ["a.mp4"]),
        ("gs://b/films/a.mp4", ["a.mp4"]),
    ],
)
def test_a_place_on_a_store_gives_the_films_that_a_folder_would(
    store: FolderStore, place: str, found: list[str]
) -> None:
    put(store, *(f"b/films/{name}" for name in ("a.mp4", "a.srt", "b 50%.mkv", "deep/c.mp4", ".hidden.mp4")))
    assert uris(read(store, place)) == [f"{place[:5]}b/films/{name}" for name in found]


def test_a_folder_of_a_store_with_brackets_in_its_name_is_found(store: FolderStore) -> None:
    put(store, "b/films [1080p]/a.mp4", "b/films [1080p]/S1/c.mp4")
    assert uris(read(store, "s3://b/films [1080p]/*")) == ["s3://b/films [1080p]/a.mp4"]
    assert len(uris(read(store, "s3://b/films [1080p]/**/*"))) == 2


def test_what_is_no_film_on_a_store_is_skipped_with_its_reason(store: FolderStore) -> None:
    put(store, "b/films/a.mp4", "b/films/a.ac3", "b/films/.b.mp4", "b/films/notes.txt")
    for place in ("s3://b/films", "s3://b/films/*"):
        assert read(store, place).skipped_counts() == {"companion": 1, "hidden": 1, "no_film": 1}


def test_a_film_of_a_store_has_its_address_as_path_and_the_size_that_was_listed(store: FolderStore) -> None:
    put(store, "b/films/Night 1.mp4")
    (film,) = read(store, "s3://b/films/*").films
    assert (film.movie_id, film.title, film.path) == ("night_1", "Night 1", "s3://b/films/Night 1.mp4")
    assert film.look().size == (store.folder / "b/films/Night 1.mp4").stat().st_size


def test_a_place_with_nothing_at_it_is_a_problem_of_the_manifest(store: FolderStore) -> None:
    for place in ("s3://b/none", "s3://b/none/*.mp4", "http://b/films"):
        with pytest.raises(ManifestError, match=r"catalogue.films: .*received"):
            read(store, place)


def test_a_store_that_cannot_be_listed_is_no_empty_catalogue(store: FolderStore) -> None:
    store.on_list = raising("NETWORK_CONNECTION during ListObjectsV2 operation")
    with pytest.raises(StorageError, match=r"the films at s3://b/films/\* cannot be listed.*NETWORK_CONNECTION"):
        read(store, "s3://b/films/*")


def test_a_list_s_films_are_looked_up_by_folder(store: FolderStore) -> None:
    put(store, *(f"b/films/{number}.mp4" for number in range(50)), "b/other/x.mp4")
    catalogue = read_list(store, *(f"s3://b/films/{number}.mp4" for number in range(51)), "s3://b/other/x.mp4")
    assert (len(catalogue.films), store.asked) == (51, {"list": 1, "look": 1})
    assert [(p.movie_id, p.reason, p.line) for p in catalogue.problems] == [("50", "film_missing", 52)]


def test_films_of_a_list_whose_store_is_away_are_problems_and_local_ones_go_on(store: FolderStore) -> None:
    put(store, "here.mp4")
    store.on_list = raising("NETWORK_CONNECTION during ListObjectsV2 operation")
    catalogue = read_list(store, "here.mp4", "s3://b/x.mp4", "s3://b/y.mp4")
    assert uris(catalogue) == ["here.mp4"]
    assert {(p.movie_id, p.reason) for p in catalogue.problems} == {(n, "store_unavailable") for n in "xy"}


def test_credentials_in_an_address_are_refused_and_not_repeated(store: FolderStore) -> None:
    (problem,) = read_list(store, "s3://KEY:S3CRET@b/x.mp4").problems
    assert problem.reason == "bad_row" and "S3CRET" not in f"{problem}"


def test_credentials_in_the_manifest_s_address_are_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "S3CRET")
    text = 'lake: lake\ncatalogue: {films: "s3://KEY:${SECRET}@b/*"}\ntasks: {films: {}}\n'
    (tmp_path / "pipeline.yaml").write_text(text)
    with pytest.raises(ManifestError, match="expected no credentials in films") as refused:
        load_manifest(tmp_path / "pipeline.yaml")
    assert "S3CRET" not in str(refused.value)


@pytest.mark.parametrize("size", [0, 1, 64 * 1024 * 18, 3_000_000])
def test_a_film_has_the_same_fingerprint_on_a_store_and_here(store: FolderStore, size: int) -> None:
    put(store, "b/x")
    path = store.folder / "b/x.mp4"
    path.write_bytes(bytes(i % 251 for i in range(1000)) * (size // 1000) + b"z" * (size % 1000))
    assert FilmStore().fingerprint(str(path)) == FilmStore().fingerprint("s3://b/x.mp4") == fingerprint(path)


def test_an_unchanged_catalogue_is_planned_without_a_request_per_film(store: FolderStore, tmp_path: Path) -> None:
    put(store, *(f"b/films/{number}.mp4" for number in range(20)))
    for path in (store.folder / "b/films").iterdir():
        os.utime(path, (1, 1))
    first = listed(read(store, "s3://b/films/*"), tmp_path)
    assert store.asked == {"list": 1, "open": 20}
    assert listed(read(store, "s3://b/films/*"), tmp_path).fingerprints == first.fingerprints
    assert store.asked == {"list": 2, "open": 20}


def test_a_changed_object_is_read_again(store: FolderStore, tmp_path: Path) -> None:
    put(store, "b/films/a.mp4")
    before = listed(read(store, "s3://b/films/*"), tmp_path).fingerprints
    (store.folder / "b/films/a.mp4").write_bytes(b"another film")
    assert listed(read(store, "s3://b/films/*"), tmp_path).fingerprints != before


def test_subtitles_beside_a_film_on_a_store_are_found_in_the_same_listing(store: FolderStore, tmp_path: Path) -> None:
    put(store, "b/films/a.mp4", "b/films/a.en.srt", "b/films/b.mp4")
    found = listed(read(store, "s3://b/films/*.mp4"), tmp_path, ".srt")
    assert found.beside == {"s3://b/films/a.mp4": ["s3://b/films/a.en.srt"]}
    assert found.sidecars == {"a": {".en.srt": fingerprint(store.folder / "b/films/a.en.srt")}}
    assert store.asked["list"] == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("ACCESS_DENIED during HeadObject operation", "film_refused"),
        ("INVALID_ACCESS_KEY_ID: The key you provided does not exist", "film_refused"),
        ("NETWORK_CONNECTION during HeadObject operation", "store_unavailable"),
        ("SLOW_DOWN during HeadObject operation", "store_unavailable"),
        ("NO_SUCH_KEY during GetObject operation", "film_missing"),
    ],
)
def test_a_film_that_cannot_be_read_is_a_problem_with_its_reason_and_the_others_go_on(
    store: FolderStore, tmp_path: Path, words: str, reason: str
) -> None:
    put(store, "b/films/a.mp4", "b/films/b.mp4")
    store.on_open = lambda path: raising(words)(path) if path.endswith("b.mp4") else None
    catalogue = listed(read(store, "s3://b/films/*"), tmp_path).catalogue
    assert (uris(catalogue), [p.reason for p in catalogue.problems]) == (["s3://b/films/a.mp4"], [reason])


def test_a_store_that_went_away_is_not_asked_for_every_film(store: FolderStore, tmp_path: Path) -> None:
    put(store, *(f"b/films/{number}.mp4" for number in range(500)))
    store.on_open = raising("NETWORK_CONNECTION during HeadObject operation")
    catalogue = listed(read(store, "s3://b/films/*"), tmp_path).catalogue
    assert {p.reason for p in catalogue.problems} == {"store_unavailable"}
    assert (len(catalogue.problems), store.asked["open"] < 100) == (500, True)
