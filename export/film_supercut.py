"""Supercuts: reads the spans from the lake, cuts the film, writes the timelines beside the output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinelake.catalogue.films import CatalogueFilm
from cinelake.errors import UsageError
from cinelake.manifest.document import Manifest
from cinelake.run.staging import at_hand
from cinelake.search.spans import Span, combined, merged, within
from cinelake.spec.film import Probe
from cinelake.storage.objects import is_remote
from export.cut_list import check_forms, cut_list_text, fact_of, frames_of
from export.film import FilmReader, SourceNames, deadline_of, find_film, write_file
from export.leaving_out import parse_unwanted, split, to_pictures, unwanted_spans
from export.supercut import (
    appearing,
    by_line,
    chosen,
    felt,
    fullest,
    labelled,
    number_columns,
    numbered,
    numbers,
    of_beats,
    ordered,
    tagged,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from cinelake.media.clock import CountedPictures, Cut, FilmClock

Lists = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Selection:
    """Which part of a film is cut, and how; see the options of `cinelake supercut`."""

    film: str
    output: Path | None = None
    tags: Lists = ()
    scenes: Lists = ()
    beats: Lists = ()
    characters: Lists = ()
    persons: Lists = ()
    affect: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    margin_s: float = 0.0
    cut_lists: tuple[Path, ...] = ()
    either: bool = False
    labels: str = ""
    min_probability: float = 0.5
    order: str = "film"
    max_length_s: float | None = None
    of: str = ""
    seconds: float | None = None
    copy: bool = False
    names: SourceNames = field(default_factory=SourceNames)
    force: bool = False
    dry_run: bool = False

    @property
    def selects(self) -> bool:
        """Whether any part is asked for; else it is the whole film."""
        named = (self.tags, self.scenes, self.beats, self.characters, self.persons, self.affect)
        return bool(any(named) or self.of)

    @property
    def lines(self) -> Lists:
        """Table, colon and line of `--of`, if it is said."""
        return (self.of.partition(":"),) if self.of else ()

    @property
    def lists(self) -> tuple[Path, ...]:
        """Where lists of what is left out are written: as asked for, else beside the output."""
        if self.cut_lists or not self.without or self.output is None:
            return self.cut_lists
        return tuple(self.output.with_suffix(f".left_out{suffix}") for suffix in (".csv", ".edl"))


def make_supercut(manifest: Manifest, selection: Selection) -> dict[str, Any]:
    """Cut the film and write the timelines beside it; returns what was made as plain data.

    Raises `UsageError`, `UnknownName`, `FilmMissing`, and what reading or cutting the film raises.
    """
    film = find_film(manifest, selection.film)
    _check(selection, film)
    tables = FilmReader(manifest, film)
    wanted = _spans(selection, tables) if selection.selects else None
    unwanted, told = unwanted_spans(
        tables, parse_unwanted(selection.without), selection.labels, selection.min_probability
    )
    with at_hand(manifest, film) as local_film:
        found = _Found(wanted, unwanted, told, tables.counted())
        return _make(selection, local_film, found, manifest.defaults.max_pixels)


@dataclass(frozen=True)
class _Found:
    """What the tables say of a film. wanted: None for all of it; told: what a person must hear."""

    wanted: list[Span] | None
    unwanted: list[Span]
    told: list[str]
    counted: CountedPictures


def _check(selection: Selection, film: CatalogueFilm) -> None:
    """Raises `UsageError` and `UnknownName` for what is wrong before the lake is read."""
    from export.cutting import output_format

    if not (selection.selects or selection.without):
        raise UsageError(
            "which part of the film? Give --tags, --scenes, --beats, --character, --person, --affect, --of or --without"
        )
    if selection.of and selection.seconds is None:
        raise UsageError("--of weighs all shots of the film: how long may the summary be? Say --seconds 120")
    if selection.seconds is not None and (not 0 < selection.seconds < inf or selection.max_length_s is not None):
        raise UsageError(f"--seconds takes more than 0, and no --max-length. Received: {selection.seconds:g}")
    if selection.cut_lists and not selection.without:
        raise UsageError("--left-out lists what --without leaves out: say what that is")
    if not 0 <= selection.margin_s < inf:
        raise UsageError(f"--margin takes seconds, 0 or more. Received: {selection.margin_s:g}")
    check_forms(selection.cut_lists)
    if selection.max_length_s is not None and not selection.max_length_s > 0:
        raise UsageError(f"--max-length takes seconds, more than 0. Received: {selection.max_length_s:g}")
    ordered([], selection.order)
    if selection.output is None and not (selection.dry_run or selection.cut_lists):
        raise UsageError("where to? Say `-o out.mp4` (or --dry-run)")
    made = list(selection.lists)
    if selection.output is not None:
        output_format(selection.output)
        made += [selection.output, *_beside(selection.output)]
    for path in made:
        if path.exists() and not is_remote(film.path) and path.samefile(film.path):
            raise UsageError(f"{path} is the film itself: it is never written to")
        if path.exists() and not (selection.force or selection.dry_run):
            raise UsageError(f"{path} is there already: another name, or --force to replace it")


def _beside(output: Path) -> tuple[Path, Path]:
    return output.with_suffix(".edl"), output.with_suffix(".otio")


def _spans(selection: Selection, tables: FilmReader) -> list[Span]:
    """The spans that the selectors choose, in film order. Raises `UsageError` where there are none."""
    spans = combined([select() for select in _selectors(selection, tables)], either=selection.either)
    if not spans:
        raise UsageError(
            f"nothing of {selection.film} carries what was asked for"
            + ("" if selection.either else " at the same time (`--either`: one is enough)")
            + f", with a probability of {selection.min_probability:g} or more"
        )
    return spans


def _selectors(selection: Selection, tables: FilmReader) -> list[Callable[[], list[Span]]]:
    minimum = selection.min_probability
    return [
        *(lambda tags=tags: _tagged(selection, tables, tags) for tags in selection.tags),
        *(
            lambda words=words: numbered(tables.read("scenes"), numbers("--scenes", words))
            for words in selection.scenes
        ),
        *(lambda names=names: of_beats(tables.read("beats"), names, minimum) for names in selection.beats),
        *(lambda names=names: appearing(tables.read("appearances"), names) for names in selection.characters),
        *(
            lambda names=names: appearing(tables.read("actor_appearances"), names, "person")
            for names in selection.persons
        ),
        *(lambda condition=condition: felt(tables.read("affect"), condition) for condition in selection.affect),
        *(lambda of=of: by_line(_line(tables, of[0]), tables.read("shots"), of[2]) for of in selection.lines),
    ]


def _line(tables: FilmReader, name: str) -> pa.Table:
    """The table that has a line. Raises `UsageError` where it is missing; and says which other has that line."""
    try:
        return tables.read(name)
    except UsageError as error:
        for table, entry in tables.manifest.tasks.items():
            schema = entry.spec.contract.schema
            if name in number_columns(schema) and {"time_s", "start_s"} & set(schema.names):
                raise UsageError(f"{error}; or take the column of another table: `--of {table}:{name}`") from error
        raise


def _tagged(selection: Selection, tables: FilmReader, tags: Sequence[str]) -> list[Span]:
    if not selection.labels:
        return tagged(tables.tags(tags), tables.read("shots"), tags, selection.min_probability)
    labels = tables.labels(selection.labels)
    by_shots = "start_shot" in labels.column_names and labels["start_shot"].null_count < len(labels)
    return labelled(labels, tables.read("shots") if by_shots else None, tags)


def _make(selection: Selection, film: CatalogueFilm, found: _Found, max_pixels: int) -> dict[str, Any]:
    """Choose, cut and write; returns what was made as plain data."""
    from cinelake.media.clock import read_clock
    from cinelake.media.light import check_colours
    from cinelake.media.probe import probe
    from export.cutting import check_copy, cut_film

    probed = probe(film.path, film.choices, max_pixels=max_pixels)
    if probed.video and selection.output and not (selection.copy or film.accept_colours):
        check_colours(film.movie_id, probed.video)
    deadline_s = deadline_of(probed, Path(film.path).stat().st_size)
    clock = read_clock(film.path, probed, deadline_s=deadline_s, counted=found.counted, keep_damaged=film.accept)
    whole = [Span(clock.seconds(int(clock.ticks[0])), clock.end_s)]
    wanted = whole if found.wanted is None else _snapped(clock, found.wanted)
    kept, left_out = split(wanted, to_pictures(clock, found.unwanted, selection.margin_s))
    short = chosen(kept, selection.max_length_s) if selection.seconds is None else fullest(kept, selection.seconds)
    final = ordered(merged(short), selection.order)
    pieces = [(span, cut) for span in final if (cut := clock.cut(span.start_s, span.end_s)).frames]
    if not pieces:
        raise UsageError(_nothing_left(selection, film, wanted))
    cuts = [cut for _, cut in pieces]
    facts = {
        "movie_id": film.movie_id,
        "spans": [fact_of(span, cut) for span, cut in pieces],
        "frames": frames_of(cuts),
        "seconds": clock.seconds(sum(cut.end_tick - cut.start_tick for cut in cuts)),
        "copy": selection.copy,
        "output": str(selection.output) if selection.output else None,
        "warnings": list(found.told),
    }
    out = [(span, clock.cut(span.start_s, span.end_s)) for span in left_out]
    if selection.without:
        facts["left_out"] = [fact_of(span, cut) for span, cut in out]
        facts["left_out_frames"] = frames_of(cut for _, cut in out)
        facts["left_out_seconds"] = clock.seconds(sum(cut.end_tick - cut.start_tick for _, cut in out))
    if selection.copy:
        check_copy(film.path, clock, cuts)
    if selection.dry_run:
        return facts
    lists = [(path, cut_list_text(path, selection.names, film, probed, clock, out)) for path in selection.lists]
    if selection.output is not None:
        *texts, told = _timelines(selection, film, probed, clock, pieces)
        cut_film(film.path, probed, clock, cuts, selection.output, copy=selection.copy, deadline_s=deadline_s)
        lists += zip(_beside(selection.output), texts, strict=True)
        edl, otio = map(str, _beside(selection.output))
        facts |= {"edl": edl, "otio": otio, "warnings": [*found.told, *told]}
    for path, text in lists:
        write_file(path, text)
    return facts | ({"cut_lists": [str(path) for path in selection.lists]} if selection.without else {})


def _snapped(clock: FilmClock, spans: Sequence[Span]) -> list[Span]:
    """Spans at the pictures that begin in them; those without one are gone."""
    return [
        Span(clock.seconds(cut.start_tick), clock.seconds(cut.end_tick), span.relevance, span.what)
        for span in within(spans, clock.end_s)
        if (cut := clock.cut(span.start_s, span.end_s)).frames
    ]


def _nothing_left(selection: Selection, film: CatalogueFilm, wanted: Sequence[Span]) -> str:
    if wanted and selection.without:
        return f"nothing of {film.movie_id} is left without {', '.join(selection.without)}"
    return f"no picture of {film.movie_id} begins in the spans that were found"


def _timelines(
    selection: Selection, film: CatalogueFilm, probed: Probe, clock: FilmClock, pieces: Sequence[tuple[Span, Cut]]
) -> tuple[str, str, list[str]]:
    """The texts of the edit decision list and of the OpenTimelineIO file, and what must be told of them."""
    from export.timeline import (
        MAX_EVENTS,
        EditEvent,
        build_timeline,
        drops_frames,
        edl_text,
        timecode_rate,
        timecode_warnings,
    )

    source = selection.names.source(film, probed, clock)
    events = [EditEvent(c.start_frame, c.end_frame, s.start_s, s.end_s, s.what, s.relevance) for s, c in pieces]
    if len(events) > MAX_EVENTS:
        raise UsageError(
            f"{len(events)} spans are more than an edit decision list holds ({MAX_EVENTS}): use --max-length"
        )
    drop = drops_frames(source, timecode_rate(source)[0], selection.names.drop)
    timeline = build_timeline(selection.output.stem if selection.output else film.movie_id, source, events)
    told = timecode_warnings(source, drop)
    return edl_text(timeline, reel=film.movie_id, drop=drop), timeline.to_json_string(), told
