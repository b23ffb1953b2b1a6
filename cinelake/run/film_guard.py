"""The film's file while it is worked on: is it there, and is it still the one that was begun?"""

from __future__ import annotations

from pathlib import Path

from cinelake.errors import FilmMissing, InputChanged
from cinelake.spec.task import Film
from cinelake.storage.content import fingerprint

FileStamp = tuple[int, int]
"""Size and modification time (ns)."""


def stamp_film(film: Film) -> FileStamp:
    """The stamp of the film's file. Raises `FilmMissing` when it cannot be opened."""
    try:
        with Path(film.path).open("rb"):
            stat = Path(film.path).stat()
    except OSError as error:
        raise FilmMissing(f"{film.uri or film.path}: {error.strerror or error}. Was it moved?") from error
    return stat.st_size, stat.st_mtime_ns


def check_as_planned(film: Film) -> None:
    """Raise `InputChanged` when the film's content is not what the plan saw."""
    if fingerprint(film.path) != film.fingerprint:
        raise InputChanged(f"{film.uri or film.path} was replaced after the run was planned")


def check_unchanged(film: Film, before: FileStamp) -> None:
    """Raise `InputChanged` when the film's file is not the one whose decoding began."""
    if stamp_film(film) != before:
        raise InputChanged(f"{film.uri or film.path} changed while it was decoded")
