"""Lists of what a supercut leaves out: for a sheet, a program, an editor."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cinelake.catalogue.films import CatalogueFilm
from cinelake.errors import UsageError
from cinelake.search.spans import Span
from cinelake.spec.film import Probe
from export.csv import csv_text
from export.film import SourceNames
from export.timeline import MAX_EVENTS, EditEvent, build_timeline, drops_frames, edl_text, timecode_rate

if TYPE_CHECKING:
    from cinelake.media.clock import Cut, FilmClock

FORMS = (".csv", ".json", ".edl", ".otio")
CutPieces = Sequence[tuple[Span, "Cut"]]


def check_forms(paths: Sequence[Path]) -> None:
    """Raises `UsageError` for a name whose ending says no form."""
    for path in paths:
        if path.suffix.lower() not in FORMS:
            raise UsageError(f"{path}: a cut list's name ends in one of {', '.join(FORMS)}, received {path.suffix!r}")


def fact_of(span: Span, cut: Cut) -> dict[str, Any]:
    """A piece of the film as plain data; ends are exclusive."""
    frames = {"start_frame": cut.start_frame, "end_frame": cut.end_frame}
    return {"start_s": span.start_s, "end_s": span.end_s, **frames, "relevance": span.relevance, "what": span.what}


def frames_of(cuts: Iterable[Cut]) -> int:
    """How many pictures the pieces have together."""
    return sum(cut.frames for cut in cuts)


def cut_list_text(
    path: Path, names: SourceNames, film: CatalogueFilm, probed: Probe, clock: FilmClock, pieces: CutPieces
) -> str:
    """The pieces in the form that the path's ending says, with the film's own times. Raises `UsageError`."""
    facts = [{"movie_id": film.movie_id, **fact_of(span, cut)} for span, cut in pieces]
    form = path.suffix.lower()
    if form == ".json":
        return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"
    if form == ".csv":
        return csv_text(pa.Table.from_pylist(facts, SCHEMA))
    source = names.source(film, probed, clock)
    events = [EditEvent(c.start_frame, c.end_frame, s.start_s, s.end_s, s.what, s.relevance) for s, c in pieces]
    timeline = build_timeline(path.stem, source, events)
    if form == ".otio":
        return str(timeline.to_json_string())
    if len(events) > MAX_EVENTS:
        raise UsageError(f"{len(events)} pieces are more than an edit decision list holds ({MAX_EVENTS}): name a .csv")
    return edl_text(timeline, reel=film.movie_id, drop=drops_frames(source, timecode_rate(source)[0], names.drop))


SCHEMA = pa.schema(
    [
        ("movie_id", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("start_frame", pa.int64()),
        ("end_frame", pa.int64()),
        ("relevance", pa.float64()),
        ("what", pa.string()),
    ]
)
"""Columns of a list as CSV."""
