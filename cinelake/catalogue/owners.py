"""Whose tables a lake has under an id: asked only for films whose name could have given them another id."""

from __future__ import annotations

from functools import cached_property

from cinelake.catalogue.names import Named
from cinelake.errors import FilmError
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.storage.content import digest
from cinelake.storage.objects import FilmStore

SAME_CONTENT, SAME_ENTRY = 1, 2


class Owners:
    """The films that a lake's tables were made from, by their footers. The lake is listed at the first question."""

    def __init__(self, lake: Lake, store: FilmStore):
        self._lake, self._store, self._index = lake, store, Index(lake)
        self._fingerprints: dict[str, str] = {}
        self._telling = ""

    def owns(self, film: Named, movie_id: str) -> int:
        """2 where a table of this id was made of the film's very entry in the catalogue, 1 of its content, else 0."""
        entry, made_of = digest([film.title, film.uri]), set()
        # The table that told it of other films is asked first: of thousands of films, one footer each is read.
        for table in sorted(self._tables.get(movie_id, ()), key=lambda name: (name != self._telling, name)):
            footer = self._index.footer(table, movie_id)
            if footer and footer.ingredients.get("inputs", {}).get("catalogue") == entry:
                self._telling = table
                return SAME_ENTRY
            made_of |= {footer.ingredients.get("fingerprint")} if footer else set()
        return SAME_CONTENT if made_of and self._fingerprint(film.path) in made_of else 0

    @cached_property
    def _tables(self) -> dict[str, list[str]]:
        tables: dict[str, list[str]] = {}
        for table in self._lake.tables():
            for name in self._lake.storage.files(table):
                tables.setdefault(name.removesuffix(".parquet"), []).append(table)
        return tables

    def _fingerprint(self, path: str) -> str:
        if path not in self._fingerprints:
            try:
                self._fingerprints[path] = self._store.fingerprint(path)
            except FilmError:
                self._fingerprints[path] = ""
        return self._fingerprints[path]
