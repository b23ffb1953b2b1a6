"""What `cinelake supercut` does: reads the spans from the lake, cuts the film, writes the timelines beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.catalogue.films import CatalogueFilm, read_catalogue
from cinelake.errors import UnknownName, UsageError
from cinelake.lake.cells import Lake
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.run.staging import at_hand
from cinelake.search.spans import Span, combined, merged, within
from cinelake.storage.atomic import write_whole
from cinelake.storage.content import fingerprint
from cinelake.storage.objects import FilmStore, is_remote
from cli.screen import duration, out, print_json, table
from export.supercut import appearing, chosen, felt, labelled, numbered, of_beats, ordered, tagged

TIMECODES = {"auto": None, "drop": True, "non-drop": False}
LEAST_DEADLINE_S, DEADLINE_PER_SECOND = 600.0, 60.0
Lists = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Wish:
    """What was asked for; see the options' help."""

    film: str
    output: Path | None = None
    tags: Lists = ()
    scenes: Lists = ()
    beats: Lists = ()
    characters: Lists = ()
    affect: tuple[str, ...] = ()
    either: bool = False
    labels: str = ""
    min_probability: float = 0.5
    order: str = "film"
    max_length_s: float | None = None
    copy: bool = False
    timecode: str = "auto"
    force: bool = False
    dry_run: bool = False


def make_supercut(manifest: Path, wish: Wish, *, as_json: bool) -> int:
    """Make it; gives the exit code."""
    loaded = load_manifest(manifest)
    film = find_film(loaded, wish.film)
    _check(wish, film)
    spans = _spans(wish, FilmTables(loaded, film))
    with at_hand(loaded, film) as here:
        made = _make(wish, here, spans)
    if as_json:
        print_json(made)
    else:
        _tell(made)
    return 0


def find_film(manifest: Manifest, movie_id: str) -> CatalogueFilm:
    """A film of the catalogue. Raises `UnknownName` with close matches."""
    films = {film.movie_id: film for film in read_catalogue(manifest.catalogue, manifest.folder).films}
    if movie_id not in films:
        raise UnknownName("film", movie_id, films)
    return films[movie_id]


def _check(wish: Wish, film: CatalogueFilm) -> None:
    """Everything that can be said before the lake is read."""
    from export.cutting import output_format

    if not (wish.tags or wish.scenes or wish.beats or wish.characters or wish.affect):
        raise UsageError("which part of the film? Give --tags, --scenes, --beats, --character or --affect")
    if wish.timecode not in TIMECODES:
        raise UnknownName("time code", wish.timecode, TIMECODES)
    if wish.max_length_s is not None and wish.max_length_s <= 0:
        raise UsageError(f"--max-length takes seconds, more than 0. Received: {wish.max_length_s:g}")
    ordered([], wish.order)
    if wish.output is None:
        if not wish.dry_run:
            raise UsageError("where to? Say `-o out.mp4` (or --dry-run)")
        return
    output_format(wish.output)
    for path in (wish.output, *_beside(wish.output)):
        if path.exists() and not is_remote(film.path) and path.samefile(film.path):
            raise UsageError(f"{path} is the film itself: it is never written to")
        if path.exists() and not (wish.force or wish.dry_run):
            raise UsageError(f"{path} is there already: another name, or --force to replace it")


def _beside(output: Path) -> tuple[Path, Path]:
    return output.with_suffix(".edl"), output.with_suffix(".otio")


class FilmTables:
    """The lake's tables of one film."""

    def __init__(self, manifest: Manifest, film: CatalogueFilm):
        self.manifest, self.film = manifest, film
        self.lake = Lake(manifest.lake.place)
        self.fingerprint = fingerprint_of(manifest, film)

    def read(self, task: str) -> pa.Table:
        """The table that a task makes. Raises `UsageError` where it is not there, or was made of another file."""
        for name in dict.fromkeys([task, *(n for n, entry in self.manifest.tasks.items() if entry.task == task)]):
            footer = self.lake.footer(name, self.film.movie_id)
            if footer is None:
                continue
            made_of = footer.ingredients.get("fingerprint", self.fingerprint)
            if made_of != self.fingerprint:
                raise UsageError(f"{name} of {self.film.movie_id} was made of another file: `cinelake run` renews it")
            return self.lake.reader(name, self.film.movie_id).read()
        raise UsageError(
            f"the lake has no table {task!r} of {self.film.movie_id}: name the task {task!r} in the manifest and "
            f"`cinelake run --movie {self.film.movie_id}`"
        )

    def labels(self, name: str) -> pa.Table:
        """The rows of a set of people's labels that are this film's."""
        import pyarrow.compute as pc

        from cinelake.labels.store import stored_labels

        rows = stored_labels(Path(self.manifest.labels), name)
        return rows.filter(pc.equal(rows["movie_id"], self.film.movie_id))


def fingerprint_of(manifest: Manifest, film: CatalogueFilm) -> str:
    """The film's fingerprint as it is now. Raises `FilmMissing`, and what a store that cannot be asked does."""
    if is_remote(film.path):
        return FilmStore(manifest.catalogue.place).fingerprint(film.path)
    return fingerprint(film.path)


def _spans(wish: Wish, tables: FilmTables) -> list[Span]:
    """The spans that the selectors give, in the order of the output. Raises `UsageError` where there are none."""
    found = combined([select() for select in _selectors(wish, tables)], either=wish.either)
    if not found:
        raise UsageError(
            f"nothing of {wish.film} carries what was asked for"
            + ("" if wish.either else " at the same time (`--either`: one is enough)")
            + f", with a probability of {wish.min_probability:g} or more"
        )
    return found


def _selectors(wish: Wish, tables: FilmTables) -> list[Callable[[], list[Span]]]:
    least = wish.min_probability
    return [
        *(lambda tags=tags: _tagged(wish, tables, tags) for tags in wish.tags),
        *(lambda given=given: numbered(tables.read("scenes"), _numbers(given)) for given in wish.scenes),
        *(lambda names=names: of_beats(tables.read("beats"), names, least) for names in wish.beats),
        *(lambda names=names: appearing(tables.read("appearances"), names) for names in wish.characters),
        *(lambda condition=condition: felt(tables.read("affect"), condition) for condition in wish.affect),
    ]


def _tagged(wish: Wish, tables: FilmTables, tags: Sequence[str]) -> list[Span]:
    if not wish.labels:
        return tagged(tables.read("tag_shots"), tables.read("shots"), tags, wish.min_probability)
    labels = tables.labels(wish.labels)
    by_shots = "start_shot" in labels.column_names and labels["start_shot"].null_count < len(labels)
    return labelled(labels, tables.read("shots") if by_shots else None, tags)


def _numbers(given: Sequence[str]) -> list[int]:
    if not all(word.isdecimal() for word in given):
        raise UsageError(f"--scenes takes numbers, as in 3,5. Received: {','.join(given)!r}")
    return [int(word) for word in given]


def _make(wish: Wish, film: CatalogueFilm, spans: Sequence[Span]) -> dict[str, Any]:
    """Choose, cut and write; gives what was made as plain data."""
    from cinelake.media.clock import read_clock
    from cinelake.media.probe import probe
    from export.cutting import check_copy, cut_film

    about = probe(film.path)
    deadline_s = max(LEAST_DEADLINE_S, DEADLINE_PER_SECOND * about.duration_s)
    clock = read_clock(film.path, about, deadline_s=deadline_s)
    snapped = [
        Span(clock.seconds(cut.start_tick), clock.seconds(cut.end_tick), span.relevance, span.what)
        for span in within(spans, clock.end_s)
        if (cut := clock.cut(span.start_s, span.end_s)).frames
    ]
    final = ordered(merged(chosen(snapped, wish.max_length_s)), wish.order)
    cuts = [cut for span in final if (cut := clock.cut(span.start_s, span.end_s)).frames]
    if not cuts:
        raise UsageError(f"no picture of {film.movie_id} begins in the spans that were found")
    facts = {
        "movie_id": film.movie_id,
        "spans": [_fact(span, cut) for span, cut in zip(final, cuts, strict=True)],
        "frames": sum(cut.frames for cut in cuts),
        "seconds": clock.seconds(sum(cut.end_tick - cut.start_tick for cut in cuts)),
        "copy": wish.copy,
        "output": str(wish.output) if wish.output else None,
    }
    if wish.copy:
        check_copy(film.path, clock, cuts)
    if wish.dry_run or wish.output is None:
        return facts
    texts = _timelines(wish, film, about, clock, list(zip(final, cuts, strict=True)))
    cut_film(film.path, about, clock, cuts, wish.output, copy=wish.copy, deadline_s=deadline_s)
    for path, text in zip(_beside(wish.output), texts, strict=True):
        write_text(path, text)
    return {**facts, "edl": str(_beside(wish.output)[0]), "otio": str(_beside(wish.output)[1])}


def _fact(span: Span, cut: Any) -> dict[str, Any]:
    frames = {"start_frame": cut.start_frame, "end_frame": cut.end_frame}
    return {"start_s": span.start_s, "end_s": span.end_s, **frames, "relevance": span.relevance, "what": span.what}


def _timelines(
    wish: Wish, film: CatalogueFilm, about: Any, clock: Any, pieces: Sequence[tuple[Span, Any]]
) -> tuple[str, str]:
    """The texts of the edit decision list and of the OpenTimelineIO file."""
    from export.timeline import EVENTS, Event, Source, build_timeline, drops_frames, edl_text, timecode_rate

    source = Source.of(film.place, clock, has_sound=about.audio is not None)
    events = [Event(c.start_frame, c.end_frame, s.start_s, s.end_s, s.what, s.relevance) for s, c in pieces]
    if len(events) > EVENTS:
        raise UsageError(f"{len(events)} spans are more than an edit decision list holds ({EVENTS}): use --max-length")
    drop = drops_frames(source, timecode_rate(source)[0], TIMECODES[wish.timecode])
    timeline = build_timeline(wish.output.stem if wish.output else film.movie_id, source, events)
    return edl_text(timeline, reel=film.movie_id, drop=drop), timeline.to_json_string()


def write_text(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all. Raises `UsageError`."""
    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error


def _tell(made: dict[str, Any]) -> None:
    rows = [
        [
            f"{s['start_s']:.3f}",
            f"{s['end_s']:.3f}",
            s["end_frame"] - s["start_frame"],
            f"{s['relevance']:.3f}",
            s["what"],
        ]
        for s in made["spans"]
    ]
    table(["from (s)", "to (s)", "frames", "relevance", "what"], rows)
    total = f"{len(rows)} spans, {made['frames']} frames, {duration(made['seconds'])}"
    done = (
        "nothing was written (--dry-run)" if "edl" not in made else f"{made['output']}, {made['edl']}, {made['otio']}"
    )
    out.print(f"{total}: {done}", markup=False)
