"""A film's table in the form that an editing program, a player or a spreadsheet reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.catalogue.films import CatalogueFilm
from cinelake.errors import UnknownName, UsageError
from cinelake.manifest.document import Manifest
from cinelake.run.staging import at_hand
from export.csv import csv_text
from export.film import FilmReader, SourceNames, deadline_of, find_film, write_file
from export.spans import NamedSpan, disjoint, named_spans

if TYPE_CHECKING:
    from cinelake.media.clock import CountedPictures

FORMS = {
    "edl": ".edl",
    "otio": ".otio",
    "fcpxml": ".fcpxml",
    "vtt-chapters": ".vtt",
    "vtt-thumbnails": ".vtt",
    "srt": ".srt",
    "vtt": ".vtt",
    "csv": ".csv",
}
SUBTITLES = ("srt", "vtt")
"""Forms of lines of text."""


def check_form(form: str) -> None:
    """Raises `UnknownName` for what is not in `FORMS`."""
    if form not in FORMS:
        raise UnknownName("form", form, FORMS)


def export_film(
    manifest: Manifest,
    movie_id: str,
    form: str,
    table: str,
    output: Path | None,
    *,
    names: SourceNames,
    markers: bool,
    raw: bool,
    force: bool,
) -> dict[str, Any]:
    """Write a table of a film in one of `FORMS`; returns what was written as plain data.

    form: as `check_form` lets it pass. names: how its pictures are named. output: the file, by default `FILM_TABLE` in
    the working folder.
    Raises `UsageError`, `UnknownName`, and what reading the film raises.
    """

    from export.captions import subtitles_text, vtt_text

    film = find_film(manifest, movie_id)
    target = output or Path(f"{movie_id}_{table}{FORMS[form]}")
    if target.exists() and not force:
        raise UsageError(f"{target} is there already: another name, or --force to replace it")
    tables = FilmReader(manifest, film)
    told: list[str] = []
    if form == "csv":
        rows = tables.read(table)
        write_file(target, csv_text(rows, raw=raw))
        made: dict[str, Any] = {"rows": rows.num_rows}
    elif form == "vtt-thumbnails":
        made = _thumbnails(tables, target)
    elif form in SUBTITLES:
        lines, told = lines_of(table, tables.read(table))
        write_file(target, subtitles_text(lines, form))
        made = {"lines": len(lines), "warnings": told}
    else:
        spans = _spans(tables, table)
        if form == "vtt-chapters":
            text, written = vtt_text(spans), len(spans)
        else:
            with at_hand(manifest, film) as local_film:
                max_pixels, counted = manifest.defaults.max_pixels, tables.counted()
                text, written, told = _timeline(
                    form, local_film, max_pixels, spans, counted, target.stem, names, markers=markers
                )
        write_file(target, text)
        made = {"spans": written, "warnings": told}
        if written < len(spans):
            made["spans_without_a_picture"] = len(spans) - written
    return {"movie_id": movie_id, "table": table, "as": form, "output": str(target), **made}


def lines_of(table: str, rows: pa.Table) -> tuple[list[NamedSpan], list[str]]:
    """The lines of text of a table in film order, and warnings: of several sets the first is taken.

    Raises `UsageError` for a table without lines of text.
    """
    if not {"start_s", "end_s", "text"} <= set(rows.column_names):
        raise UsageError(
            f"rows of {table} are no lines of text: name a table of them (--of subtitles, --of transcript)"
        )
    told = []
    sets = sorted(set(rows["track"].to_pylist())) if "track" in rows.column_names else []
    if len(sets) > 1:
        rows = rows.filter(pc.equal(rows["track"], sets[0]))
        told.append(f"{table} has {len(sets)} sets of lines, written is the first ({rows['source'][0].as_py()})")
    known = rows.filter(rows["text"].is_valid())
    if unread := len(rows) - len(known):
        told.append(f"{unread} lines without a text are left out")
    if not len(known):
        raise UsageError(f"{table} has no line with a text: there is nothing to export")
    columns = (known[name].to_pylist() for name in ("start_s", "end_s", "text"))
    return sorted((NamedSpan(*line) for line in zip(*columns, strict=True)), key=lambda line: line.start_s), told


def _spans(tables: FilmReader, table: str) -> list[NamedSpan]:
    rows = tables.read(table)
    by_shot = "start_s" not in rows.column_names and "shot" in rows.column_names
    spans = named_spans(table, rows, tables.read("shots") if by_shot else None)
    if not spans:
        raise UsageError(f"{table} of {tables.film.movie_id} has no row: there is nothing to export")
    return spans


def _timeline(
    form: str,
    film: CatalogueFilm,
    max_pixels: int,
    spans: list[NamedSpan],
    counted: CountedPictures,
    title: str,
    names: SourceNames,
    *,
    markers: bool,
) -> tuple[str, int, list[str]]:
    """The text of a form, how many of the spans are in it (those in which a picture begins), and warnings."""
    from cinelake.media.clock import read_clock
    from cinelake.media.probe import probe
    from export.fcpxml import fcpxml_text
    from export.timeline import (
        MAX_EVENTS,
        EditEvent,
        build_in_place,
        drops_frames,
        edl_text,
        timecode_rate,
        timecode_warnings,
    )

    probed = probe(film.path, film.choices, max_pixels=max_pixels)
    deadline_s = deadline_of(probed, Path(film.path).stat().st_size)
    clock = read_clock(film.path, probed, deadline_s=deadline_s, counted=counted, keep_damaged=film.accept)
    source = names.source(film, probed, clock)
    pieces = [(span, clock.cut(span.start_s, span.end_s)) for span in spans]
    events = [EditEvent(c.start_frame, c.end_frame, s.start_s, s.end_s, s.name, 1.0) for s, c in pieces if c.frames]
    if not events:
        raise UsageError(f"no picture of {film.movie_id} begins in the {len(spans)} spans")
    as_clips = disjoint(spans) and not markers
    if form == "edl" and as_clips and len(events) > MAX_EVENTS:
        raise UsageError(
            f"{len(events)} spans are more than an edit decision list numbers ({MAX_EVENTS}): --markers, or --as otio"
        )
    timeline = build_in_place(title, source, events, as_clips=as_clips)
    dropped = drops_frames(source, timecode_rate(source)[0], names.drop)
    told = timecode_warnings(source, dropped)
    if form == "edl":
        return edl_text(timeline, reel=film.movie_id, drop=dropped), len(events), told
    size = (probed.video.width, probed.video.height) if probed.video else None
    text = fcpxml_text(timeline, drop=dropped, size=size) if form == "fcpxml" else str(timeline.to_json_string())
    return text, len(events), told


def _thumbnails(tables: FilmReader, target: Path) -> dict[str, int]:
    """Write the strips beside the file of cues."""
    from export.captions import thumbnails, vtt_text

    frames = tables.read("frames").select(["time_s", "jpeg"])
    pairs = ((row["time_s"], row["jpeg"]) for batch in frames.to_batches() for row in batch.to_pylist())
    end_s = float(tables.read("shots")["end_s"].to_pylist()[-1])
    cues: list[NamedSpan] = []
    strips = 0
    for name, strip, strip_cues in thumbnails(pairs, end_s, target.stem):
        write_file(target.with_name(name), strip)
        cues += strip_cues
        strips += 1
    write_file(target, vtt_text(cues))
    return {"pictures": len(cues), "strips": strips}
