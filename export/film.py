"""What exports of one film share: finding it, reading its tables and its pictures' times, writing a file."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from cinelake.catalogue.films import CatalogueFilm, read_catalogue
from cinelake.errors import UnknownName, UsageError
from cinelake.lake.cells import Footer
from cinelake.lake.format import open_known
from cinelake.manifest.document import Manifest
from cinelake.spec.film import SLOWEST_BYTES_PER_S, Probe, limit_deadline
from cinelake.storage.content import fingerprint
from cinelake.storage.files import write_whole
from cinelake.storage.objects import FilmStore, is_remote
from export.timecode import checked_timecode, counted_frames
from export.timeline import ClipSource, checked_reel, timecode_rate

if TYPE_CHECKING:
    from cinelake.media.clock import CountedPictures, FilmClock

TIMECODES = {"auto": None, "drop": True, "non-drop": False}


@dataclass(frozen=True)
class SourceNames:
    """How exports name a film's pictures.

    drop: whether numbers of pictures are dropped; None: as film and rate have it. start_timecode: of the first picture;
    reel: its tape or card; '' for what the film's file says.
    """

    drop: bool | None = None
    start_timecode: str = ""
    reel: str = ""

    @classmethod
    def checked(cls, timecode: str, start_timecode: str, reel: str) -> SourceNames:
        """What a person gives. Raises `UnknownName` for what is not in `TIMECODES`, `UsageError`."""
        if timecode not in TIMECODES:
            raise UnknownName("time code", timecode, TIMECODES)
        drop, start = TIMECODES[timecode], checked_timecode(start_timecode) if start_timecode else ""
        if start and drop is not None:
            start = f"{start[:8]}{';' if drop else ':'}{start[9:]}"
        return cls(drop, start, checked_reel(reel) if reel else "")

    def source(self, film: CatalogueFilm, probed: Probe, clock: FilmClock) -> ClipSource:
        """The film as timelines refer to it. Raises `UsageError` for a start that its rate has not."""
        from cinelake.media.timecode import read_marks

        marks = read_marks(film.path, probed)
        timecode, reel = self.start_timecode or marks.timecode, self.reel or marks.reel
        source = ClipSource.of(film.place, clock, has_sound=probed.audio is not None, timecode=timecode, reel=reel)
        rate, _ = timecode_rate(source)
        if self.start_timecode and counted_frames(timecode, rate) is None:
            raise UsageError(f"--start-timecode {timecode} is no time code of {rate:g} pictures a second")
        return source


MIN_DEADLINE_S, DEADLINE_PER_SECOND = 600.0, 60.0


def find_film(manifest: Manifest, movie_id: str) -> CatalogueFilm:
    """A film of the catalogue, with the manifest's choice of streams. Raises `UnknownName` with close matches."""
    catalogue = read_catalogue(manifest.catalogue, manifest.folder, lake=open_known(manifest.lake.place))
    films = {film.movie_id: film for film in catalogue.films}
    if movie_id not in films:
        raise UnknownName("film", movie_id, films)
    film = films[movie_id]
    choices = film.choices.over(manifest.streams.choices())
    return replace(film, choices=replace(choices, without_bars=False))  # what is cut out keeps its bars


class FilmReader:
    """Reads the lake's tables of one film, each checked to be made from the film's present file."""

    def __init__(self, manifest: Manifest, film: CatalogueFilm):
        self.manifest, self.film = manifest, film
        self.lake = open_known(manifest.lake.place)
        self.fingerprint = fingerprint_of(manifest, film)

    def read(self, task: str) -> pa.Table:
        """The table that a task makes. Raises `UsageError` where it is missing, or was made of another file."""
        name, footer = self._found(task)
        made_of = footer.ingredients.get("fingerprint", self.fingerprint)
        if made_of != self.fingerprint:
            raise UsageError(f"{name} of {self.film.movie_id} was made of another file: `cinelake run` renews it")
        return self.lake.reader(name, self.film.movie_id).read()

    def footer(self, task: str) -> Footer:
        """The provenance of the table that a task makes. Raises `UsageError` where it is missing."""
        return self._found(task)[1]

    def _found(self, task: str) -> tuple[str, Footer]:
        for name in dict.fromkeys([task, *(n for n, entry in self.manifest.tasks.items() if entry.task == task)]):
            footer = self.lake.footer(name, self.film.movie_id)
            if footer is not None:
                return name, footer
        raise UsageError(
            f"the lake has no table {task!r} of {self.film.movie_id}: name the task {task!r} in the manifest and "
            f"`cinelake run --movie {self.film.movie_id}`"
        )

    def counted(self) -> CountedPictures:
        """What the lake's tables of this file know of its pictures: how many there are, the digest of their times."""
        from cinelake.media.clock import CountedPictures

        found = [self.lake.footer(name, self.film.movie_id) for name in self.manifest.tasks]
        runs = [each.run for each in found if each and each.ingredients.get("fingerprint") == self.fingerprint]
        times = next(filter(None, (run.get("decode", {}).get("picture_times") for run in runs)), "")
        for task, column in (("films", "frame_count"), ("shots", "end_frame")):
            with contextlib.suppress(UsageError, KeyError):
                return CountedPictures(max(self.read(task)[column].to_pylist(), default=0) or None, times)
        return CountedPictures(None, times)

    def tags(self, wanted: Sequence[str]) -> pa.Table:
        """The table of tags. Raises `UsageError` where it is missing; it says where people's labels have the wanted."""
        from cinelake.labels.store import label_sets

        try:
            return self.read("tag_shots")
        except UsageError as error:
            for name in label_sets(Path(self.manifest.labels)):
                rows = self.labels_of_all(name)
                if "tag" in rows.column_names and {*wanted} & {*rows["tag"].to_pylist()}:
                    raise UsageError(f"{error}; or take the tags that people gave, by `--labels {name}`") from error
            raise

    def labels(self, name: str) -> pa.Table:
        """The rows of a set of people's labels that are this film's."""
        import pyarrow.compute as pc

        rows = self.labels_of_all(name)
        return rows.filter(pc.equal(rows["movie_id"], self.film.movie_id))

    def labels_of_all(self, name: str) -> pa.Table:
        """The rows of a set of people's labels, whatever their film."""
        from cinelake.labels.store import stored_labels

        return stored_labels(Path(self.manifest.labels), name)


def fingerprint_of(manifest: Manifest, film: CatalogueFilm) -> str:
    """The film's fingerprint as it is now. Raises `FilmMissing`, and what a store that does not answer raises."""
    if is_remote(film.path):
        return FilmStore(manifest.catalogue.place).fingerprint(film.path)
    return fingerprint(film.path)


def deadline_of(probed: Probe, size_bytes: int) -> float:
    """Seconds after which reading or cutting a film counts as stuck, by its length, or by what its size could hold."""
    length_s = probed.duration_s if probed.duration_s is not None else size_bytes / SLOWEST_BYTES_PER_S
    return limit_deadline(DEADLINE_PER_SECOND * length_s, MIN_DEADLINE_S)


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file that appears whole or not at all. Raises `UsageError`."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
