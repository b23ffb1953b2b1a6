"""Files of subtitles in formats that pysubs2 knows and whose times or letters it would not read as they are meant.

MicroDVD says the rate it counts by in its first line; SAMI shows a text until the next one (an empty one takes it
away), in one language or in several; of TTML pysubs2 knows neither frames nor ticks nor `dur` (`timed_text`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from cinelake.errors import BadSubtitles
from tasks.subtitles.cues import Cues
from tasks.subtitles.timed_text import NAMESPACE, parse_timed_text

if TYPE_CHECKING:
    import pysubs2

MOST_LANGUAGES = 32
"""Of a file of SAMI: the whole of it is gone through for each."""
SAMI_HEAD = 3_000
"""Characters within which SAMI begins."""
END = "</BODY></SAMI>"
"""Closes the last text, whose block may be of another language."""
_SAMI = re.compile(r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)?<sami\b", re.IGNORECASE | re.DOTALL)
_START = re.compile(
    r"<sync\b[^>]{0,200}?\bstart\s{0,9}=\s{0,9}[\"']?(-?\d{1,12})(?:ms)?[\"']?[^>]{0,200}>", re.IGNORECASE
)
_SYNC, _PARAGRAPH = re.compile(r"(?=<sync\b)", re.IGNORECASE), re.compile(r"(?=<p\b)", re.IGNORECASE)
_CLASS = re.compile(r"<p\b[^>]{0,200}?\bclass ?= ?[\"']?([\w-]+)", re.IGNORECASE)
_STYLE = re.compile(r"\.([\w-]{1,40})\s{0,9}{[^{}]{0,300}?\blang\s{0,9}:\s{0,9}([a-zA-Z]{2,3})\b", re.IGNORECASE)
_OWN_RATE = re.compile(r"\s*\{ ?([01]) ?\}\{ ?\1 ?\} ?(\d{1,3}(?:[.,]\d{1,9})?)\s*(?:\n|$)")
"""The first line of MicroDVD that says how many pictures a second has."""
_MICRODVD = re.compile(r"\{ ?(-?\d+) ?\} ?\{ ?(-?\d*) ?\}(.*)")
LINE_FORMS = (_MICRODVD, re.compile(r"\[-?\d+\]\[-?\d+\]"), re.compile(r"\d{1,2}:\d\d:\d\d:"))
"""MicroDVD, MPL2 and TMPlayer: what each line of a file in one of these begins with."""
_SETTING = re.compile(r"\{[A-Z]+\}\{\}", re.IGNORECASE)
"""A line of MicroDVD that is no text, but says how all texts look."""
_PICTURES = re.compile(r"\d\d:\d\d:\d\d[:;]\d\d(?![^\s,;])")
"""A line that begins with a time code, as those of Scenarist and Spruce do."""
SHOWN_S = 5.0
"""How long the last text is shown whose end nobody says."""


def lines_alone(lines: Sequence[str]) -> Cues:
    """Lines that are not empty; of a form in which each is a text with its time, those alone, and how many are none."""
    kept = [line for line in lines if line.strip()]
    if is_sami("\n".join(kept[:20])):
        return _syncs_alone("\n".join(kept))
    if sum(bool(_PICTURES.match(line)) for line in kept) * 2 >= max(1, len(kept)):
        raise BadSubtitles("its times count pictures, at a rate that it does not say: convert it to .srt")
    for form in LINE_FORMS:
        whole = [line for line in kept if form.match(line)]
        if len(whole) * 2 > len(kept):
            settings = sum(bool(_SETTING.match(line)) for line in kept)
            return Cues("\n".join(whole), len(kept) - len(whole) - settings, "microdvd" * (form is _MICRODVD))
    return Cues("\n".join(kept))


def is_ttml(head: str) -> bool:
    """Whether a text that begins so is TTML, of which a whole film may be one line."""
    return head.lstrip().startswith("<") and NAMESPACE.search(head) is not None


def is_sami(head: str) -> bool:
    """Whether a text that begins so is SAMI."""
    return _SAMI.match(head) is not None


def _syncs_alone(text: str) -> Cues:
    """SAMI without the texts whose times cannot be read."""
    head, *blocks = _SYNC.split(text)
    whole = [_START.sub(r"<SYNC Start=\1>", block, count=1) for block in blocks if _START.match(block)]
    return Cues(_SAMI.sub("<SAMI", head, count=1) + "".join(whole), len(blocks) - len(whole))


def languages_of(text: str) -> list[tuple[str | None, str]]:
    """The text of each language of SAMI, with the language where it is named; of any other text the text itself.

    Raises `BadSubtitles` for more languages than anybody writes.
    """
    if not is_sami(text[:SAMI_HEAD]):
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
    if form == "microdvd":
        text = _with_ends(text, fps)
    parsed = pysubs2.SSAFile.from_string(text, form, fps=fps)
    if form == "sami":
        _end_at_the_next(parsed)
    return parsed


def _with_ends(text: str, fps: float | None) -> str:
    """MicroDVD with the end of every text, which where it is left out is the next one's beginning; none before 0."""
    found = [match.groups() for line in text.split("\n") if (match := _MICRODVD.match(line))]
    begins = [int(begin) for begin, _, _ in found]
    last = begins[-1] + round(SHOWN_S * (fps or 0)) if begins else 0
    spans = zip(found, pairwise([*begins, last]), strict=True)
    return "\n".join(
        f"{{{max(0, begin)}}}{{{max(0, int(end) if end else following)}}}{words}"
        for (_, end, words), (begin, following) in spans
    )


def _end_at_the_next(parsed: pysubs2.SSAFile) -> None:
    """Let each text end where the next one begins; that of the last one, which nothing ends, stays an estimate."""
    events = parsed.events
    for event, following in zip(reversed(events[:-1]), reversed(events[1:]), strict=True):
        if following.start >= event.start:
            event.end = following.start if following.start > event.start else following.end
    parsed.events = [event for event in events if event.plaintext.strip()]
