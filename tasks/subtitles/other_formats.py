"""Files of subtitles in formats that pysubs2 knows and whose times or letters it would not read as they are meant.

MicroDVD says the rate it counts by in its first line; SAMI shows a text until the next one (an empty one takes it
away); TTML is XML, whose declaration names the encoding of bytes, not of a text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pysubs2

TTML_NAMESPACE = "http://www.w3.org/ns/ttml"
_XML_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_OWN_RATE = re.compile(r"\s*\{ ?([01]) ?\}\{ ?\1 ?\} ?(\d{1,3}(?:[.,]\d{1,9})?)\s*(?:\n|$)")
"""The first line of MicroDVD that says how many pictures a second has."""


def is_ttml(head: str) -> bool:
    """Whether a text that begins so is TTML, of which a whole film may be one line."""
    return head.lstrip().startswith("<") and TTML_NAMESPACE in head


def parse_other(text: str, form: str, fps: float | None) -> pysubs2.SSAFile:
    """The events of a text in a form that is neither SubRip, WebVTT nor SubStation Alpha; fps: of the film."""
    import pysubs2

    if form == "ttml":
        text = _XML_DECLARATION.sub("", text, count=1)
    if form == "microdvd" and (own := _OWN_RATE.match(text)) and (rate := float(own[2].replace(",", "."))):
        text, fps = text[own.end() :], rate
    parsed = pysubs2.SSAFile.from_string(text, form, fps=fps)
    if form == "sami":
        _end_at_the_next(parsed)
    return parsed


def _end_at_the_next(parsed: pysubs2.SSAFile) -> None:
    """Let each text end where the next one begins; that of the last one, which nothing ends, stays an estimate."""
    events = parsed.events
    for event, following in zip(reversed(events[:-1]), reversed(events[1:]), strict=True):
        if following.start >= event.start:
            event.end = following.start if following.start > event.start else following.end
    parsed.events = [event for event in events if event.plaintext.strip()]
