"""Timed Text (TTML, W3C; its drafts were called DFXP) as events with the times that it means.

Times count from the element's parent, or from the brother before it where the parent is a sequence; they are clock
times with fractions or frames, or offsets in hours, minutes, seconds, milliseconds, frames or ticks, whose rates the
root has (TTML2, sections 7.2 and 12.3). Where the root says `smpte`, clock times are time codes, which count frames: at
23.976 a second an hour of them is 3.6 s longer. What is timed within a paragraph is an event of its own.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pysubs2

NAMESPACE = re.compile(r"http://www\.w3\.org/(?:ns/ttml|20\d\d/\d\d/ttaf1)\b")
"""Of the recommendation, and of the drafts that players of DVDs and of the web took."""
TIMED = ("body", "div", "p", "span")
NOT_SPOKEN = ("text", "textContainer", "delimiter")
"""Values of `ruby`: how a word is read, not the word."""
DEFAULT_RATE = 30.0
"""Frames a second where the root says none."""
DROPPED: dict[str, Callable[[int], int]] = {
    "nonDrop": lambda _minutes: 0,
    "dropNTSC": lambda minutes: 2 * (minutes - minutes // 10),
    "dropPAL": lambda minutes: 4 * (minutes // 2 - minutes // 20),
}
"""How many numbers of frames a time code has left out after so many minutes (TTML2, section 7.2.2)."""
NTSC = 1000 / 1001
"""How much slower frames are whose numbers drop as those of NTSC do, also where the root does not say it."""
_CLOCK = re.compile(r"(\d{2,}):(\d\d):(\d\d)(?:(\.\d{1,9})|:(\d{2,3})(?:\.(\d{1,3}))?)?")
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)")
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")


@dataclass(frozen=True)
class _Rates:
    """Frames, parts of a frame and ticks a second."""

    frames: float
    parts: float
    ticks: float
    counted: float
    """Frames in a second of a time code."""
    code: str
    """Which numbers a time code leaves out: `nonDrop`, `dropNTSC` or `dropPAL`; '' where clock times are times."""

    def seconds(self, expression: str) -> float:
        """A time expression in seconds. Raises `ValueError` for what is none."""
        if clock := _CLOCK.fullmatch(expression):
            hours, minutes, seconds, fraction, frames, parts = clock.groups()
            whole_minutes, rest_s = int(hours) * 60 + int(minutes), int(seconds) + float(fraction or 0)
            part = int(frames or 0) + int(parts or 0) / self.parts
            if self.code:
                left_out = DROPPED[self.code](whole_minutes)
                return ((whole_minutes * 60 + rest_s) * self.counted + part - left_out) / self.frames
            return whole_minutes * 60 + rest_s + part / self.frames
        if offset := _OFFSET.fullmatch(expression):
            units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": 1 / self.frames, "t": 1 / self.ticks}
            return float(offset[1]) * units[offset[2]]
        raise ValueError(f"{expression!r} is no time of TTML")


def parse_timed_text(text: str) -> pysubs2.SSAFile:
    """The events of a document. Raises what parsers of XML do, `ValueError` for times that are none."""
    import pysubs2

    root = ET.fromstring(_DECLARATION.sub("", text, count=1))  # expat stops entities that grow
    own = {_name(name): value for name, value in root.attrib.items()}
    if own.get("timeBase") == "clock":
        raise ValueError("its times are those of a clock on the wall (timeBase: clock), not of the film")
    events = []
    for body in (child for child in root if _name(child.tag) == "body"):
        events += list(_events(body, 0.0, inf, _rates(own)))
    parsed = pysubs2.SSAFile()
    for start_s, end_s, line in events:
        until_s = end_s if isfinite(end_s) else start_s  # a line of no length is told as dropped
        parsed.events.append(pysubs2.SSAEvent(start=round(start_s * 1000), end=round(until_s * 1000), text=line))
    return parsed


def _rates(root: Mapping[str, str]) -> _Rates:
    up, down = (float(part) for part in re.split(r"[ :]+", root.get("frameRateMultiplier", "1 1").strip()))
    code = root.get("dropMode", "nonDrop") if root.get("timeBase") == "smpte" else ""
    if code == "dropNTSC" and up == down:
        up, down = NTSC, 1.0
    counted = float(root.get("frameRate", DEFAULT_RATE))
    frames, parts = counted * up / down, float(root.get("subFrameRate", 1))
    ticks = float(root.get("tickRate", frames * parts if "frameRate" in root else 1))
    if min(frames, parts, ticks) <= 0:
        raise ValueError("it counts by a rate of nothing")
    return _Rates(frames, parts, ticks, counted, code)


def _events(element: ET.Element, from_s: float, until_s: float, rates: _Rates) -> Iterator[tuple[float, float, str]]:
    """Start, end and text of all in an element whose parent begins and ends at these times."""
    begin_s, end_s = _span(element, from_s, until_s, rates)
    if _name(element.tag) in ("p", "span") and (text := _tidy("".join(_untimed(element)))):
        yield begin_s, end_s, text
    follows = element.attrib.get("timeContainer") == "seq"
    next_s = begin_s
    for child in _timed_children(element):
        yield from _events(child, next_s, end_s, rates)
        next_s = _span(child, next_s, end_s, rates)[1] if follows else begin_s


def _span(element: ET.Element, from_s: float, until_s: float, rates: _Rates) -> tuple[float, float]:
    """When an element begins and ends; `inf` where nothing ends it."""
    own = element.attrib
    begin_s = from_s + (rates.seconds(own["begin"].strip()) if "begin" in own else 0.0)
    ends = [from_s + rates.seconds(own["end"].strip())] if "end" in own else []
    ends += [begin_s + rates.seconds(own["dur"].strip())] if "dur" in own else []
    return begin_s, min([*ends, until_s])


def _timed_children(element: ET.Element) -> Iterator[ET.Element]:
    """The nearest within that have times of their own, and what is no text before that."""
    for child in element:
        name = _name(child.tag)
        if name not in TIMED or _is_reading(child):
            continue
        if name != "span" or _is_timed(child):
            yield child
        else:
            yield from _timed_children(child)


def _untimed(element: ET.Element) -> Iterator[str]:
    """The text of a paragraph without that of spans with times of their own."""
    yield _spaced(element.text)
    for child in element:
        name = _name(child.tag)
        if name == "br":
            yield "\n"
        elif name == "span" and not _is_timed(child) and not _is_reading(child):
            yield from _untimed(child)
        yield _spaced(child.tail)


def _is_timed(element: ET.Element) -> bool:
    return not element.attrib.keys().isdisjoint(("begin", "end", "dur"))


def _is_reading(element: ET.Element) -> bool:
    return any(_name(name) == "ruby" and value in NOT_SPOKEN for name, value in element.attrib.items())


def _spaced(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")


def _tidy(text: str) -> str:
    return "\\N".join(line.strip() for line in text.strip().split("\n"))


def _name(qualified: object) -> str:
    """A name without its namespace; '' of a comment."""
    return qualified.rpartition("}")[2] if isinstance(qualified, str) else ""
