"""Files of subtitles as lines of plain text with their times: SubRip, WebVTT, Advanced SubStation Alpha."""

from __future__ import annotations

import html
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cinelake.errors import BadSubtitles

if TYPE_CHECKING:
    import pysubs2

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa")
MAX_BYTES = 8 << 20
"""A film's subtitles are about 100 kB; what is larger is no subtitles."""
MAX_LINE = 5_000
"""Characters of one line of the file."""
MAX_EVENT = 20_000
"""Characters, markup included, of what is shown at once."""
FORMATS = ("srt", "vtt", "ass", "ssa")
"""The formats that `SUFFIXES` stand for; such a file may also hold another one that pysubs2 knows (MicroDVD, SAMI)."""
MAX_OTHER_BYTES = 512 << 10
"""Of a file in another format: pysubs2 reads some of them in quadratic time."""
_TAG, _STYLE_TAG = re.compile(r"< */? *[a-zA-Z][^>]*>"), re.compile(r"< */? *[isub] *>")
_OVERRIDES = re.compile(r"{[^}]*}")
_DRAWING = re.compile(r"\\p[0-9]|\\r(?![a-zA-Z_0-9 ])")
"""Overrides that begin (`p1`) and end (`p0`, a bare `r`) a drawing."""


@dataclass(frozen=True)
class SubtitleLine:
    """What is shown from `start_s` until before `end_s`, in seconds of the film. text: plain, several lines by \\n."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Lines:
    """The lines of one file, by time. dropped: how many were none: without text, or that end before they begin."""

    lines: tuple[SubtitleLine, ...]
    dropped: int = 0


def read_lines(file: Path, encoding: str | None = None) -> Lines:
    """The lines of a file of one of `SUFFIXES`; an empty file has none.

    encoding: of the file; None: UTF-8 or UTF-16 by its mark, else UTF-8, else what its bytes look like most.
    Raises `BadSubtitles` when it is too large, is no text, has no line of subtitles in it, or one that is too long.
    """
    text = _tidy(_text_of(file, encoding), file)
    if not text.strip():
        return Lines(())
    return _in_order(_events(text, file))


def _text_of(file: Path, encoding: str | None) -> str:
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise BadSubtitles(f"{file.name} has {size >> 20} MiB: at most {MAX_BYTES >> 20} MiB of subtitles are read")
        data = file.read_bytes()
    except OSError as error:
        raise BadSubtitles(f"{file.name} cannot be read: {error.strerror or error}") from error
    named = encoding or _mark(data)
    try:
        return data.decode(named or "utf-8")
    except (UnicodeError, LookupError) as error:
        if named:
            raise BadSubtitles(
                f"{file.name} is no text in {named}: {error}. Say its `encoding`, or convert it"
            ) from error
    return _guessed(data, file)


def _mark(data: bytes) -> str:
    """The encoding that a file's first bytes name, if they do."""
    marks = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    return next((name for mark, name in marks.items() if data.startswith(mark)), "")


def _guessed(data: bytes, file: Path) -> str:
    from charset_normalizer import from_bytes

    match = None if b"\0" in data else from_bytes(data[: 1 << 18]).best()
    if match is None:
        raise BadSubtitles(
            f"{file.name} is no text: neither UTF-8 nor anything like another encoding. Convert it to UTF-8"
        )
    return data.decode(match.encoding, errors="replace")


def _tidy(text: str, file: Path) -> str:
    """Lines without blanks around them and runs of empty lines as one; of WebVTT only the cues.

    Notes, styles and names of cues are no subtitles. Raises `BadSubtitles` for lines that no subtitles have.
    """
    lines = [" ".join(line.split()) for line in text.replace("\0", "").splitlines()]
    longest = max(map(len, lines), default=0)
    if longest > MAX_LINE:
        raise BadSubtitles(f"{file.name} is no file of subtitles: one line has {longest:,} characters")
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    if not (kept and kept[0].startswith("WEBVTT")):
        return "\n".join(kept)
    blocks = [block.split("\n") for block in "\n".join(kept).split("\n\n")]
    cues = [block[i:] for block in blocks for i in (0, 1) if len(block) > i and "-->" in block[i]]
    return "\n\n".join(["WEBVTT", *("\n".join(cue) for cue in cues)])


def _events(text: str, file: Path) -> list[SubtitleLine]:
    import pysubs2

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _shown(_parsed(text, file), file)
    except (pysubs2.exceptions.Pysubs2Error, ValueError, OverflowError, IndexError, KeyError) as error:
        raise BadSubtitles(f"{file.name} has no subtitles of {', '.join(SUFFIXES)} in it: {error}") from error


def _parsed(text: str, file: Path) -> pysubs2.SSAFile:
    """What pysubs2 makes of a text; tags of SubRip and WebVTT are kept, for its way of removing them is quadratic."""
    import pysubs2

    detected = pysubs2.formats.autodetect_format(text[:10_000])
    if detected not in FORMATS and len(text) > MAX_OTHER_BYTES:
        raise BadSubtitles(
            f"{file.name} holds {detected}, of which at most {MAX_OTHER_BYTES >> 10} KiB are read: convert it to .srt"
        )
    if detected in ("ass", "ssa"):
        text = "\n".join(line for line in text.split("\n") if not _is_torn_heading(line))
    return pysubs2.SSAFile.from_string(text, detected, keep_html_tags=True)


def _is_torn_heading(line: str) -> bool:
    """Whether a line begins as a section's heading and never closes it: pysubs2 would search it in quadratic time."""
    opens = line.rfind("[", 0, 4)
    return opens >= 0 and "]" not in line[opens:]


def _shown(parsed: pysubs2.SSAFile, file: Path) -> list[SubtitleLine]:
    """The events that are text, without their markup. Raises `BadSubtitles` for one that is too long."""
    lines = []
    for event in parsed.events:
        if len(event.text) > MAX_EVENT:
            raise BadSubtitles(
                f"{file.name} is no file of subtitles: at {event.start / 1000:g} s it shows {len(event.text):,} "
                f"characters at once, at most {MAX_EVENT:,} are read"
            )
        with_tags = parsed.format in ("srt", "vtt")
        text, overrides = _without_overrides(_without_tags(event.text) if with_tags else event.text)
        if not event.is_comment and not _is_drawing(overrides):
            lines.append(SubtitleLine(event.start / 1000, event.end / 1000, _plain(text)))
    return lines


def _without_tags(text: str) -> str:
    """Text without tags of HTML; an empty override stands where a tag of style was, as it does for pysubs2.

    Only a `<` with a `>` after it opens a tag: those after the last `>` are not looked at, each of which would be
    followed to the end of the text. `_without_overrides` does the same with braces.
    """
    end = text.rfind(">") + 1
    return _TAG.sub("", _STYLE_TAG.sub("{}", text[:end])) + text[end:]


def _without_overrides(text: str) -> tuple[str, list[str]]:
    """Text as it is shown, with \\n between its lines, and the override sequences that were in it."""
    end = text.rfind("}") + 1
    shown = _OVERRIDES.sub("", text[:end]) + text[end:]
    for code, sign in ((r"\h", " "), (r"\n", "\n"), (r"\N", "\n")):
        shown = shown.replace(code, sign)
    return shown, _OVERRIDES.findall(text[:end])


def _is_drawing(overrides: list[str]) -> bool:
    """Whether any part of an event is a drawing: the state after each sequence of overrides counts."""
    for override in overrides:
        codes = _DRAWING.findall(override)
        if codes and codes[-1] not in (r"\r", r"\p0"):
            return True
    return False


def _plain(text: str) -> str:
    """Without entities (`&amp;`), signs that cannot be seen, and empty lines."""
    seen = "".join(sign for sign in html.unescape(text) if sign == "\n" or sign.isprintable())
    return "\n".join(line for line in (" ".join(part.split()) for part in seen.split("\n")) if line)


def _in_order(events: list[SubtitleLine]) -> Lines:
    kept = [line for line in events if line.text and 0 <= line.start_s < line.end_s]
    return Lines(tuple(sorted(kept, key=lambda line: (line.start_s, line.end_s))), len(events) - len(kept))
