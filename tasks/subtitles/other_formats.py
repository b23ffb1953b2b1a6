"""Files of subtitles in formats that pysubs2 knows and whose times or letters it would not read as they are meant.

MicroDVD says the rate it counts by in its first line; SAMI shows a text until the next one (an empty one takes it
away), in one language or in several; of TTML pysubs2 knows neither frames nor ticks nor `dur` (`timed_text`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cinelake.errors import BadSubtitles
from tasks.subtitles.timed_text import NAMESPACE, parse_timed_text

if TYPE_CHECKING:
    import pysubs2

MOST_LANGUAGES = 32
"""Of a file of SAMI: the whole of it is gone through for each."""
END = "</BODY></SAMI>"
"""Closes the last text, whose block may be of another language."""
_SYNC, _PARAGRAPH = re.compile(r"(?=<sync\b)", re.IGNORECASE), re.compile(r"(?=<p\b)", re.IGNORECASE)
_CLASS = re.compile(r"<p\b[^>]{0,200}?\bclass ?= ?[\"']?([\w-]+)", re.IGNORECASE)
_STYLE = re.compile(r"\.([\w-]{1,40})\s{0,9}{[^{}]{0,300}?\blang\s{0,9}:\s{0,9}([a-zA-Z]{2,3})\b", re.IGNORECASE)
_OWN_RATE = re.compile(r"\s*\{ ?([01]) ?\}\{ ?\1 ?\} ?(\d{1,3}(?:[.,]\d{1,9})?)\s*(?:\n|$)")
"""The first line of MicroDVD that says how many pictures a second has."""


def is_ttml(head: str) -> bool:
    """Whether a text that begins so is TTML, of which a whole film may be one line."""
    return head.lstrip().startswith("<") and NAMESPACE.search(head) is not None


def languages_of(text: str) -> list[tuple[str | None, str]]:
    """The text of each language of SAMI, with the language where it is named; of any other text the text itself.

    Raises `BadSubtitles` for more languages than anybody writes.
    """
    if not text.lstrip()[:6].upper().startswith("<SAMI>"):
        return [(None, text)]
    head, *blocks = _SYNC.split(text)
    named = {name.lower(): language.lower() for name, language in _STYLE.findall(head)}
    classes = dict.fromkeys(name.lower() for block in blocks for name in _CLASS.findall(block))
    if len(classes) > MOST_LANGUAGES:
        raise BadSubtitles(
            f"the SAMI has {len(classes)} languages (classes), of which at most {MOST_LANGUAGES} are read"
        )
    if len(classes) < 2:
        return [(named.get(next(iter(classes), "")), text)]
    return [(named.get(name), head + "".join(_of_class(block, name) for block in blocks) + END) for name in classes]


def _of_class(block: str, name: str) -> str:
    """A block of SAMI with the paragraphs of one class, and those of none; '' without any."""
    sync, *paragraphs = _PARAGRAPH.split(block)
    own = [part for part in paragraphs if (found := _CLASS.match(part)) is None or found[1].lower() == name]
    return sync + "".join(own) if own else ""


def parse_other(text: str, form: str, fps: float | None) -> pysubs2.SSAFile:
    """The events of a text in a form that is neither SubRip, WebVTT nor SubStation Alpha; fps: of the film."""
    import pysubs2

    if form == "ttml":
        return parse_timed_text(text)
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
