"""A timeline as FCPXML 1.8, Final Cut Pro's exchange format, with exact times at every rate.

OpenTimelineIO's own writer leaves out the frame duration at 23.976, 29.97 and 59.94 pictures a second, or writes times
between pictures; here each time is a whole number of pictures over the rate's fraction, as Apple's document of the
format asks.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree

VERSION = "1.8"
LIMIT = 1001
NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot hold, by no means: names of files and titles may."""
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n'


def fcpxml_text(timeline: Any, *, drop: bool, size: tuple[int, int] | None = None) -> str:
    """The first track of pictures of an OpenTimelineIO timeline as FCPXML. size: width and height of the film."""
    track = timeline.video_tracks()[0]
    first = next(iter(track.find_clips()))
    frame = _frame_duration(first.source_range.start_time.rate)
    root = ElementTree.Element("fcpxml", version=VERSION)
    resources = ElementTree.SubElement(root, "resources")
    shape = {"width": str(size[0]), "height": str(size[1])} if size else {}
    ElementTree.SubElement(resources, "format", id="r1", frameDuration=_seconds(frame)).attrib.update(shape)
    _asset(resources, first, frame, bool(timeline.audio_tracks()))
    project = ElementTree.SubElement(ElementTree.SubElement(root, "event", name=timeline.name), "project")
    project.set("name", timeline.name)
    about = {"format": "r1", "tcStart": "0s", "tcFormat": "DF" if drop else "NDF"}
    length = _time(track.duration(), frame)
    spine = ElementTree.SubElement(ElementTree.SubElement(project, "sequence", {"duration": length, **about}), "spine")
    for child in track:
        _child(spine, child, frame, about["tcFormat"])
    ElementTree.indent(root)
    return HEAD + NO_XML.sub("\ufffd", ElementTree.tostring(root, encoding="unicode")) + "\n"


def _asset(resources: Any, clip: Any, frame: Fraction, has_sound: bool) -> None:
    whole = clip.media_reference.available_range
    about = {"id": "r2", "name": clip.media_reference.name or clip.name, "src": clip.media_reference.target_url}
    about |= {"start": _time(whole.start_time, frame), "duration": _time(whole.duration, frame), "format": "r1"}
    about |= {"hasVideo": "1", **({"hasAudio": "1"} if has_sound else {})}
    asset = ElementTree.SubElement(resources, "asset", about)
    if reel := str(clip.metadata.get("cmx_3600", {}).get("reel", "")):
        facts = ElementTree.SubElement(asset, "metadata")
        ElementTree.SubElement(facts, "md", key="com.apple.proapps.studio.reel", value=reel)


def _child(spine: Any, child: Any, frame: Fraction, form: str) -> None:
    placed = child.range_in_parent()
    about = {"offset": _time(placed.start_time, frame), "name": child.name or "Gap"}
    about |= {"duration": _time(placed.duration, frame), "start": _time(child.source_range.start_time, frame)}
    if child.schema_name() == "Gap":
        ElementTree.SubElement(spine, "gap", about)
        return
    clip = ElementTree.SubElement(spine, "asset-clip", {**about, "ref": "r2", "format": "r1", "tcFormat": form})
    for marker in child.markers:
        span = marker.marked_range
        times = {"start": _time(span.start_time, frame), "duration": _time(span.duration, frame)}
        ElementTree.SubElement(clip, "marker", {**times, "value": marker.name})


def _frame_duration(rate: float) -> Fraction:
    """1/24 s at 24, 1001/24000 s at 23.976: rates of SMPTE ST 12-1 are whole, or whole × 1000/1001."""
    whole = Fraction(round(rate))
    return 1 / whole if abs(rate - whole) < 1e-6 else Fraction(LIMIT, 1000 * round(rate))


def _time(time: Any, frame: Fraction) -> str:
    return _seconds(round(time.value) * frame)


def _seconds(value: Fraction) -> str:
    return f"{value.numerator}s" if value.denominator == 1 else f"{value.numerator}/{value.denominator}s"
