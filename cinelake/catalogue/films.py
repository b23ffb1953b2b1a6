"""The catalogue: which films there are, and what is wrong with the rest.

A folder, a glob or a list yields films with a `movie_id` each; a film that cannot run is a `CatalogueProblem`
and the others go on. Reading queries the file system for names and kinds only: no film is opened, and the
fingerprint of a film's content is a matter of its own. On an object store, that is a request per thousand films.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from cinelake.catalogue.bucket import films_at
from cinelake.catalogue.folder import files_at
from cinelake.catalogue.list import ListRow, read_list
from cinelake.catalogue.names import ID_LENGTH, Named, Owners, is_movie_id, name_films, title_of
from cinelake.catalogue.sidecars import Skipped
from cinelake.errors import FilmError, ManifestError, Problem, StorageError
from cinelake.lake.cells import Lake
from cinelake.spec.streams import NO_CHOICES, StreamChoices
from cinelake.storage.content import printable
from cinelake.storage.objects import FilmStore, holds_credentials, is_remote
from cinelake.storage.store import FileStat

if TYPE_CHECKING:
    from cinelake.manifest.films import CatalogueSettings

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://|file:/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CatalogueFilm:
    """A film that can run. `uri`: as the catalogue shows it; `group`: its series.

    path: local and absolute, or the address of a film on an object store, which then has a `stamp`: its size and time
    as the store lists them. line: the film's line in the list; 0 without a list. choices: the list's, of its streams.
    accept: what can be read of it is wanted, damaged or not. accept_colours: a person has named it as one to accept, so
    that its pictures are wanted too where their colours come out wrong; `on_damage` says nothing of those.
    """

    movie_id: str
    path: str
    uri: str
    title: str
    group: str = ""
    line: int = 0
    stamp: FileStat | None = None
    choices: StreamChoices = NO_CHOICES
    accept: bool = False
    accept_colours: bool = False

    @property
    def place(self) -> str:
        """Where the film is stored, whatever copy of it is at `path`."""
        return self.uri if self.stamp else self.path

    def look(self) -> FileStat:
        """Size and time: as the store listed them, or as the file has them now; zeros where there is no file."""
        if self.stamp:
            return self.stamp
        try:
            stat = os.stat(self.path)  # noqa: PTH116 (10,000 of them)
        except OSError:
            return FileStat(0, 0)
        return FileStat(stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class CatalogueProblem:
    """What keeps films from running.

    reason: `movie_id_clash`, `bad_row`; where a film cannot be read: `film_missing`, and of a store `film_refused`,
    `store_unavailable`; of `duplicates`: `same_content`.
    movie_id: the film's; `list_row_7` for a row of a list (line 7) that has none. line: of the list; 0 elsewhere.
    """

    movie_id: str
    reason: str
    message: str
    uris: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class Catalogue:
    """The films that can run, by `movie_id`, and the problems of the others.

    warnings: sentences about the whole catalogue. skipped: every other file of the place, with its reason.
    store: the object stores that its films are on, with what they have listed.
    """

    films: tuple[CatalogueFilm, ...]
    problems: tuple[CatalogueProblem, ...] = ()
    warnings: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    store: FilmStore = field(default_factory=FilmStore, compare=False, repr=False)

    def skipped_counts(self) -> dict[str, int]:
        """Reason → number of files that were skipped for it."""
        return dict(sorted(Counter(file.reason for file in self.skipped).items()))


def read_catalogue(
    settings: CatalogueSettings, base: Path, only: str | None = None, lake: Lake | None = None
) -> Catalogue:
    """The catalogue that a manifest in the folder `base` describes.

    only: of a glob, only the files with this `movie_id` are examined, unless there are none. lake: asked whose tables
    it has where a film's name could give it several ids: it keeps the one that it has.
    Raises `ManifestError` if the folder is missing or the list cannot be read.
    """
    catalogue = _read(settings, base, only, lake)
    named, keep = set(settings.accept), settings.on_damage == "keep"
    films = (film if film.movie_id not in named else replace(film, accept_colours=True) for film in catalogue.films)
    accepted = tuple(replace(film, accept=keep or film.accept_colours) for film in films)
    return replace(catalogue, films=accepted) if named or keep else catalogue


def _read(settings: CatalogueSettings, base: Path, only: str | None, lake: Lake | None) -> Catalogue:
    store = FilmStore(settings.place)
    owners = Owners(lake, store) if lake else None
    if settings.list is not None:
        listed = read_list(base / settings.list)
        films, problems = _in_list(listed.rows, (base / settings.list).parent)
        named, told = _named(films, owners)
        empty = [] if listed.rows else [f"no film in the list {str(settings.list)!r}: it has no row"]
        return _catalogue(named, problems, [*empty, *listed.told, *told], store)
    films, skipped, empty = _at_places(settings.films, base, only, store)
    named, told = _named(films, owners)
    return _catalogue(named, [], [*empty, *told], store, tuple(skipped))


def _at_places(
    places: Sequence[str], base: Path, only: str | None, store: FilmStore
) -> tuple[list[CatalogueFilm], list[Skipped], list[str]]:
    """The films at all places, each once; what no place takes for a film; a sentence on each place without films.

    Raises `ManifestError` with what is wrong with any of them.
    """
    films: dict[str, CatalogueFilm] = {}
    skipped: dict[str, Skipped] = {}
    empty, problems = list[str](), list[Problem]()
    for place in places:
        try:
            found, others = _at_place(place, base, only, store)
        except ManifestError as error:
            problems += error.problems
            continue
        films |= {film.path: film for film in found}
        skipped |= {file.uri: file for file in others}
        empty += [] if found else [f"no film in {place!r} (from {base}), {len(others)} other files"]
    if problems:
        raise ManifestError(problems)
    shown_from = f"{base.absolute()}/"
    left = [replace(s, uri=printable(s.uri.removeprefix(shown_from))) for s in skipped.values() if s.uri not in films]
    return list(films.values()), sorted(left), empty


def _at_place(place: str, base: Path, only: str | None, store: FilmStore) -> tuple[list[CatalogueFilm], list[Skipped]]:
    if _SCHEME.match(place):
        stamps, skipped = _on_store(place, store)
        return [replace(_film_at(uri, ""), stamp=stamp) for uri, stamp in stamps.items()], skipped
    paths, skipped = files_at(place, base, only)
    return [_film_at(path, f"{base.absolute()}/") for path in paths], skipped


def _on_store(place: str, store: FilmStore) -> tuple[dict[str, FileStat], list[Skipped]]:
    """The films at an address. Raises `ManifestError`; `StorageError` when the store cannot be listed."""
    if not is_remote(place):
        message = f"expected a folder, a glob, s3://BUCKET/… or gs://BUCKET/…, received {place!r}"
        raise ManifestError([Problem("", 0, "catalogue.films", message)])
    try:
        return films_at(place, store)
    except FilmError as error:
        raise StorageError(f"the films at {place} cannot be listed: {error}") from error


def _named(films: list[CatalogueFilm], owners: Owners | None) -> tuple[list[CatalogueFilm], list[str]]:
    """The films with their ids, those of a list unchanged, and sentences about films that were told apart."""
    unnamed = [film for film in films if not film.movie_id]
    taken = frozenset(film.movie_id for film in films if film.movie_id)
    wanted = [Named(_name_of(film), film.path, film.uri, film.title) for film in unnamed]
    names = name_films(wanted, taken, owners.owns if owners else None)
    ids = iter(names.ids)
    return [film if film.movie_id else replace(film, movie_id=next(ids)) for film in films], names.told


def _name_of(film: CatalogueFilm) -> str:
    """The name of a film's file as it is on disk: bytes that are not UTF-8 are not replaced."""
    return film.path.rpartition("/")[2] or film.path


def duplicates(films: Iterable[CatalogueFilm], fingerprints: Mapping[str, str]) -> tuple[CatalogueProblem, ...]:
    """Warnings about films with the same content under several ids (all of them run).

    fingerprints: by `movie_id`; films without one are left out.
    """
    groups: dict[str, list[CatalogueFilm]] = {}
    for film in films:
        if film.movie_id in fingerprints:
            groups.setdefault(fingerprints[film.movie_id], []).append(film)
    problems = []
    for same in (group for group in groups.values() if len(group) > 1):
        names, uris = ", ".join(film.movie_id for film in same), tuple(film.uri for film in same)
        message = f"the same content under {len(same)} ids: {names}. Each runs; drop all but one to save the work"
        problems.append(CatalogueProblem(same[0].movie_id, "same_content", message, uris))
    return tuple(problems)


def _catalogue(
    films: list[CatalogueFilm],
    problems: list[CatalogueProblem],
    warnings: list[str],
    store: FilmStore,
    skipped: tuple[Skipped, ...] = (),
) -> Catalogue:
    """The films that can run; clashes of ids and missing files become problems."""
    by_id: dict[str, list[CatalogueFilm]] = {}
    for film in films:
        by_id.setdefault(film.movie_id, []).append(film)
    clashes = [_clash(movie_id, group) for movie_id, group in by_id.items() if len(group) > 1]
    alone = [group[0] for group in by_id.values() if len(group) == 1]
    answers = store.look(film.path for film in alone if is_remote(film.path) and film.stamp is None)
    alone = [replace(f, stamp=stamp) if isinstance(stamp := answers.get(f.path), FileStat) else f for f in alone]
    absent = [problem for film in alone if (problem := _absence(film, answers.get(film.path)))]
    out = {problem.movie_id for problem in absent}
    return Catalogue(
        films=tuple(sorted((f for f in alone if f.movie_id not in out), key=lambda film: film.movie_id)),
        problems=tuple(sorted([*problems, *clashes, *absent], key=lambda problem: (problem.movie_id, problem.line))),
        warnings=tuple(warnings),
        skipped=skipped,
        store=store,
    )


def _clash(movie_id: str, films: list[CatalogueFilm]) -> CatalogueProblem:
    some = ", ".join(f"{film.uri!r}{_of_list(film.line, ' ({})')}" for film in films[:5])
    message = f"{len(films)} films have the id {movie_id!r}, none of them runs: {some}{' …' if len(films) > 5 else ''}"
    if len({os.path.normpath(film.path) for film in films}) == 1:
        message += ". They are one film: leave it in one line, or give each line a movie_id of its own"
    else:
        message += ". Rename files, or give a list with a movie_id for each"
    return CatalogueProblem(movie_id, "movie_id_clash", message, tuple(f.uri for f in films), films[0].line)


def _of_list(line: int, form: str) -> str:
    return form.format(f"line {line} of the list") if line else ""


def _absence(film: CatalogueFilm, answer: FileStat | FilmError | None) -> CatalogueProblem | None:
    """What keeps the step from reading the film, or None. `answer`: its store's, for a film on an object store."""
    line = _of_list(film.line, "{}: ")
    if isinstance(answer, FilmError):
        return CatalogueProblem(film.movie_id, answer.reason, f"{line}{answer}", (film.uri,), film.line)
    why = "" if is_remote(film.path) else _why_missing(film.path)
    message = f"{line}{film.uri!r}: {why}{_spelled_otherwise(film.uri) if film.line else ''}"
    return CatalogueProblem(film.movie_id, "film_missing", message, (film.uri,), film.line) if why else None


def _spelled_otherwise(uri: str) -> str:
    """What of a path in a list is not read as its writer may mean it."""
    if uri.startswith("~"):
        return "; ~ is no folder here: write the whole path"
    return "; folders are parted by /, and drives have no letters here" if "\\" in uri else ""


def _why_missing(path: str) -> str:
    """Why a film's file cannot be worked on; empty if it can."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 (10,000 of them)
    except OSError as error:
        broken = os.path.islink(path)  # noqa: PTH114 (10,000 of them)
        return "the link's target is not there" if broken else f"the file is not there ({error.strerror})"
    if not stat.S_ISREG(mode):
        return "this is a folder" if stat.S_ISDIR(mode) else "this is no regular file"
    return "" if os.access(path, os.R_OK) else "the file cannot be read (permission denied)"


# --- lists


def _in_list(rows: list[ListRow], base: Path) -> tuple[list[CatalogueFilm], list[CatalogueProblem]]:
    films: list[CatalogueFilm] = []
    problems: list[CatalogueProblem] = []
    for row in rows:
        made = _film_of_row(row, base)
        if isinstance(made, CatalogueFilm):
            films.append(made)
        else:
            problems.append(made)
    return films, problems


def _film_of_row(row: ListRow, base: Path) -> CatalogueFilm | CatalogueProblem:
    """The film of a row, or what is wrong with the row."""
    if row.wrong:
        return _bad_row(row, row.wrong)
    if row.movie_id and not is_movie_id(row.movie_id):
        rule = f"expected a movie_id of a-z, 0-9 and _, at most {ID_LENGTH} characters, received {row.movie_id[:120]!r}"
        return _bad_row(row, rule)
    if holds_credentials(row.uri):
        return _bad_row(replace(row, uri=""), "credentials do not stand in a uri: the environment holds them")
    path = _path_of(row.uri, base)
    if not path:
        return _bad_row(row, f"expected a path, file://, s3:// or gs://, received {row.uri[:120]!r}")
    name = path if _SCHEME.match(row.uri) else row.uri
    return CatalogueFilm(
        movie_id=row.movie_id,
        path=path,
        uri=row.uri,
        title=row.title or title_of(name),
        group=row.group,
        line=row.line,
        choices=row.choices(),
        accept=row.accept,
        accept_colours=row.accept,
    )


def _bad_row(row: ListRow, why: str) -> CatalogueProblem:
    movie_id = row.movie_id if is_movie_id(row.movie_id) else f"list_row_{row.line}"
    message = f"line {row.line} of the list: {why}"
    return CatalogueProblem(movie_id, "bad_row", message, (row.uri,) if row.uri else (), row.line)


def _path_of(uri: str, base: Path) -> str:
    """The local path of a film's URI, or its address on an object store; empty if it is elsewhere."""
    scheme = _SCHEME.match(uri)
    if not scheme:
        return _as_it_is_there(uri, base)
    if is_remote(uri):
        return uri
    parts = urlsplit(uri)
    is_local = scheme[0].lower().startswith("file:") and parts.netloc in {"", "localhost"}
    return unquote(parts.path) if is_local else ""


def _as_it_is_there(name: str, base: Path) -> str:
    """The path of a file; with its accents composed, or decomposed, where only so it is there.

    A list may come from another system than the films do.
    """
    forms = [name] if name.isascii() else [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]
    paths = [str((base / form).absolute()) for form in forms]
    return next((path for path in paths if len(paths) > 1 and os.path.lexists(path)), paths[0])


def _film_at(path: str, base: str) -> CatalogueFilm:
    """A film that has no id yet."""
    return CatalogueFilm("", path, printable(path.removeprefix(base)), title_of(path.rpartition("/")[2]))
