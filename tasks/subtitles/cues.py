"""SubRip and WebVTT as people write them, turned into SubRip and WebVTT as the parser reads them.

Cues without a fraction of a second, hours or a blank line before them, numbers of cues, notes, styles: what stands
between a cue's times and the next cue's is its text, and nothing else is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_MINUS = r"[-\u2212] ?"
"""Before a time that is earlier than the film: it is read as the film's start."""
_TIME = r"(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2})(?:[.,;](\d{1,3})|:(\d{3}))?"
LATEST_HOURS = 100
"""From here on no film is."""
_ARROW = r" ?(?:[-\u2013\u2014]{1,3} ?>|=>|\u2192) ?"
_TIMES = re.compile(rf"({_MINUS})?{_TIME}{_ARROW}({_MINUS})?{_TIME}(?![\d:.,])")
_WHOLE_TIME = rf"(?:{_MINUS})?\d{{1,9}}:\d\d:\d\d[.,]\d{{1,3}}"
_PAIRS = re.compile(rf"({_WHOLE_TIME})(?: ?, ?| ?- ?| )({_WHOLE_TIME})")
"""Times without an arrow, as SubViewer (`.sub`) and SBV have them: nothing else stands in their line."""
_BEGINS = re.compile(r"[-\d\u2212\ufffd]")
_BROKEN_CUE = re.compile(r"[-\d\u2212\ufffd][^a-zA-Z<>]* ?-->[^a-zA-Z<>]*\d")
"""A line that is nothing but the times of a cue, written as nobody reads them."""
_LINE_BREAK = re.compile(r"\[br\]", re.IGNORECASE)
_BROKEN_TIMES = re.compile(r"[\d\ufffd] ?-->|--> ?[\d\ufffd]")
_CLOCK_PART = re.compile(r"[\d\ufffd]:")
"""Two of them make a line with an arrow the times of a cue, wherever it stands."""
_NUMBER = re.compile(r"[\d\ufffd]{1,8}")
_NOT_TEXT = re.compile(r"(NOTE|STYLE|REGION|X-TIMESTAMP-MAP)(?![a-z])")
"""How blocks of WebVTT begin that are no cues."""


@dataclass
class SubtitleCue:
    """times: as the parser reads them, or '' where they could not be read. is_over: whether its text has ended."""

    times: str
    text: list[str] = field(default_factory=list)
    is_over: bool = False


@dataclass(frozen=True)
class Cues:
    """text: the cues alone, well written. broken: how many were left out, since their times cannot be read.

    form: `srt`, `vtt` or `microdvd`; '' where the text is none of these.
    """

    text: str
    broken: int = 0
    form: str = ""


def well_written(lines: Sequence[str]) -> Cues | None:
    """The cues of SubRip or WebVTT; None where the text is neither.

    lines: with blanks around them and runs of blanks made one; a line of blanks alone is one blank, an empty one ''.
    """
    is_vtt = next((line for line in lines if line.strip()), "").startswith("WEBVTT")
    has_arrows = any(
        _TIMES.match(line) or (_BEGINS.match(line) and _is_broken(line, _may_begin(lines, number, is_vtt)))
        for number, line in enumerate(lines)
    )
    if not is_vtt and not has_arrows:
        if not any(_PAIRS.fullmatch(line) for line in lines):
            return None
        paired = [pair.expand(r"\1 --> \2") if (pair := _PAIRS.fullmatch(line)) else line for line in lines]
        lines = [part for line in paired for part in _LINE_BREAK.split(line)]
    cues: list[SubtitleCue] = []
    for number, line in enumerate(lines):
        times = _times_of(line, "." if is_vtt else ",", may_begin=_may_begin(lines, number, is_vtt))
        if times is not None:
            _end(cues, is_over=False)
            cues.append(SubtitleCue(times))
        elif cues and not cues[-1].is_over:
            _add(cues[-1], line, lines[number + 1 : number + 3], is_vtt)
    _end(cues, is_over=True)
    whole = [cue for cue in cues if cue.times]
    head = ["WEBVTT", ""] if is_vtt else []
    blocks = ["\n".join([*([] if is_vtt else [str(n)]), cue.times, *cue.text]) for n, cue in enumerate(whole, 1)]
    # The parser takes a number at the end of a text for the next cue's: the last cue has one behind it too.
    end = [] if is_vtt else [str(len(whole) + 1)]
    text = "\n".join([*head, "\n\n".join([*blocks, *end])]) if whole or not cues else ""
    return Cues(text, len(cues) - len(whole), "vtt" if is_vtt else "srt")


def _may_begin(lines: Sequence[str], number: int, is_vtt: bool) -> bool:
    """Whether a cue's times may stand in a line: behind an empty one, a cue's number, or in WebVTT its name."""
    second, before = ["", "", *lines[max(0, number - 2) : number]][-2:]
    is_name = is_vtt and not second.strip() and "-->" not in before
    return not before.strip() or _NUMBER.fullmatch(before) is not None or is_name


def _is_broken(line: str, may_begin: bool) -> bool:
    """Whether a line is a cue's times that cannot be read.

    An arrow between bare numbers (`5 --> 6`) is text where no cue may begin.
    """
    if "-->" not in line or not (may_begin or len(_CLOCK_PART.findall(line)) > 1):
        return False
    return bool(_BROKEN_CUE.match(line) or (":" in line and _BROKEN_TIMES.search(line)))


def _times_of(line: str, point: str = ",", may_begin: bool = True) -> str | None:
    """A cue's times as the parser reads them, '' for times that are broken, None for a line of text."""
    found = _TIMES.match(line)
    if found is None:
        return "" if _is_broken(line, may_begin) else None
    parts = [part or "" for part in found.groups()]
    if max(int(parts[place] or 0) for place in (1, 7)) >= LATEST_HOURS:
        return ""
    begin, end = (
        f"00:00:00{point}000"
        if minus
        else f"{int(hours or 0):02d}:{int(minutes):02d}:{int(seconds):02d}{point}{(fraction or whole).ljust(3, '0')}"
        for minus, hours, minutes, seconds, fraction, whole in (parts[:6], parts[6:])
    )
    return f"{begin} --> {end}"


def _add(cue: SubtitleCue, line: str, after: Sequence[str], is_vtt: bool) -> None:
    """Add a line of text to a cue. WebVTT ends a cue at an empty line; SubRip knows no end but the next cue."""
    if line.strip():
        cue.text.append(line)
    elif is_vtt and (cue.text or _is_another_block(after)):
        cue.is_over = True
    elif cue.text:
        cue.text.append("")


def _is_another_block(after: Sequence[str]) -> bool:
    """Whether what follows an empty line is another cue or a note, not the text that a cue's times wait for."""
    first, second = [*after, "", ""][:2]
    is_cue = _times_of(first) is not None or _times_of(second) is not None
    return is_cue or not first.strip() or bool(_NOT_TEXT.match(first))


def _end(cues: list[SubtitleCue], *, is_over: bool) -> None:
    """Take the next cue's number, where there is a next one, and empty lines off the last cue's text."""
    if not cues:
        return
    text = cues[-1].text
    if not is_over and not cues[-1].is_over and text and _NUMBER.fullmatch(text[-1]):
        text.pop()
    cues[-1].text = [line for line in text if line]


def without_repeats(shown: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]] | None:
    """What rolling captions say, each line once, when it first appears; None where captions do not roll.

    shown: start, end and text of each cue, in order of time. Captions roll where most cues begin, as the one before
    ends, with the lines that it ended with: YouTube's, and those of live television.
    """
    kept: list[tuple[float, float, str]] = []
    repeats = rolls = 0
    for number, (start, end, text) in enumerate(shown):
        before = shown[number - 1] if number else None
        lines = text.split("\n")
        again = _repeated(before[2].split("\n"), lines) if before and abs(start - before[1]) <= NEAR_S else 0
        repeats += bool(again)
        rolls += 0 < again < len(lines)
        if again < len(lines):
            kept.append((start, end, "\n".join(lines[again:])))
        elif kept and lines[-1] == kept[-1][2].split("\n")[-1] and abs(start - kept[-1][1]) <= NEAR_S:
            kept[-1] = (kept[-1][0], end, kept[-1][2])
    return kept if rolls and repeats * 2 >= len(shown) - 1 else None


NEAR_S = 0.05
"""A cue that begins this near to another's end follows it at once."""


def _repeated(before: Sequence[str], lines: Sequence[str]) -> int:
    """How many lines at a cue's beginning are those at the end of the one before."""
    most = min(len(before), len(lines))
    return next((count for count in range(most, 0, -1) if list(before[-count:]) == list(lines[:count])), 0)
