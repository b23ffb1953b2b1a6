"""Whole pictures or fields: what a film says of itself, checked on a sample of its pictures where that is not certain.

A film that says that its pictures are whole is believed, unless its size and rate are those of interlaced television:
then a few of its pictures are looked at. One that says that they are fields may still hold whole pictures (25 a second
in a stream for television), or film spread over fields. ffmpeg's `idet` compares neighbouring lines with those of the
pictures before and after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from cinelake.media.ffmpeg import run_ffmpeg, safe_input, words_of
from cinelake.spec.film import Scan

TELEVISION_LINES = (480, 486, 512, 576, 608, 1080, 1088)
"""Heights in which interlaced pictures are made."""
TELEVISION_FPS = (24.9, 30.1)
"""Rates at which they are shown: 25, 29.97, 30."""
NEVER_INTERLACED = ("vp8", "vp9", "av1", "theora", "gif", "png", "webp", "mjpeg")
"""Codecs that know no fields. (Interlaced MJPEG comes as fields, which ffmpeg puts together and flags.)"""
FLAGGED = range(2, 6)
"""libav's numbers of interlaced field orders."""
TOP_FIRST = (2, 4)

SAMPLES, SAMPLE_PICTURES = (0.15, 0.45, 0.75), 60
"""Where, as parts of the length, and how many pictures each are looked at where a film says that it has fields."""
GLANCES, GLANCE_PICTURES = (0.4, 0.7), 8
"""The same where it says that it has none: as many as it takes to see fields, at the next place where nothing moves."""
DEADLINE_S = 60.0

MUCH, LOPSIDED = 0.2, 4
"""Fields: so large a part of pictures has them, and one order so many times as often as the other."""
FILM_RATE = (29.0, 30.5)
REPEATED = (0.15, 0.45)
"""Share of pictures that repeat a field in film spread over fields: two of five of those in which something moves."""

Opened = Callable[[], AbstractContextManager[int]]
"""Opens the film and gives its descriptor."""

_COUNTS = re.compile(r"(Multi frame detection|Repeated Fields): (.*)")
_NUMBER = re.compile(r"(\w+): +(\d+)")


@dataclass(frozen=True)
class Fields:
    """What is known without looking: libav's field order, the first picture's flag, codec, lines and rate."""

    order: int
    first_is_interlaced: bool
    codec: str
    lines: int
    fps: float

    @property
    def says_interlaced(self) -> bool:
        """Whether the film says so, in its header or of its first picture."""
        return self.order in FLAGGED or self.first_is_interlaced

    @property
    def could_be(self) -> bool:
        """Whether it has the codec, the size and the rate of interlaced television."""
        low, high = TELEVISION_FPS
        return self.codec not in NEVER_INTERLACED and self.lines in TELEVISION_LINES and low <= self.fps <= high


@dataclass(frozen=True)
class FoundScan:
    """The scan, which field is first (None: whole pictures), and whether pictures say of themselves what they are."""

    scan: Scan = "progressive"
    top_first: bool | None = None
    is_flagged: bool = False


@dataclass(frozen=True)
class Tally:
    """How many pictures `idet` took for what, over all samples."""

    top: int = 0
    bottom: int = 0
    whole: int = 0
    unsure: int = 0
    repeated: int = 0
    repeated_top: int = 0

    @property
    def pictures(self) -> int:
        """All that were looked at."""
        return self.top + self.bottom + self.whole + self.unsure

    @property
    def is_interlaced(self) -> bool:
        """Whether many pictures have fields, of one order: fine patterns look like fields of either order."""
        most, least = max(self.top, self.bottom), min(self.top, self.bottom)
        return most >= max(1, MUCH * self.pictures) and most >= LOPSIDED * least and most > self.whole / 4

    @property
    def is_telecine(self) -> bool:
        """Whether two of five pictures repeat a field, the top one and the bottom one in turn."""
        share, top = self.repeated / max(self.pictures, 1), self.repeated_top / max(self.repeated, 1)
        return REPEATED[0] <= share <= REPEATED[1] and 0.3 <= top <= 0.7

    @property
    def is_whole(self) -> bool:
        """Whether it is certain that pictures are whole."""
        return not self.is_interlaced and (self.top + self.bottom + self.whole) >= MUCH * self.pictures > 0


def find_scan(opened: Opened, container: str, stream: int, fields: Fields, duration_s: float) -> FoundScan:
    """How a film's pictures are scanned; container: as the probe names it. Raises `DecodeTimeout`, `FilmMissing`."""
    flagged = fields.says_interlaced
    if not flagged and not fields.could_be:
        return FoundScan()
    if not flagged and not _seen_at_a_glance(opened, container, stream, duration_s):
        return FoundScan()
    tally = _looked_at(opened, container, stream, duration_s, SAMPLES, SAMPLE_PICTURES)
    if tally.is_whole or not (flagged or tally.is_interlaced):
        return FoundScan()
    by_header = fields.order in TOP_FIRST if fields.order in FLAGGED else None
    top_first = tally.top >= tally.bottom if tally.is_interlaced or by_header is None else by_header
    is_film = tally.is_telecine and FILM_RATE[0] <= fields.fps <= FILM_RATE[1]
    return FoundScan("telecine" if is_film else "interlaced", top_first, flagged)


def _seen_at_a_glance(opened: Opened, container: str, stream: int, duration_s: float) -> bool:
    """Whether a film has fields where something first moves."""
    for place in GLANCES if duration_s else GLANCES[:1]:
        tally = _looked_at(opened, container, stream, duration_s, (place,), GLANCE_PICTURES)
        if tally.is_interlaced or tally.is_whole:
            return tally.is_interlaced
    return False


def _looked_at(
    opened: Opened, container: str, stream: int, duration_s: float, places: Iterable[float], count: int
) -> Tally:
    lines: list[str] = []
    for place in places:
        with opened() as fd:
            options = words_of(safe_input(fd, container))
            options += ["-threads", "1"]  # each further thread decodes a picture that nobody looks at
            seek = ["-noaccurate_seek", "-ss", f"{duration_s * place:.3f}"] if duration_s else []
            wanted = ["-map", f"0:{stream}", "-frames:v", str(count), "-vf", "idet", "-f", "null", "-"]
            lines += run_ffmpeg([*options, *seek, "-i", "fd:", *wanted], deadline_s=DEADLINE_S, pass_fds=[fd]).facts
        if not duration_s:
            break
    return tally_of(lines)


def tally_of(lines: Iterable[str]) -> Tally:
    """The sum of what `idet` wrote."""
    sums: dict[str, int] = {}
    for line in lines:
        if match := _COUNTS.search(line):
            for name, number in _NUMBER.findall(match[2]):
                key = f"{match[1].split()[0]} {name}"
                sums[key] = sums.get(key, 0) + int(number)
    return Tally(
        top=sums.get("Multi TFF", 0),
        bottom=sums.get("Multi BFF", 0),
        whole=sums.get("Multi Progressive", 0),
        unsure=sums.get("Multi Undetermined", 0),
        repeated=sums.get("Repeated Top", 0) + sums.get("Repeated Bottom", 0),
        repeated_top=sums.get("Repeated Top", 0),
    )
