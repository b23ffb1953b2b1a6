"""Files of subtitles as lines of plain text with their times: SubRip, WebVTT, Advanced SubStation Alpha, and others."""

from __future__ import annotations

import html
import re
import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cinelake.errors import BadSubtitles
from tasks.subtitles.cues import Cues, well_written, without_repeats
from tasks.subtitles.encodings import guessed_encoding, switched_encoding, utf16_without_mark
from tasks.subtitles.other_formats import is_sami, is_ttml, languages_of, lines_alone, parse_other

if TYPE_CHECKING:
    import pysubs2

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa", ".sub", ".smi", ".sami", ".ttml", ".dfxp", ".itt", ".mpl", ".sbv")
MAX_BYTES = 8 << 20
"""A film's subtitles are about 100 kB; what is larger is no subtitles."""
MAX_LINE = 5_000
"""Characters of one line of the file."""
MAX_EVENT = 20_000
"""Characters, markup included, of what is shown at once."""
FORMATS = ("srt", "vtt", "ass", "ssa")
"""Those of the first suffixes, which are read by our rules; any file may hold another one that pysubs2 knows: MicroDVD
(.sub), SAMI, TTML (.dfxp too), MPL2. SubViewer (.sub) and SBV are SubRip without arrows."""
PARSERS_RAISE = (
    *(ValueError, ArithmeticError, LookupError, AttributeError, TypeError, NameError, SyntaxError, RuntimeError),
)
"""What parsers of XML and JSON, and those that pysubs2 has of other formats, raise for what is none."""
LATEST_S = 100 * 3600.0
"""No film is longer, and SubRip can name no later time; what says a later one is broken."""
MAX_OTHER_BYTES = 512 << 10
"""Of a file in another format: pysubs2 reads some of them in quadratic time."""
USUAL_FIELDS = (*("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"),)
"""Of an event of SubStation Alpha; the first one is `marked` in its older version."""
_EVENT_TIME = re.compile(r"-?\d{1,2}:\d{1,2}:\d{1,2}(?:[.,]\d{1,3})?")
HEAD = 10_000
"""By so many characters the format of a text is known."""
MOST_DAMAGED, SOME_TEXT, MORE_GOOD = 0.01, 40, 4
"""Of a damaged file at most this share cannot be read, one sign of more than so many, and so many times more can."""
LETTERS = range(0xA1, 0xFE)
"""Bytes beyond ASCII that are letters in one or another of the usual encodings of one byte a sign."""
_STYLE_TAG = re.compile(r"< ?/? ?[isub] ?>", re.IGNORECASE)
_TAG = re.compile(
    r"< ?/? ?(?:[bciuspq]|em|strong|big|small|sub|sup|tt|ruby|rt|rp|br|center)(?:\.[^<>]*)? ?/? ?>"
    r"|< ?/? ?(?:font|span|div|p|a|img)(?: [^<>]*)? ?>|<\d[\d:.,]{4,}>",
    re.IGNORECASE,
)
"""Tags of HTML that subtitles have, and word times (`<00:00:00.560>`). Other angle brackets are text."""
_VOICE_TAG = re.compile(r"</?(?:v|lang)(?:[. ][^<>]*)?>")
"""Who speaks, in which language: in WebVTT alone."""
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
class CueLines:
    """The lines of one file, by time.

    dropped: how many were none: without text or times, or that end before they begin, or later than any film.
    bad_bytes: how many bytes of the file are no text. guessed: the encoding that the file was taken to be in; '' where
    it says it, or is UTF-8.
    """

    lines: tuple[SubtitleLine, ...]
    dropped: int = 0
    bad_bytes: int = 0
    guessed: str = ""

    def moved(self, by_s: float) -> CueLines:
        """The same lines this much later; those that would end before the film begins are dropped."""
        later = [replace(line, start_s=max(0.0, line.start_s + by_s), end_s=line.end_s + by_s) for line in self.lines]
        kept = tuple(line for line in later if line.start_s < line.end_s)
        return replace(self, lines=kept, dropped=self.dropped + len(later) - len(kept))


def read_lines(file: Path, encoding: str | None = None, fps: float | None = None) -> CueLines:
    """The lines of a file of one of `SUFFIXES`; an empty file has none.

    encoding: of the file; None: UTF-8 or UTF-16 by its mark, else UTF-8, else what its bytes look like most. fps: of
    the film, for files that count in its pictures and do not say how many a second has.
    Raises `BadSubtitles` when it is too large, is no text, has no line of subtitles in it, or one that is too long.
    """
    return _lines_of(_text_of(file, encoding), file, fps)


def read_sets(file: Path, encoding: str | None = None, fps: float | None = None) -> list[tuple[str | None, CueLines]]:
    """The same for each language of a file, with its name where the file names it. Raises as `read_lines` does."""
    read = _text_of(file, encoding)
    return [(name, _lines_of(replace(read, text=text), file, fps)) for name, text in languages_of(read.text)]


def _lines_of(read: _Text, file: Path, fps: float | None) -> CueLines:
    cues = _tidy(read.text, file)
    lines = _in_order(_events(cues, file, fps) if cues.text.strip() else [])
    return CueLines(lines.lines, lines.dropped + cues.broken, read.bad_bytes, read.guessed)


@dataclass(frozen=True)
class _Text:
    """A file's text, how many of its bytes are no text and shown as `\ufffd`, and which encoding was guessed."""

    text: str
    bad_bytes: int = 0
    guessed: str = ""


def _text_of(file: Path, encoding: str | None) -> _Text:
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise BadSubtitles(f"{file.name} has {size >> 20} MiB: at most {MAX_BYTES >> 20} MiB of subtitles are read")
        data = file.read_bytes()
    except OSError as error:
        raise BadSubtitles(f"{file.name} cannot be read: {error.strerror or error}") from error
    named = encoding or _mark(data) or utf16_without_mark(data) or switched_encoding(data)
    try:
        return _Text(data.decode(named or "utf-8"))
    except UnicodeError as error:
        damaged = _damaged(data, named)
        if damaged is None and named:
            raise BadSubtitles(
                f"{file.name} is no text in {named}: {error}. Say its `encoding`, or convert it"
            ) from error
        return damaged or _guessed(data, file)
    except LookupError as error:
        raise BadSubtitles(f"{file.name} cannot be read: there is no encoding {named!r}") from error


def _mark(data: bytes) -> str:
    """The encoding that a file's first bytes name, if they do."""
    marks = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    return next((name for mark, name in marks.items() if data.startswith(mark)), "")


def _damaged(data: bytes, named: str) -> _Text | None:
    """The text of a file with a few bytes that its encoding does not have; None where it is in another encoding.

    Without a name, UTF-8 is meant where far more signs beyond ASCII can be read than not, or where no byte is one that
    the usual encodings have for a letter.
    """
    text = data.decode(named or "utf-8", errors="replace")
    bad = text.count("\ufffd")
    if bad > max(len(text) > SOME_TEXT, MOST_DAMAGED * len(text)):
        return None
    good = sum(1 for sign in text if not sign.isascii()) - bad
    no_letters = not any(byte in LETTERS for byte in data if byte > 0x7F)
    return _Text(text, bad) if named or no_letters or good >= MORE_GOOD * bad else None


def _guessed(data: bytes, file: Path) -> _Text:
    if 0 < data.count(b"\0") <= MOST_DAMAGED * len(data):
        data = data.replace(b"\0", b"")
    encoding = None if b"\0" in data else guessed_encoding(data)
    if encoding is None:
        raise BadSubtitles(
            f"{file.name} is no text: neither UTF-8 nor anything like another encoding. Convert it to UTF-8"
        )
    text = data.decode(encoding, errors="replace")
    return _Text(unicodedata.normalize("NFC", text) if encoding == "cp1258" else text, guessed=encoding)


def _tidy(text: str, file: Path) -> Cues:
    """Lines without blanks around them; of SubRip and WebVTT only the cues, well written.

    Raises `BadSubtitles` for lines that no subtitles have.
    """
    if is_ttml(text[:HEAD]):
        return Cues(text)
    ended = text.replace("\0", "").replace("\r\r\n", "\n")
    lines = [" ".join(line.split()) or line[:1] for line in ended.splitlines()]
    longest = max(map(len, lines), default=0)
    if longest > MAX_LINE:
        raise BadSubtitles(f"{file.name} is no file of subtitles: one line has {longest:,} characters")
    cues = well_written(lines) or substation_alone(lines) or lines_alone(lines)
    if cues.broken and not cues.text.strip():
        raise BadSubtitles(f"{file.name} has {cues.broken} cues, and of none can the times be read")
    return cues


def _events(cues: Cues, file: Path, fps: float | None) -> list[SubtitleLine]:
    import pysubs2

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _shown(_parsed(cues, file, fps), file)
    except (pysubs2.exceptions.Pysubs2Error, *PARSERS_RAISE) as error:
        raise BadSubtitles(f"{file.name} has no subtitles of {', '.join(SUFFIXES)} in it: {error}") from error


def _parsed(cues: Cues, file: Path, fps: float | None) -> pysubs2.SSAFile:
    """What pysubs2 makes of a text; tags of SubRip and WebVTT are kept, for its way of removing them is quadratic."""
    import pysubs2

    text, head = cues.text, cues.text[:HEAD]
    if cues.form in FORMATS:
        return pysubs2.SSAFile.from_string(text, cues.form, keep_html_tags=True)
    own = "ttml" if is_ttml(head) else "sami" if is_sami(head) else _without_styles(head)
    detected = cues.form or own or pysubs2.formats.autodetect_format(head)
    if detected not in (*FORMATS, "ttml") and len(text) > MAX_OTHER_BYTES:
        raise BadSubtitles(
            f"{file.name} holds {detected}, of which at most {MAX_OTHER_BYTES >> 10} KiB are read: convert it to .srt"
        )
    if detected == "srt":
        raise BadSubtitles(f"{file.name} has times that are those of no cues: convert it to .srt")
    if detected not in FORMATS:
        other = parse_other(text, detected, fps)
        if not other.events:
            raise BadSubtitles(f"{file.name} holds {detected} without a line of subtitles: is it whole?")
        return other
    return pysubs2.SSAFile.from_string(text, detected, keep_html_tags=True)


def _without_styles(head: str) -> str:
    """The form of SubStation Alpha that has events and no styles, by which pysubs2 knows it; '' of any other text."""
    sections = head.lower()
    if "[script info]" not in sections or "[events]" not in sections or "styles]" in sections:
        return ""
    return "ass" if "v4.00+" in sections else "ssa"


def substation_alone(lines: Sequence[str]) -> Cues | None:
    """SubStation Alpha whose events have the fields that pysubs2 takes them to have, whatever the file says.

    What has times that cannot be read is left out. None where the text is something else.
    """
    if not any(line.lower().startswith(("[script info]", "[events]", "[v4")) for line in lines):
        return None
    fields: tuple[str, ...] = USUAL_FIELDS
    in_events = False
    kept: list[str] = []
    broken = 0
    for line in (line for line in lines if line.strip() and not _is_torn_heading(line)):
        kind, _, content = line.partition(":")
        in_events = line.lower().startswith("[events]") or (in_events and not line.startswith("["))
        if in_events and kind == "Format":
            fields = tuple(field.strip().lower() for field in content.split(","))
        elif in_events and kind in ("Dialogue", "Comment"):
            own = dict(zip(fields, (part.strip() for part in content.split(",", len(fields) - 1)), strict=False))
            if not all(_EVENT_TIME.fullmatch(own.get(name, "")) for name in ("start", "end")):
                broken += kind == "Dialogue"
                continue
            line = f"{kind}: " + ",".join(own.get(name, "" if name == "text" else "0") for name in USUAL_FIELDS)
        kept.append(line)
    return Cues("\n".join(kept), broken)


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
        text = _plain(_without_overrides(_without_tags(event.text, parsed.format) if with_tags else event.text))
        if not event.is_comment and (text or not _draws(event.text)):
            lines.append(SubtitleLine(event.start / 1000, event.end / 1000, text))
    return lines


def _draws(text: str) -> bool:
    """Whether an event has a drawing in it: one that is nothing else is no line that lost its text."""
    return r"\p" in text


def _without_tags(text: str, form: str | None) -> str:
    """Text without tags of HTML; an empty override stands where a tag of style was, as it does for pysubs2."""
    without = _TAG.sub("", _STYLE_TAG.sub("{}", text))
    return _VOICE_TAG.sub("", without) if form == "vtt" else without


def _without_overrides(text: str) -> str:
    """Text as it is shown, with \\n between its lines: without override sequences, and without drawings.

    Only a `{` with a `}` after it opens a sequence: those after the last `}` are not looked at, each of which would be
    followed to the end of the text.
    """
    end = text.rfind("}") + 1
    parts, at, draws = [], 0, False
    for override in _OVERRIDES.finditer(text, 0, end):
        parts += [] if draws else [text[at : override.start()]]
        codes = _DRAWING.findall(override[0])
        draws = codes[-1] not in (r"\r", r"\p0") if codes else draws
        at = override.end()
    shown = "".join(parts) + ("" if draws else text[at:])
    for code, sign in ((r"\h", " "), (r"\n", "\n"), (r"\N", "\n")):
        shown = shown.replace(code, sign)
    return shown


def _plain(text: str) -> str:
    """Without entities (`&amp;`), signs that cannot be seen, and empty lines."""
    seen = "".join(sign for sign in html.unescape(text) if sign.isspace() or sign.isprintable())
    return "\n".join(line for line in (" ".join(part.split()) for part in seen.split("\n")) if line)


def _in_order(events: list[SubtitleLine]) -> CueLines:
    """By time, from the film's start on; of captions that roll each line once."""
    shown = [replace(line, start_s=max(0.0, line.start_s)) for line in events]
    kept = [line for line in shown if line.text and line.start_s < line.end_s <= LATEST_S]
    ordered = sorted(kept, key=lambda line: (line.start_s, line.end_s))
    said = without_repeats([(line.start_s, line.end_s, line.text) for line in ordered])
    lines = ordered if said is None else [SubtitleLine(*cue) for cue in said]
    return CueLines(tuple(lines), len(events) - len(kept))
