"""The folder of films that were looked at: a small project of its own, with a manifest that a person may go on with.

FOLDER/pipeline.yaml    the manifest; written once, and then the person's
FOLDER/films.csv        the films that were looked at so far, with paths relative to the folder
FOLDER/lake/            the tables
FOLDER/site/            the pages
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from cinelake.catalogue.list import read_list
from cinelake.catalogue.names import movie_id_of
from cinelake.errors import FilmError, UsageError
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.storage.files import finished_entries, write_whole

MANIFEST = """\
# Written by `cinelake look`, which leaves it as it is from now on: add tables, and `cinelake run` here makes them too.
# `pipeline.yaml` in Cinelake's own folder explains every option.
lake: lake
catalogue: {list: films.csv}
tracking: {enabled: false}              # nothing is recorded in MLflow; a training needs it
tasks:
  films: {}
  shots: {rules: 2}
  frames: {fps: FPS}                      # pictures a second, and the middle of every shot: faces and embeddings
                                        # look at these
  sound: {}
  faces: {}                             # `{identify: false}`: no vectors by which persons are known again
  embeddings: {}
"""
LIST = "films.csv"

PICTURES_A_SECOND = ((5 * 60.0, 1.0), (20 * 60.0, 0.5), (float("inf"), 0.25))
"""Films up to so many seconds are looked at so often: somebody waits, and the middles of shots are there anyway."""


class FilmFolder:
    """A folder of films that are looked at, which need not exist yet."""

    def __init__(self, folder: Path):
        self.folder = folder

    @property
    def manifest(self) -> Path:
        """The manifest's file."""
        return self.folder / "pipeline.yaml"

    @property
    def site(self) -> Path:
        """Where the pages are."""
        return self.folder / "site"

    def add(self, films: Sequence[Path]) -> tuple[Manifest, list[str]]:
        """Have the films in the folder's list; returns its manifest, and their ids in the same order.

        A manifest that is written now has as many pictures a second as the longest of the films asks for.
        Raises `UsageError` where the folder cannot be written, or holds a project with films of its own.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self.manifest.exists():
                if finished_entries(self.folder):
                    raise UsageError(f"{self.folder} holds something else: name another folder with --out")
                text = MANIFEST.replace("FPS", f"{pictures_a_second(map(length_s, films)):g}")
                write_whole(self.manifest, text.encode())
            manifest = load_manifest(self.manifest)
            if manifest.catalogue.list is None or Path(manifest.catalogue.list) != Path(LIST):
                raise UsageError(f"{self.manifest} has films of its own: name another folder with --out")
            return manifest, self._listed(films)
        except OSError as error:
            raise UsageError(f"{self.folder} cannot be written: {error.strerror}. Name another with --out") from error

    def _listed(self, films: Sequence[Path]) -> list[str]:
        """The films' ids, once all of them are in the list."""
        place = self.folder / LIST
        rows = {row.uri: row.movie_id for row in read_list(place).rows} if place.exists() else {}
        known = dict(rows)
        for film in films:
            if self._uri(film) not in rows:
                rows[self._uri(film)] = _free_id(movie_id_of(film.name), set(rows.values()))
        if rows != known:
            write_whole(place, _csv(rows).encode())
        return [rows[self._uri(film)] for film in films]

    def _uri(self, film: Path) -> str:
        """A film's path as it stands in the list: relative, so that film and folder can be moved together."""
        path = os.path.relpath(film.absolute(), self.folder.absolute())
        return path if path == path.strip() and path.isprintable() else film.absolute().as_uri()


def pictures_a_second(lengths_s: Iterable[float]) -> float:
    """How often films of these lengths are looked at: as the longest one asks for."""
    longest_s = max(lengths_s, default=0.0)
    return next(fps for up_to_s, fps in PICTURES_A_SECOND if longest_s <= up_to_s)


def length_s(film: Path) -> float:
    """A film's length as its file declares it; 0 where it declares none, or is no film, which its step says."""
    from cinelake.media.probe import probe

    try:
        return probe(str(film)).duration_s or 0.0
    except FilmError:
        return 0.0


def _free_id(wanted: str, taken: set[str]) -> str:
    """The wanted id, or with a number behind it where films of other folders have it."""
    if wanted not in taken:
        return wanted
    return next(f"{wanted[:90]}_{n}" for n in range(2, len(taken) + 3) if f"{wanted[:90]}_{n}" not in taken)


def _csv(rows: dict[str, str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("uri", "movie_id"), *rows.items()])
    return text.getvalue()
