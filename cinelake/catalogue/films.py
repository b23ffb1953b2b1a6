"""The catalogue: which films there are, and what is wrong with the rest.

A folder, a glob or a list yields films with a `movie_id` each; a film that cannot run is a `CatalogueProblem`
and the others go on. Reading queries the file system for names and kinds only: no film is opened, and the
fingerprint of a film's content is a matter of its own. On an object store, that is a request per thousand films.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from cinelake.catalogue.bucket import films_at
from cinelake.catalogue.list import ListRow, read_list
from cinelake.catalogue.sidecars import SIDECARS, suffix_of, without_sidecars
from cinelake.errors import FilmError, ManifestError, Problem, StorageError
from cinelake.storage.content import printable
from cinelake.storage.objects import FilmStore, holds_credentials, is_remote
from cinelake.storage.store import FileStat

if TYPE_CHECKING:
    from cinelake.manifest.places import CatalogueSettings

ID_LENGTH = 96

_NOT_IN_ID = re.compile(r"[^a-z0-9]+")
_ID = re.compile(rf"[a-z0-9_]{{1,{ID_LENGTH}}}")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CatalogueFilm:
    """A film that can run. `uri`: as the catalogue shows it; `group`: its series.

    path: local and absolute, or the address of a film on an object store, which then has a `stamp`: its size and time
    as the store lists them. line: the film's line in the list; 0 without a list. accept: what can be read of it is
    wanted, damaged or not.
    """

    movie_id: str
    path: str
    uri: str
    title: str
    group: str = ""
    line: int = 0
    stamp: FileStat | None = None
    accept: bool = False

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

    warnings: sentences about the whole catalogue. skipped: sidecars (subtitles, notes, pictures) left out.
    store: the object stores that its films are on, with what they have listed.
    """

    films: tuple[CatalogueFilm, ...]
    problems: tuple[CatalogueProblem, ...] = ()
    warnings: tuple[str, ...] = ()
    skipped: int = 0
    store: FilmStore = field(default_factory=FilmStore, compare=False, repr=False)


def read_catalogue(settings: CatalogueSettings, base: Path, only: str | None = None) -> Catalogue:
    """The catalogue that a manifest in the folder `base` describes.

    only: of a glob, only the files with this `movie_id` are examined, unless there are none.
    Raises `ManifestError` if the folder is missing or the list cannot be read.
    """
    catalogue = _read(settings, base, only)
    wanted = set(settings.accept)
    films = tuple(
        replace(film, accept=True) if settings.on_damage == "keep" or film.movie_id in wanted else film
        for film in catalogue.films
    )
    return replace(catalogue, films=films) if wanted or settings.on_damage == "keep" else catalogue


def _read(settings: CatalogueSettings, base: Path, only: str | None) -> Catalogue:
    store = FilmStore(settings.place)
    if settings.list is not None:
        films, problems = _in_list(base / settings.list)
        return _catalogue(films, problems, [], store)
    place = settings.films or ""
    if _SCHEME.match(place):
        return _on_store(place, store)
    location = base / place
    if location.is_dir():
        paths, skipped = _in_folder(location)
    elif glob.has_magic(place) and not os.path.lexists(location):
        paths, skipped = _matching(place, base, only)
    elif os.path.lexists(location):
        paths, skipped = [str(location.absolute())], 0
    else:
        raise _no_place(place, location)
    shown_from = f"{base.absolute()}/"
    films = [_film_at(path, shown_from) for path in paths]
    warnings = [] if films else [f"no film in {place!r} (from {base}), {skipped} other files"]
    return _catalogue(films, [], warnings, store, skipped)


def _on_store(place: str, store: FilmStore) -> Catalogue:
    """The films at an address. Raises `ManifestError`; `StorageError` when the store cannot be listed."""
    if not is_remote(place):
        message = f"expected a folder, a glob, s3://BUCKET/… or gs://BUCKET/…, received {place!r}"
        raise ManifestError([Problem("", 0, "catalogue.films", message)])
    try:
        present, skipped = films_at(place, store)
    except FilmError as error:
        raise StorageError(f"the films at {place} cannot be listed: {error}") from error
    films = [replace(_film_at(uri, ""), stamp=stamp) for uri, stamp in present.items()]
    return _catalogue(films, [], [] if films else [f"no film in {place!r}, {skipped} other files"], store, skipped)


def movie_id_of(name: str) -> str:
    """The `movie_id` of a file's name: its stem in lower case, all but a-z and 0-9 as `_`, at most 96 characters."""
    return _NOT_IN_ID.sub("_", _stem(name).lower())[:ID_LENGTH] or "_"


def is_movie_id(text: str) -> bool:
    """Whether `text` has the form of a `movie_id`: it is then also a file name that stays in its folder."""
    return _ID.fullmatch(text) is not None


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
    skipped: int = 0,
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
    message = f"{line}{film.uri!r}: {why}"
    return CatalogueProblem(film.movie_id, "film_missing", message, (film.uri,), film.line) if why else None


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


def _in_list(path: Path) -> tuple[list[CatalogueFilm], list[CatalogueProblem]]:
    films: list[CatalogueFilm] = []
    problems: list[CatalogueProblem] = []
    for row in read_list(path):
        made = _film_of_row(row, path.parent)
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
        movie_id=row.movie_id or movie_id_of(name),
        path=path,
        uri=row.uri,
        title=row.title or printable(_stem(name)),
        group=row.group,
        line=row.line,
        accept=row.accept,
    )


def _bad_row(row: ListRow, why: str) -> CatalogueProblem:
    movie_id = row.movie_id if is_movie_id(row.movie_id) else f"list_row_{row.line}"
    message = f"line {row.line} of the list: {why}"
    return CatalogueProblem(movie_id, "bad_row", message, (row.uri,) if row.uri else (), row.line)


def _path_of(uri: str, base: Path) -> str:
    """The local path of a film's URI, or its address on an object store; empty if it is elsewhere."""
    scheme = _SCHEME.match(uri)
    if not scheme:
        return str((base / uri).absolute())
    if is_remote(uri):
        return uri
    parts = urlsplit(uri)
    is_local = scheme[1].lower() == "file" and parts.netloc in {"", "localhost"}
    return unquote(parts.path) if is_local else ""


# --- folders and globs


def _in_folder(folder: Path) -> tuple[list[str], int]:
    """Files of a folder that may be films (broken links too: they are reported), and how many were skipped."""
    paths, skipped = [], 0
    for entry in _scan(folder):
        if entry.name.startswith("."):
            continue
        if not entry.is_file() and not (entry.is_symlink() and not Path(entry.path).exists()):
            continue
        if suffix_of(entry.name) in SIDECARS:
            skipped += 1
        else:
            paths.append(entry.path)
    return sorted(paths), skipped


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder.absolute()) as entries:
            return list(entries)
    except OSError as error:
        message = f"the folder cannot be read: {error.strerror or error}"
        raise ManifestError([Problem(str(folder), 0, "catalogue.films", message)]) from error


def _matching(pattern: str, base: Path, only: str | None) -> tuple[list[str], int]:
    """Files that a glob matches; a sidecar of another match (`night.srt` of `night.mp4`) is skipped."""
    fixed = base.joinpath(*takewhile(lambda part: not glob.has_magic(part), PurePosixPath(pattern).parts))
    if not fixed.is_dir():
        raise _no_place(pattern, fixed)
    names = sorted(set(glob.glob(pattern, root_dir=base, recursive=True)))  # noqa: PTH207 (Path.glob: hidden files)
    names = [name for name in names if movie_id_of(name.rpartition("/")[2]) == only] or names if only else names
    paths = [os.path.join(base.absolute(), name) for name in names]  # noqa: PTH118 (10,000 of them)
    files = [path for path in _each_folder_once(paths) if not _is_other_kind(path)]
    kept = without_sidecars(files)
    return kept, len(files) - len(kept)


def _each_folder_once(paths: list[str]) -> list[str]:
    """The paths without those that reach a folder a second time, through a link (`**` follows links)."""
    reached: dict[str, str] = {}
    for folder in sorted({path.rpartition("/")[0] for path in paths}, key=lambda name: (len(name), name)):
        reached.setdefault(os.path.realpath(folder), folder)
    kept = set(reached.values())
    return [path for path in paths if path.rpartition("/")[0] in kept]


def _is_other_kind(path: str) -> bool:
    """A folder, a pipe, a device: no film. A path that does not exist may be a missing film."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 (10,000 of them)
    except OSError:
        return False


def _no_place(place: str, folder: Path) -> ManifestError:
    message = f"expected a folder, a file or a glob, received {place!r}: there is no {folder}"
    return ManifestError([Problem(str(folder), 0, "catalogue.films", message)])


def _film_at(path: str, base: str) -> CatalogueFilm:
    name = path.rpartition("/")[2]
    return CatalogueFilm(movie_id_of(name), path, printable(path.removeprefix(base)), printable(_stem(name)))


def _stem(name: str) -> str:
    """A name without its suffix, as `PurePosixPath` has it; 10,000 of those would take a fifth of a second."""
    last = name.rstrip("/").rpartition("/")[2]
    dot = last.rfind(".")
    return last[:dot] if 0 < dot < len(last) - 1 else last
