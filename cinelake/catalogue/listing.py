"""What a plan knows of the films before any is opened by a step: their fingerprints, the files beside them, and whether
there are as many as there ought to be: a share that is not mounted looks like an empty folder.

Films and files of an object store are identified by their size and time in a listing, so that an unchanged catalogue is
planned without a request per film; those that are new or changed are read by ranges, several at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cinelake.catalogue.films import Catalogue, CatalogueProblem
from cinelake.catalogue.sidecars import names_here, sidecar_name, sidecars_of
from cinelake.errors import CatalogueShrunk, FilmError
from cinelake.lake.index import Index
from cinelake.storage.content import fingerprint
from cinelake.storage.objects import FilmStore, is_remote
from cinelake.storage.store import FileStat

if TYPE_CHECKING:
    from cinelake.manifest.films import CatalogueSettings

Beside = Mapping[str, list[str]]
"""Film's path → paths of the files beside it that its tables read."""
TOLD_LOSS = 0.2
"""A loss of more than this share of the lake's films is told, whatever the manifest says."""
SHOWN = 5
"""So many of the lost films are named."""


@dataclass(frozen=True)
class Listing:
    """A catalogue without the films that could be listed but not read; their fingerprints by `movie_id`.

    sidecars: movie_id → what a file's name adds to the film's → its fingerprint.
    """

    catalogue: Catalogue
    fingerprints: dict[str, str]
    beside: Beside
    sidecars: dict[str, dict[str, str]]


def list_films(catalogue: Catalogue, index: Index, suffixes: Sequence[str]) -> Listing:
    """Fingerprint a catalogue's films, and the files beside them that end with one of these suffixes."""
    why: dict[str, FilmError] = {}
    stamps = {film.path: film.stamp for film in catalogue.films if film.stamp}
    fingerprints = _fingerprints(catalogue.store, index, (film.path for film in catalogue.films), stamps, why)
    readable = _without_vanished(catalogue, fingerprints, why)
    beside = _beside(readable, suffixes) if suffixes else {}
    return Listing(
        readable,
        {film.movie_id: fingerprints[film.path] for film in readable.films},
        beside,
        _sidecars(readable, beside, index),
    )


def _fingerprints(
    store: FilmStore, index: Index, paths: Iterable[str], stamps: Mapping[str, FileStat], why: dict[str, FilmError]
) -> dict[str, str]:
    """Path → fingerprint; what could not be read is in `why`."""
    kept = list(paths)
    remote = [path for path in kept if is_remote(path)]
    here = kept if not remote else [path for path in kept if not is_remote(path)]
    local = index.fingerprints(here, _keeping_errors(fingerprint, why)) if here else {}
    return local | index.fingerprints(remote, _keeping_errors(store.fingerprint, why), stamps) if remote else local


def _keeping_errors(make: Callable[[str], str], why: dict[str, FilmError]) -> Callable[[str], str]:
    """The same function; the errors that it raises are kept in `why` too."""

    def fingerprint_of(path: str) -> str:
        try:
            return make(path)
        except FilmError as error:
            why[path] = error
            raise

    return fingerprint_of


def _without_vanished(catalogue: Catalogue, fingerprints: Mapping[str, str], why: Mapping[str, FilmError]) -> Catalogue:
    """A film that could be listed but not read becomes a problem of the catalogue."""
    films = tuple(film for film in catalogue.films if film.path in fingerprints)
    problems = []
    for film in catalogue.films:
        if film.path not in fingerprints:
            reason = why[film.path].reason if film.path in why else "film_missing"
            words = str(why[film.path]) if is_remote(film.path) and film.path in why else f"{film.uri} cannot be read"
            problems.append(CatalogueProblem(film.movie_id, reason, words, (film.uri,)))
    return replace(catalogue, films=films, problems=(*catalogue.problems, *problems))


def _beside(catalogue: Catalogue, suffixes: Sequence[str]) -> Beside:
    def names(folder: str) -> Iterable[str]:
        if not is_remote(folder):
            return names_here(folder)
        return [uri.rpartition("/")[2] for uri in catalogue.store.in_folder(folder)]

    return sidecars_of((film.path for film in catalogue.films), suffixes, names)


def _sidecars(catalogue: Catalogue, beside: Beside, index: Index) -> dict[str, dict[str, str]]:
    files = [file for files_of_film in beside.values() for file in files_of_film]
    stamps = {
        uri: stamp
        for folder in {file.rpartition("/")[0] for file in files if is_remote(file)}
        for uri, stamp in catalogue.store.in_folder(folder).items()
    }
    fingerprints = _fingerprints(catalogue.store, index, files, stamps, {})
    return {
        film.movie_id: {
            sidecar_name(film.path, file): fingerprints[file] for file in beside[film.path] if file in fingerprints
        }
        for film in catalogue.films
        if film.path in beside
    }


def check_enough(settings: CatalogueSettings, films: int) -> None:
    """Raises `CatalogueShrunk` where fewer films are listed than the manifest expects."""
    if films < settings.fewest_films:
        raise CatalogueShrunk(
            f"the catalogue has {films} films, and catalogue.fewest_films is {settings.fewest_films}: is "
            f"{settings.where} mounted and whole? Nothing was done"
        )


def loss_of(settings: CatalogueSettings, in_lake: Collection[str], lost: Collection[str]) -> str:
    """What to warn of where many films of the lake can no longer be read; empty where few are.

    in_lake: films with tables. lost: those of them that the catalogue does not list, or whose file is not there.
    Raises `CatalogueShrunk` where they are more than the share that the manifest allows.
    """
    share = len(lost) / len(in_lake) if in_lake else 0.0
    named = ", ".join(sorted(lost)[:SHOWN]) + (" …" if len(lost) > SHOWN else "")
    words = f"{len(lost)} of the {len(in_lake)} films that the lake has tables of are not in the catalogue ({named})"
    if settings.most_lost is not None and share > settings.most_lost:
        raise CatalogueShrunk(
            f"{words}, and catalogue.most_lost is {settings.most_lost:g}: is {settings.where} mounted and whole? "
            "Nothing was done. If they were taken out on purpose, raise it for `cinelake gc`"
        )
    return f"{words}: is {settings.where} mounted and whole?" if share > TOLD_LOSS else ""
