"""Edit decision lists (CMX 3600): markers, or events with comments, read; markers as DaVinci Resolve has them written.

    001  001      V     C        00:00:10:00 00:00:10:01 00:00:10:00 00:00:10:01
     |C:ResolveColorBlue |M:chase |D:48

`M` is the marker's name, `D` its length in pictures. Avid's `* LOC: 00:00:10:00 GREEN chase` is a moment. In a list
without markers each event is a label, called by its comment, where the film has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cinelake.errors import CannotHold, Problem
from cinelake.labels.timecodes import smpte_rate, written_picture
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import (
    Annotation,
    FilmLabels,
    ReadFile,
    check_extents,
    extent_of,
    name_of,
    pictures_of,
    rounded,
    unprintable,
)
from importers.annotators.bounded import Unreadable

FORM = "edl"
MAX_EVENTS = 999
MAX_LINE = 4000
"""Lists have lines of 80 letters; names of markers may be longer."""
DAY_S = 24 * 3600
_CODE = r"(\d\d:\d\d:\d\d[:;.]\d\d)"
_EVENT = re.compile(rf"\s*(\d{{3,6}})\s+(\S+)\s+(\S+)\s+(\S+)(?:\s+\d+)?\s+{_CODE}\s+{_CODE}\s+{_CODE}\s+{_CODE}\s*")
_MARKER = re.compile(r"\s*\|C:(\S*)\s+\|M:(.*?)\s*\|D:(\d+)\s*")
_LOCATOR = re.compile(rf"\*\s*LOC:\s*{_CODE}\s+(\S+)\s*(.*)")
_CLIP = re.compile(r"\*\s*(?:FROM|SOURCE) (?:CLIP NAME|FILE):\s*(.*)")
_COMMENT = re.compile(r"\*\s*COMMENT:\s*(.*?)(?:\s*\(\d\.\d+\))?\s*")
_TITLE = re.compile(r"TITLE:\s*(.*)")


@dataclass
class EdlEvent:
    """An event of a list. times: source in and out, record in and out."""

    line: int
    times: tuple[str, str, str, str]
    film: str = ""
    comment: str = ""
    markers: list[tuple[int, str, int]] = field(default_factory=list)
    locators: list[tuple[int, str, str]] = field(default_factory=list)


def is_edl(data: bytes) -> bool:
    """Whether a file begins as an edit decision list does."""
    head = data[:4096].decode("utf-8", "replace")
    return bool(re.match(r"\ufeff?\s*(TITLE:|FCM:)", head)) or any(map(_EVENT.fullmatch, head.splitlines()))


def read_edl(file: str, data: bytes, _contract: LabelContract) -> ReadFile:
    """The markers of a list, or its events where it has none. Raises `Unreadable`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("expected an edit decision list in UTF-8", data[: error.start].count(b"\n") + 1) from error
    read, events, dropped, title = ReadFile(), [], False, ""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_LINE:
            raise Unreadable(f"the line has more than {MAX_LINE} letters, which no edit decision list has", number)
        if found := _EVENT.fullmatch(line):
            a, b, c, d = (_code(code, dropped) for code in found.groups()[4:])
            events.append(EdlEvent(number, (a, b, c, d)))
        elif re.match(r"\s*\d{3,6}\s+\S+\s+\S+\s+\S+", line):
            read.problems.append(
                Problem(file, number, "", f"expected an event with four time codes, received {line[:80]!r}")
            )
        elif found := _TITLE.match(line):
            title = found[1].strip()
        elif line.strip().upper() == "FCM: DROP FRAME":
            dropped = True
        elif line.strip().upper() == "FCM: NON-DROP FRAME":
            dropped = False
        elif events:
            _read_comment(line, number, events[-1], dropped)
    if not events and not read.problems:
        raise Unreadable("expected an edit decision list: it has no event")
    read.annotations += _annotations(events, title)
    return read


def _code(code: str, dropped: bool) -> str:
    return f"{code[:8]}{';' if dropped or code[8] in ';.' else ':'}{code[9:]}"


def _read_comment(line: str, number: int, event: EdlEvent, dropped: bool) -> None:
    if found := _MARKER.fullmatch(line):
        event.markers.append((number, found[2], int(found[3])))
    elif found := _LOCATOR.match(line.strip()):
        event.locators.append((number, _code(found[1], dropped), found[3].strip()))
    elif found := _CLIP.match(line.strip()):
        event.film = found[1].strip()
    elif found := _COMMENT.fullmatch(line.strip()):
        event.comment = event.comment or found[1].strip()


def _annotations(events: Sequence[EdlEvent], title: str) -> Iterator[Annotation]:
    has_markers = any(event.markers or event.locators for event in events)
    for event in events:
        film = event.film or title
        for line, name, length in event.markers:
            start = event.times[2]
            yield Annotation(film, f"line {line}", start, f"+{length}", "time codes", name, group="marker", line=line)
        for line, start, name in event.locators:
            yield Annotation(film, f"line {line}", start, None, "time codes", name, group="locator", line=line)
        if not has_markers:
            start, end = event.times[:2]
            about: dict[str, Any] = {"label": event.comment, "group": "event", "line": event.line}
            yield Annotation(film, f"line {event.line}", start, end, "time codes", **about)


# --- written


def write_edl(films: Sequence[FilmLabels]) -> tuple[bytes, list[str]]:
    """One film's labels as markers, from 00:00:00:00; and what must be told. Raises `CannotHold`."""
    (film,) = films
    check_extents(FORM, films, whole=False, rate=True)
    rate = smpte_rate(film.facts.fps or 0.0)
    names = [name_of(film, row, alone=True) for row in film.rows]
    reasons = [f"control characters in {name!r}" for name in unprintable(names)]
    if rate is None:
        reasons.append(f"no time code counts {film.facts.fps:g} pictures a second")
    if len(film.rows) > MAX_EVENTS:
        reasons.append(f"{len(film.rows)} labels are more than a list numbers ({MAX_EVENTS})")
    spans = [pictures_of(*(extent_of(row) or (0.0, None)), film.facts) for row in film.rows]
    if rate is not None and any(end > DAY_S * round(rate) for _, end in spans):
        reasons.append("its time codes would pass 24 hours")
    if reasons or rate is None:
        raise CannotHold(FORM, [f"{film.movie_id}: {reason}" for reason in reasons])
    lines = [f"TITLE: {film.movie_id}", "FCM: NON-DROP FRAME", ""]
    for number, (name, (first, end)) in enumerate(zip(names, spans, strict=True), 1):
        at, after = written_picture(first, rate), written_picture(first + 1, rate)
        lines += [f"{number:03d}  001      V     C        {at} {after} {at} {after}"]
        lines += [f" |C:ResolveColorBlue |M:{name} |D:{end - first}", f"* FROM CLIP NAME:  {film.name}", ""]
    return "\n".join(lines).encode(), rounded(films)
