"""Markers of editing timelines: OpenTimelineIO read and written, Final Cut Pro's FCPXML read.

A marker on a clip is where it is in the clip's film; one on a track or a stack is where the film is that it shows
there. The columns of a label, and its exact seconds, are in the marker's metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any
from xml.etree.ElementTree import Element

from cinelake.errors import Problem
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import (
    Annotation,
    FilmLabels,
    ReadFile,
    as_text,
    check_extents,
    extent_of,
    name_of,
    pictures_of,
    rounded,
    said_of,
)
from importers.annotators.bounded import BROKEN, BoundedDocument, Unreadable, read_json, read_xml

FORM = "otio"
KEY = "cinelake"
MARKERS = ("marker", "chapter-marker", "keyword", "analysis-marker")
_TIME = re.compile(r"-?\d{1,18}(?:/\d{1,18}|\.\d{1,18})?s")
CLIPS = ("asset-clip", "clip", "video", "ref-clip", "sync-clip", "mc-clip", "audio")


def is_otio(value: Any) -> bool:
    """Whether a JSON document is OpenTimelineIO's."""
    return isinstance(value, dict) and isinstance(value.get("OTIO_SCHEMA"), str)


def read_otio(file: str, data: bytes, contract: LabelContract) -> ReadFile:
    """The markers of a timeline, or of a collection of them. Raises `Unreadable`."""
    import opentimelineio as otio

    if not is_otio(read_json(data)):
        raise Unreadable("expected OpenTimelineIO's JSON with OTIO_SCHEMA")
    try:
        root = otio.core.deserialize_json_from_string(data.decode("utf-8-sig"))
        marked = [(timeline, *found) for timeline in _timelines(root, otio) for found in _markers(timeline)]
    except Unreadable:
        raise
    except (otio.exceptions.OTIOError, *BROKEN) as error:
        raise Unreadable(f"expected OpenTimelineIO's JSON: {error}") from error
    read = ReadFile()
    for timeline, item, marker in marked:
        where = f"marker {marker.name!r} of {item.name or timeline.name!r}"
        try:
            read.annotations.append(_annotation(where, timeline, item, marker, contract, otio))
        except (otio.exceptions.OTIOError, *BROKEN) as error:
            read.problems.append(Problem(file, 0, where, f"the marker cannot be read: {error}"))
    return read


def _timelines(root: Any, otio: Any) -> Iterator[Any]:
    if isinstance(root, otio.schema.Timeline):
        yield root
    elif isinstance(root, otio.schema.SerializableCollection):
        for child in root:
            yield from _timelines(child, otio)
    elif isinstance(root, otio.core.Item):
        yield otio.schema.Timeline(name=root.name, tracks=[root.deepcopy()])
    else:
        raise Unreadable(f"expected a timeline, received {type(root).__name__}")


def _markers(timeline: Any) -> Iterator[tuple[Any, Any]]:
    """Every marker with what it is on; the same label on pictures and sound is one."""
    import opentimelineio as otio

    seen = set()
    for item in (timeline.tracks, *timeline.tracks.find_children(descended_from_type=otio.core.Item)):
        for marker in item.markers:
            key = (marker.name, str(marker.marked_range), str(marker.metadata), _film(item, timeline))
            is_sound = getattr(item.parent(), "kind", "") == otio.schema.TrackKind.Audio
            if not (is_sound and key in seen):
                yield item, marker
            seen.add(key)


def _film(item: Any, timeline: Any) -> str:
    """The film of a clip, as its media's address or name says, else as the clip, else as the timeline is called."""
    media = getattr(item, "media_reference", None)
    return str(getattr(media, "target_url", "") or getattr(media, "name", "") or item.name or timeline.name)


def _annotation(where: str, timeline: Any, item: Any, marker: Any, contract: LabelContract, otio: Any) -> Annotation:
    marked = marker.marked_range
    start, clip = marked.start_time, item
    if not isinstance(item, otio.schema.Clip):
        clip, start = _shown(timeline, item, start)
    first = _first_of(clip)
    rate = marked.start_time.rate
    picture = (start if first is None else start - first).rescaled_to(rate).value
    length = marked.duration.rescaled_to(rate).value
    about = marker.metadata.get(KEY) or {}
    columns = {column.name for column in contract.columns}
    values = {name: _one_value(name, value) for name, value in about.items() if name in columns}
    start_s, end_s = about.get("start_s"), about.get("end_s")
    return Annotation(
        _film(clip, timeline),
        where,
        picture,
        picture + length if length > 0 else None,
        "pictures",
        label="" if values else str(marker.name),
        values=values,
        exact=None if start_s is None else (float(start_s), None if end_s is None else float(end_s)),
        fps=rate,
        group=str(marker.color or ""),
    )


def _one_value(name: str, value: Any) -> Any:
    """A value that does not lie in the document, which is gone when the labels are made."""
    if value is not None and not isinstance(value, (str, int, float)):
        raise ValueError(f"{name} is no single value")
    return value


def _first_of(clip: Any) -> Any:
    """The time of the film's first picture, as the clip's media count it; None where they do not say."""
    available = getattr(getattr(clip, "media_reference", None), "available_range", None)
    return available.start_time if available is not None else None


def _shown(timeline: Any, item: Any, start: Any) -> tuple[Any, Any]:
    """The clip that a track or stack shows at a time, and that time in the clip; the item itself where none does."""
    for clip in timeline.find_clips():
        span = clip.transformed_time_range(clip.trimmed_range(), item) if clip is not item else None
        if span is not None and span.contains(start):
            return clip, item.transformed_time(start, clip)
    return item, start


def read_fcpxml(file: str, data: bytes, _contract: LabelContract) -> ReadFile:
    """The markers and keywords of the clips. Raises `Unreadable`."""
    document = read_xml(data)
    if document.root.tag != "fcpxml":
        raise Unreadable(f"expected <fcpxml>, received <{document.root.tag[:60]}>")
    assets = {asset.get("id"): asset for asset in document.root.iter("asset")}
    formats = {found.get("id"): found for found in document.root.iter("format")}
    read = ReadFile()
    for clip in (element for tag in CLIPS for element in document.root.iter(tag)):
        refs = [clip.get("ref"), *(below.get("ref") for below in clip)]
        asset = next((assets[ref] for ref in refs if ref in assets), None)
        for marker in (element for element in clip if element.tag in MARKERS):
            try:
                read.annotations.append(_of_fcpxml(marker, clip, asset, formats, document))
            except BROKEN as error:
                read.problems.append(Problem(file, document.line(marker), "", f"the marker cannot be read: {error}"))
    return read


def _of_fcpxml(
    marker: Element,
    clip: Element,
    asset: Element | None,
    formats: Mapping[str | None, Element],
    document: BoundedDocument,
) -> Annotation:
    """A marker shorter than two pictures is a moment; its time is the media's own, which may not begin at zero."""
    media = {} if asset is None else asset.attrib
    shape = formats.get(media.get("format"))
    picture = _seconds(shape.get("frameDuration", "0s")) if shape is not None else Fraction(0)
    start = _seconds(marker.get("start", "0s")) - _seconds(media.get("start", "0s"))
    length = _seconds(marker.get("duration", "0s"))
    is_moment = length < max(2 * picture, Fraction(1, 100)) and marker.tag != "keyword"
    line = document.line(marker)
    unit = picture or Fraction(1)
    return Annotation(
        media.get("src") or media.get("name") or clip.get("name") or "",
        f"line {line}",
        float(start / unit),
        None if is_moment else float((start + length) / unit),
        "pictures" if picture else "s",
        fps=float(1 / unit),
        label=marker.get("value", ""),
        group=marker.tag,
        line=line,
    )


def _seconds(text: str) -> Fraction:
    """`1001/24000s` exactly."""
    if not _TIME.fullmatch(text):
        raise ValueError(f"expected a time as 1001/24000s, received {text!r}")
    return Fraction(text[:-1])


# --- written


def write_otio(films: Sequence[FilmLabels]) -> tuple[bytes, list[str]]:
    """A timeline of each film, whole, with its labels as markers; of several a collection. Raises `CannotHold`."""
    import opentimelineio as otio

    check_extents(FORM, films, whole=False, rate=True)
    timelines = [_timeline(film, otio) for film in films]
    root = timelines[0] if len(timelines) == 1 else otio.schema.SerializableCollection("labels", timelines)
    return str(root.to_json_string()).encode() + b"\n", rounded(films)


def _timeline(film: FilmLabels, otio: Any) -> Any:
    rate = film.facts.fps or 24.0

    def span(start: int, length: int) -> Any:
        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(length, rate)
        )

    extents = [pictures_of(*(extent_of(row) or (0.0, None)), film.facts) for row in film.rows]
    length = max([round((film.facts.duration_s or 0.0) * rate), *(end for _, end in extents)])
    media = otio.schema.ExternalReference(film.uri or film.name, span(0, length))
    media.name = film.name
    clip = otio.schema.Clip(film.name, media_reference=media, source_range=span(0, length))
    for row, (first, end) in zip(film.rows, extents, strict=True):
        is_moment = "time_s" in row
        start_s, end_s = extent_of(row) or (0.0, None)
        said = {**said_of(row), "start_s": start_s, **({} if end_s is None else {"end_s": end_s})}
        about = {name: as_text(value) for name, value in said.items()}  # its reader rounds numbers
        marked = span(first, 0 if is_moment else end - first)
        name = name_of(film, row, alone=False)
        clip.markers.append(otio.schema.Marker(name, marked, color="GREEN", metadata={KEY: about}))
    timeline = otio.schema.Timeline(film.movie_id)
    track = otio.schema.Track(name="V1", kind=otio.schema.TrackKind.Video)
    track.append(clip)
    timeline.tracks.append(track)
    return timeline
