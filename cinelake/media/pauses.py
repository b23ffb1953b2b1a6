"""May pictures or sound of a large broadcast stream pause? Seen in samples of its packets.

Where all steps of a stream's clock from sample to sample are short, none between two of its packets is long. Where one
stays long however near the samples are, the whole file is to be looked at (`cinelake.media.lengths.longest_pause_s`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable

from cinelake.media.file_bytes import FileBytes
from cinelake.media.restarts import ticks_of
from cinelake.media.transport import end_stamps

STEP_S = 3.0
"""How far apart samples are at first, where a film has as many bytes in every second."""
ROUNDS, PARTS = 4, 4
"""How often a step that is too long is looked at more closely, and into how many parts it is divided, then into as many
times more: a stream of few bytes is not in every sample."""
MOST_STEPS = 256
"""Where more steps are too long the file may as well be looked through."""
SAMPLE_S, FEWEST_BYTES, MOST_BYTES = 0.25, 1 << 17, 3 << 19
"""A sample has so many seconds of the film on the average."""
TICKS_S, ROUND_TICKS = 90_000, 1 << 33
"""Stamps count ticks of 1/90000 s and begin anew after 26.5 hours (ISO/IEC 13818-1, section 2.4.3.7)."""

_PES = re.compile(
    rb"\x00\x00\x01(?P<code>[\xbd\xc0-\xef])..(?:"
    rb"[\x80-\xbf](?:[\x80-\xbf](?P<rest>.)|[\xc0-\xff](?P<more>.).{5})"
    rb"|\xff{0,16}(?:[\x40-\x7f].)?(?=[\x20-\x3f])(?:[\x30-\x3f].{4})?)(?P<stamp>[\x10-\x3f].{4})",
    re.DOTALL,
)
"""A packet of a program stream with a time stamp, or two, the last of which is taken: by MPEG-2 (ISO/IEC 13818-1,
section 2.4.3.6), whose heads say how many bytes of them are left, or MPEG-1 (ISO/IEC 11172-1, section 2.4.3.3)."""
PRIVATE = 0xBD
"""Packets of all kinds of sound but MPEG's, whose first byte says which stream it is."""


def end_stamps_of_program(data: bytes, ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """The first and the last time stamp that a piece of a program stream has of each stream.

    ids: of the streams, as ffmpeg has them.
    """
    found: dict[int, tuple[int, int]] = {}
    for packet in _PES.finditer(data):
        rest = packet["rest"] or packet["more"]
        payload = packet.start() + 9 + rest[0] if rest else packet.end()
        code = packet["code"][0]
        stream = 0x100 | code if code != PRIVATE else data[payload] if payload < len(data) else 0
        if stream in ids:
            ticks = ticks_of(packet["stamp"])
            found[stream] = (found.get(stream, (ticks,))[0], ticks)
    return found


END_STAMPS = {"mpegts": end_stamps, "mpeg": end_stamps_of_program}
"""How a piece of a container's bytes is read."""


def may_pause(fd: int, container: str, ids: Iterable[int], length_s: float, pause_s: float) -> bool:
    """Whether a stream of a broadcast stream may have a step of its clock of more than `pause_s` seconds.

    ids: of its streams. length_s: of the film. A clock that goes back is no such step. A stream begins and ends with
    the file, so that one of which nothing is found in samples is looked at closely, too.
    """
    file, wanted, stamps_in = FileBytes(fd), frozenset(ids), END_STAMPS[container]
    size = round(min(max(file.size / length_s * SAMPLE_S, FEWEST_BYTES), MOST_BYTES))
    count = max(2, min(round(length_s / STEP_S), file.size // size))
    places = {max(0, file.size - size) * number // (count - 1) for number in range(count)}
    stamps: dict[int, list[tuple[int, int]]] = {stream: [] for stream in wanted}
    for parts in (PARTS**number for number in range(1, ROUNDS + 1)):
        for place in places:
            for stream, (first, last) in stamps_in(file.at(place, size), wanted).items():
                stamps[stream] += [(place, first), (place + size, last)]
        every = [stamp for known in stamps.values() for stamp in known]
        if not every:
            return False
        ends = [(-1, min(every)[1]), (file.size + 1, max(every)[1])]
        long = [step for known in stamps.values() for step in _long_steps([*known, *ends], pause_s)]
        if len(long) > MOST_STEPS:
            return True
        places = {max(0, first) + (end - first) * part // parts for first, end in long for part in range(1, parts)}
    return bool(long)


def _long_steps(stamps: list[tuple[int, int]], pause_s: float) -> list[tuple[int, int]]:
    """From which place to which a stream's clock goes on by more than `pause_s` seconds. stamps: by place."""
    return [
        (first, end)
        for (first, before), (end, after) in itertools.pairwise(sorted(stamps))
        if pause_s * TICKS_S < (after - before) % ROUND_TICKS < ROUND_TICKS // 2
    ]
