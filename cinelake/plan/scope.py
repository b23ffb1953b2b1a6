"""Which films a run is for: named one by one or in a file, or by the day on which they arrived.

A film's arrival is the time since which its file is what and where it is: the change time of its inode (ctime). Copies
and moves that keep the time of modification still set it, so a film that arrived since a day is never missed; a chmod
or a new link sets it too, so one may be named too many, which costs nothing: what is fresh is not made again. On an
object store it is the time at which the object was written.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cinelake.catalogue.films import CatalogueFilm
from cinelake.catalogue.names import movie_id_of
from cinelake.errors import UsageError, did_you_mean
from cinelake.plan.build import Planning

SHOWN = 10


def restrict(
    planning: Planning,
    selectors: Sequence[str] = (),
    movies: Sequence[str] = (),
    films_from: Path | None = None,
    since: datetime.datetime | None = None,
) -> Planning:
    """The requested part of a plan: these tables, of these films, of those that arrived since a time.

    A time without a zone is meant in this machine's. Raises `UnknownName`, and `UsageError` with every film of the file
    that the catalogue does not have.
    """
    named = [*movies, *(films_of(films_from, planning.films) if films_from else [])]
    part = planning.selected(selectors, named)
    if since is None:
        return part
    since = since.astimezone()
    late = {movie_id for movie_id, film in planning.films.items() if arrived(film) >= since}
    words = f"{part.plan.selection} since {since.isoformat(timespec='minutes')}".strip()
    cells = tuple(cell for cell in part.plan.cells if cell.movie_id in late)
    return replace(part, plan=replace(part.plan, cells=cells, selection=words))


def arrived(film: CatalogueFilm) -> datetime.datetime:
    """When a film arrived; `datetime.min` where its file is missing."""
    if film.stamp:
        return datetime.datetime.fromtimestamp(film.stamp.mtime_ns / 1e9, datetime.UTC)
    try:
        return datetime.datetime.fromtimestamp(Path(film.path).stat().st_ctime, datetime.UTC)
    except OSError:
        return datetime.datetime.min.replace(tzinfo=datetime.UTC)


def films_of(file: Path, known: Mapping[str, CatalogueFilm]) -> list[str]:
    """The films that a file names: one a line, by id, by address or by file name; empty lines and `#` are left out."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the list of films {file} cannot be read: {error}") from error
    words = [(number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1)]
    by_uri = {film.uri: movie_id for movie_id, film in known.items()}
    ids_of = {word: word if word in known else by_uri.get(word, movie_id_of(Path(word).name)) for _, word in words}
    named = [(number, word, ids_of[word]) for number, word in words if word]
    unknown = [(number, word) for number, word, movie_id in named if movie_id not in known]
    if unknown:
        ids = sorted(known)
        shown = [f"  {file}:{line}: unknown film {word!r}{did_you_mean(word, ids)}" for line, word in unknown[:SHOWN]]
        more = [f"  and {len(unknown) - SHOWN} more"] if len(unknown) > SHOWN else []
        raise UsageError("\n".join([f"{len(unknown)} films of the list are not in the catalogue:", *shown, *more]))
    if not named:
        raise UsageError(f"the list of films {file} names none")
    return list(dict.fromkeys(movie_id for _, _, movie_id in named))


def parse_since(text: str) -> datetime.datetime:
    """A day or a time as `2026-11-01` or `2026-11-01T14:30`, in this machine's zone unless it names one."""
    try:
        return datetime.datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise UsageError(f"expected a day or time as 2026-11-01 or 2026-11-01T14:30, received {text!r}") from error
