"""The films that may be labelled: those of the catalogue and those in the lake, and how long they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow.compute as pc

from cinelake.catalogue.films import CatalogueFilm, read_catalogue
from cinelake.errors import InputChanged
from cinelake.labels.film_facts import FilmFacts
from cinelake.lake.format import open_known
from cinelake.manifest.document import Manifest
from cinelake.spec.roles import FilmLength, Shots
from cinelake.spec.task import tasks_with


class KnownFilms(Mapping[str, FilmFacts]):
    """movie_id → facts. What the lake holds is listed at once; a film's facts are read on first access.

    others: films that neither the catalogue nor the lake knows (imported images), and their facts.
    """

    def __init__(self, manifest: Manifest, others: Mapping[str, FilmFacts] | None = None):
        self.lake = open_known(manifest.lake.place)
        listed = read_catalogue(manifest.catalogue, manifest.folder, lake=self.lake)
        self.catalogue: tuple[CatalogueFilm, ...] = listed.films
        lengths = tasks_with(FilmLength)
        self._lengths = _columns(manifest, {task: role.column for task, role in lengths.items()})
        self._rates = _columns(manifest, {task: role.fps for task, role in lengths.items() if role.fps})
        self._widths = _columns(manifest, {task: role.width for task, role in lengths.items() if role.width})
        self._varying = _columns(manifest, {task: role.varies for task, role in lengths.items() if role.varies})
        self._heights = _columns(manifest, {task: role.height for task, role in lengths.items() if role.height})
        self._shot_starts = _columns(manifest, {task: role.start_s for task, role in tasks_with(Shots).items()})
        self._shot_ends = _columns(manifest, {task: role.end_s for task, role in tasks_with(Shots).items()})
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
        """Its length is that of the file, or the end of its last shot where that is later or the file has none."""
        lengths = self._column(self._lengths, movie_id)
        ends = self._column(self._shot_ends, movie_id)
        known = [length for length in (*lengths, *ends) if length is not None]
        rate, width, height = (self._first(c, movie_id) for c in (self._rates, self._widths, self._heights))
        return FilmFacts(
            duration_s=max(known, default=None),
            shots=len(ends) or None,
            in_lake=any(movie_id in cells for cells in self._cells.values()),
            fps=rate or None,
            first_s=self._first(self._shot_starts, movie_id) or 0.0,
            width=int(width) if width else None,
            height=int(height) if height else None,
            varies=bool(self._first(self._varying, movie_id)),
        )

    def _first(self, columns: Mapping[str, str], movie_id: str) -> float | None:
        """The first value of a column; None where there is none."""
        return next(iter(self._column(columns, movie_id)), None)

    def _column(self, columns: Mapping[str, str], movie_id: str) -> list[float | None]:
        """The column of the first of these tables that holds the film; empty where none does."""
        for table, column in columns.items():
            if movie_id in self._cells.get(table, ()):
                try:
                    stored = self.lake.reader(table, movie_id).read([column])[column]
                except InputChanged:
                    return []  # a damaged cell: the next run makes it again
                values: list[float | None] = pc.cast(stored, "float64").to_pylist()
                return values
        return []


def _columns(manifest: Manifest, of_tasks: Mapping[str, str]) -> dict[str, str]:
    """Table → column, for the column of each task: first the table of the task's own name, which may have come from
    elsewhere than the manifest, then those of the manifest's entries."""
    entries = {name: of_tasks[entry.task] for name, entry in manifest.tasks.items() if entry.task in of_tasks}
    return {**of_tasks, **entries}
