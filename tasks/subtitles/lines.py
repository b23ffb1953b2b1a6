"""Files of subtitles as lines of plain text with their times: SubRip, WebVTT, Advanced SubStation Alpha."""

from __future__ import annotations

import html
import warnings
from dataclasses import dataclass
from pathlib import Path

from cinelake.errors import BadSubtitles

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa")
MAX_BYTES = 8 << 20
"""A film's subtitles are about 100 kB; what is larger is no subtitles."""
MAX_LINE = 5_000
"""Characters of one line of the file."""


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
    Raises `BadSubtitles` when it is too large, is no text, or has no line of subtitles in it.
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
            events = pysubs2.SSAFile.from_string(text)
    except (pysubs2.exceptions.Pysubs2Error, ValueError, OverflowError, IndexError, KeyError) as error:
        raise BadSubtitles(f"{file.name} has no subtitles of {', '.join(SUFFIXES)} in it: {error}") from error
    shown = [event for event in events if not event.is_comment and not event.is_drawing]
    return [SubtitleLine(event.start / 1000, event.end / 1000, _plain(event.plaintext)) for event in shown]


def _plain(text: str) -> str:
    """Without entities (`&amp;`), signs that cannot be seen, and empty lines."""
    seen = "".join(sign for sign in html.unescape(text) if sign == "\n" or sign.isprintable())
    return "\n".join(line for line in (" ".join(part.split()) for part in seen.split("\n")) if line)


def _in_order(events: list[SubtitleLine]) -> Lines:
    kept = [line for line in events if line.text and 0 <= line.start_s < line.end_s]
    return Lines(tuple(sorted(kept, key=lambda line: (line.start_s, line.end_s))), len(events) - len(kept))
