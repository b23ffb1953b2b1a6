"""Does the clock of a file begin anew within it, as where recordings are joined? Seen in its bytes, before decoding.

ffmpeg takes a clock that goes back for a new part, and lays it behind the one before. At a joint it gets packets of the
old part after the first of the new one, though (pictures and sound are stored apart), and is misled by all that are
nearer than ten seconds, which it takes for a pause: parts shorter than that came to lie too late.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from cinelake.media.file_bytes import FileBytes

JOINED_S, SPARSE_S = 1.0, 600.0
"""What is a jump of the clock: in files of joined parts, and where pictures come many seconds apart."""
FAR_S = 5.0
"""Where pictures and sound begin further apart than this, packets of one may be ten seconds behind the other's."""
SLOWEST_FPS = 0.25
"""Below this rate pictures are many seconds apart."""

MAX_OGG_BYTES, PIECE = 64 << 20, 1 << 20
"""Larger Ogg files are not searched: parts of less than ten seconds are small."""
PLACES, NEAR = 1024, 8192
"""How many places of a program stream are looked at, evenly spread, and how many bytes at each: some packs of a DVD."""
BACK = 9000
"""Ticks of 1/90000 s by which the clock goes back at least."""
RUNS, RUN_BYTES = 8, 4 << 20
"""Of a large file so many pieces are looked at pack by pack: angles may take turns every half second."""
FEWEST_TURNS, MOST_TURNS = 3, 40
"""So often at least does the clock go back where films take turns, and so many times are looked at (DVD: 9 angles)."""
FEWEST_STEPS = 2
"""So often at least does it go back to where all that takes turns has come."""

_PAGE = re.compile(rb"OggS\x00([\x00-\x07])", re.DOTALL)
_PACK = re.compile(rb"\x00\x00\x01\xba(.{5})", re.DOTALL)
OGG_BEGIN = 2
"""Flag of the first page of a stream (RFC 3533, section 6)."""


def jump_of(fd: int, container: str, fps: float, apart_s: float = 0.0) -> float | None:
    """Seconds by which the clock of a file jumps where more of it follows; None: as ffmpeg has it (ten seconds).

    container: that of a format whose clock may jump; fps: of its pictures, 0 where that is not known. apart_s: by how
    much pictures begin earlier or later than sound: the first packet of the later one is no jump.
    """
    file = FileBytes(fd)
    if (container == "ogg" and _is_chained(file)) or (container == "mpeg" and _goes_back(file)):
        return JOINED_S
    if fps < SLOWEST_FPS or FAR_S < apart_s <= SPARSE_S:
        return SPARSE_S
    return None


def _is_chained(file: FileBytes) -> bool:
    """Ogg: does a stream begin behind pages of another's content?"""
    if file.size > MAX_OGG_BYTES:
        return False
    has_content = False
    for flags in _matches(_PAGE, file):
        begins = bool(flags[0] & OGG_BEGIN)
        if begins and has_content:
            return True
        has_content = has_content or not begins
    return False


def _matches(pattern: re.Pattern[bytes], file: FileBytes) -> Iterator[bytes]:
    for place in range(0, file.size, PIECE):
        yield from (found[1] for found in pattern.finditer(file.at(place, PIECE + 5)))


def _goes_back(file: FileBytes) -> bool:
    """MPEG-PS: does the clock go back?"""
    return next(_restarts(_sampled(file)), None) is not None


def take_turns(file: FileBytes) -> bool:
    """MPEG-PS: are there several films that take turns, as the angles of a DVD do?

    The clock goes back again and again, to where it went back the last time, as the next angle begins there, too, or to
    the end of what all have shown, from where the first one goes on. (Joined films all begin early.)
    """
    if _is_in_turns(_restarts(_sampled(file))):
        return True
    if file.size <= PLACES * NEAR:
        return False
    starts = (file.size * number // RUNS for number in range(RUNS))
    return any(_is_in_turns(_restarts(_clocks_in(file.at(start, RUN_BYTES)))) for start in starts)


def _is_in_turns(restarts: Iterable[tuple[int, int]]) -> bool:
    turns = list(itertools.islice(restarts, MOST_TURNS))
    steps = [to >= end for (end, _), (_, to) in itertools.pairwise(turns)]
    again = [abs(to - before) < BACK for (_, before), (_, to) in itertools.pairwise(turns)]
    is_each = all(step or same for step, same in zip(steps, again, strict=True))
    return len(turns) >= FEWEST_TURNS and is_each and sum(steps) >= FEWEST_STEPS


def _restarts(clocks: Iterable[int]) -> Iterator[tuple[int, int]]:
    """From where a clock goes back, and to where."""
    before = -1
    for clock in clocks:
        if clock < before - BACK:
            yield before, clock
        before = clock


def _sampled(file: FileBytes) -> Iterator[int]:
    """The clock of packs at places that are evenly spread (ISO/IEC 13818-1, section 2.5.3.4)."""
    for place in range(0, file.size, max(NEAR // 2, file.size // PLACES)):
        yield from itertools.islice(_clocks_in(file.at(place, NEAR)), 1)


def _clocks_in(data: bytes) -> Iterator[int]:
    return (clock_of_pack(found[1]) for found in _PACK.finditer(data))


def clock_of_pack(head: bytes) -> int:
    """The clock (1/90000 s) in the first five bytes of a pack, of MPEG-2 or MPEG-1 (ISO/IEC 11172-1, 2.4.3.2)."""
    a, b, c, d, e = head
    if a >> 6 == 1:
        return (a >> 3 & 7) << 30 | (a & 3) << 28 | b << 20 | (c >> 3) << 15 | (c & 3) << 13 | d << 5 | e >> 3
    return ticks_of(head)


def ticks_of(stamp: bytes) -> int:
    """A time stamp (1/90000 s) of five bytes, in the head of a packet or of a pack by MPEG-1."""
    a, b, c, d, e = stamp
    return (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1
