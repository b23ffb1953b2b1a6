"""The films that may be labelled: those of the catalogue and those in the lake, and how long they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow.compute as pc

from cinelake.catalogue.films import CatalogueFilm, read_catalogue
from cinelake.errors import InputChanged
from cinelake.labels.checks import FilmFacts
from cinelake.lake.cells import Lake
from cinelake.manifest.document import Manifest


class KnownFilms(Mapping[str, FilmFacts]):
    """movie_id → facts. What the lake holds is listed at once; a film's facts are read when they are asked for.

    others: films that neither the catalogue nor the lake knows (imported images), and their facts.
    """

    def __init__(self, manifest: Manifest, others: Mapping[str, FilmFacts] | None = None):
        self.lake = Lake(manifest.lake.place)
        self.catalogue: tuple[CatalogueFilm, ...] = read_catalogue(manifest.catalogue, manifest.folder).films
        self._films, self._shots = (_entries(manifest, task) for task in ("films", "shots"))
        self._cells = {
            table: {name.removesuffix(".parquet") for name in self.lake.storage.files(table)}
            for table in self.lake.tables()
        }
        self._names = {film.movie_id for film in self.catalogue}.union(others or (), *self._cells.values())
        self._facts: dict[str, FilmFacts] = dict(others or {})

    def __contains__(self, movie_id: object) -> bool:
        return movie_id in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, movie_id: str) -> FilmFacts:
        if movie_id not in self._names:
            raise KeyError(movie_id)
        if movie_id not in self._facts:
            self._facts[movie_id] = self._read(movie_id)
        return self._facts[movie_id]

    def _read(self, movie_id: str) -> FilmFacts:
        """Its length is what the file says, or the end of its last shot where that is later or the file says none."""
        lengths = self._column(self._films, movie_id, "duration_s")
        ends = self._column(self._shots, movie_id, "end_s")
        known = [length for length in (*lengths, *ends) if length is not None]
        return FilmFacts(
            duration_s=max(known, default=None),
            shots=len(ends) or None,
            in_lake=any(movie_id in cells for cells in self._cells.values()),
        )

    def _column(self, tables: list[str], movie_id: str, column: str) -> list[float | None]:
        """A column of the first of these tables that holds the film; nothing where none does."""
        for table in tables:
            if movie_id in self._cells.get(table, ()):
                try:
                    found = self.lake.reader(table, movie_id).read([column])[column]
                except InputChanged:
                    return []  # a damaged cell: the next run makes it again
                values: list[float | None] = pc.cast(found, "float64").to_pylist()
                return values
        return []


def _entries(manifest: Manifest, task: str) -> list[str]:
    """The tables that a task makes, that of its own name first: it may have come from elsewhere than the manifest."""
    return list(dict.fromkeys([task, *(name for name, entry in manifest.tasks.items() if entry.task == task)]))
