"""Supercuts: reads the spans from the lake, cuts the film, writes the timelines beside the output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cinelake.catalogue.films import CatalogueFilm
from cinelake.errors import UsageError
from cinelake.manifest.document import Manifest
from cinelake.run.staging import at_hand
from cinelake.search.spans import Span, combined, merged, within
from cinelake.spec.film import Probe
from cinelake.storage.objects import is_remote
from export.film import FilmReader, SourceNames, deadline_of, find_film, write_text
from export.supercut import appearing, chosen, felt, labelled, numbered, of_beats, ordered, tagged

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
    affect: tuple[str, ...] = ()
    either: bool = False
    labels: str = ""
    min_probability: float = 0.5
    order: str = "film"
    max_length_s: float | None = None
    copy: bool = False
    names: SourceNames = field(default_factory=SourceNames)
    force: bool = False
    dry_run: bool = False


def make_supercut(manifest: Manifest, selection: Selection) -> dict[str, Any]:
    """Cut the film and write the timelines beside it; returns what was made as plain data.

    Raises `UsageError`, `UnknownName`, `FilmMissing`, and what reading or cutting the film raises.
    """
    film = find_film(manifest, selection.film)
    _check(selection, film)
    tables = FilmReader(manifest, film)
    spans = _spans(selection, tables)
    with at_hand(manifest, film) as local_film:
        return _make(selection, local_film, spans, tables.frame_count(), manifest.defaults.max_pixels)


def _check(selection: Selection, film: CatalogueFilm) -> None:
    """Raises `UsageError` and `UnknownName` for what is wrong before the lake is read."""
    from export.cutting import output_format

    if not (selection.tags or selection.scenes or selection.beats or selection.characters or selection.affect):
        raise UsageError("which part of the film? Give --tags, --scenes, --beats, --character or --affect")
    if selection.max_length_s is not None and selection.max_length_s <= 0:
        raise UsageError(f"--max-length takes seconds, more than 0. Received: {selection.max_length_s:g}")
    ordered([], selection.order)
    if selection.output is None:
        if not selection.dry_run:
            raise UsageError("where to? Say `-o out.mp4` (or --dry-run)")
        return
    output_format(selection.output)
    for path in (selection.output, *_beside(selection.output)):
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
        *(lambda words=words: numbered(tables.read("scenes"), _numbers(words)) for words in selection.scenes),
        *(lambda names=names: of_beats(tables.read("beats"), names, minimum) for names in selection.beats),
        *(lambda names=names: appearing(tables.read("appearances"), names) for names in selection.characters),
        *(lambda condition=condition: felt(tables.read("affect"), condition) for condition in selection.affect),
    ]


def _tagged(selection: Selection, tables: FilmReader, tags: Sequence[str]) -> list[Span]:
    if not selection.labels:
        return tagged(tables.read("tag_shots"), tables.read("shots"), tags, selection.min_probability)
    labels = tables.labels(selection.labels)
    by_shots = "start_shot" in labels.column_names and labels["start_shot"].null_count < len(labels)
    return labelled(labels, tables.read("shots") if by_shots else None, tags)


def _numbers(words: Sequence[str]) -> list[int]:
    if not all(word.isdecimal() for word in words):
        raise UsageError(f"--scenes takes numbers, as in 3,5. Received: {','.join(words)!r}")
    return [int(word) for word in words]


def _make(
    selection: Selection, film: CatalogueFilm, spans: Sequence[Span], frame_count: int | None, max_pixels: int
) -> dict[str, Any]:
    """Choose, cut and write; returns what was made as plain data."""
    from cinelake.media.clock import read_clock
    from cinelake.media.probe import probe
    from export.cutting import check_copy, cut_film

    probed = probe(film.path, film.choices, max_pixels=max_pixels)
    deadline_s = deadline_of(probed, Path(film.path).stat().st_size)
    clock = read_clock(film.path, probed, deadline_s=deadline_s, frames=frame_count, keep_damaged=film.accept)
    snapped = [
        Span(clock.seconds(cut.start_tick), clock.seconds(cut.end_tick), span.relevance, span.what)
        for span in within(spans, clock.end_s)
        if (cut := clock.cut(span.start_s, span.end_s)).frames
    ]
    final = ordered(merged(chosen(snapped, selection.max_length_s)), selection.order)
    cuts = [cut for span in final if (cut := clock.cut(span.start_s, span.end_s)).frames]
    if not cuts:
        raise UsageError(f"no picture of {film.movie_id} begins in the spans that were found")
    facts = {
        "movie_id": film.movie_id,
        "spans": [_fact(span, cut) for span, cut in zip(final, cuts, strict=True)],
        "frames": sum(cut.frames for cut in cuts),
        "seconds": clock.seconds(sum(cut.end_tick - cut.start_tick for cut in cuts)),
        "copy": selection.copy,
        "output": str(selection.output) if selection.output else None,
    }
    if selection.copy:
        check_copy(film.path, clock, cuts)
    if selection.dry_run or selection.output is None:
        return facts
    *texts, told = _timelines(selection, film, probed, clock, list(zip(final, cuts, strict=True)))
    cut_film(film.path, probed, clock, cuts, selection.output, copy=selection.copy, deadline_s=deadline_s)
    for path, text in zip(_beside(selection.output), texts, strict=True):
        write_text(path, text)
    edl, otio = map(str, _beside(selection.output))
    return {**facts, "edl": edl, "otio": otio, "warnings": told}


def _fact(span: Span, cut: Any) -> dict[str, Any]:
    frames = {"start_frame": cut.start_frame, "end_frame": cut.end_frame}
    return {"start_s": span.start_s, "end_s": span.end_s, **frames, "relevance": span.relevance, "what": span.what}


def _timelines(
    selection: Selection, film: CatalogueFilm, probed: Probe, clock: Any, pieces: Sequence[tuple[Span, Any]]
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
