"""May pictures or sound of a large transport stream pause? Seen in samples of its packets.

Where all steps of a stream's clock from sample to sample are short, none between two of its packets is long. Where one
stays long however near the samples are, the whole file is to be looked at (`cinelake.media.lengths.longest_pause_s`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from cinelake.media.file_bytes import FileBytes
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


def may_pause(fd: int, pids: Iterable[int], length_s: float, pause_s: float) -> bool:
    """Whether a stream of a transport stream may have a step of its clock of more than `pause_s` seconds.

    length_s: of the film. A clock that goes back is no such step.
    """
    file, wanted = FileBytes(fd), frozenset(pids)
    size = round(min(max(file.size / length_s * SAMPLE_S, FEWEST_BYTES), MOST_BYTES))
    count = max(2, min(round(length_s / STEP_S), file.size // size))
    places = {max(0, file.size - size) * number // (count - 1) for number in range(count)}
    stamps: dict[int, list[tuple[int, int]]] = {pid: [] for pid in wanted}
    for parts in (PARTS**number for number in range(1, ROUNDS + 1)):
        for place in places:
            for pid, (first, last) in end_stamps(file.at(place, size), wanted).items():
                stamps[pid] += [(place, first), (place + size, last)]
        long = [step for known in stamps.values() for step in _long_steps(known, pause_s)]
        if len(long) > MOST_STEPS:
            return True
        places = {first + (end - first) * part // parts for first, end in long for part in range(1, parts)}
    return bool(long)


def _long_steps(stamps: list[tuple[int, int]], pause_s: float) -> list[tuple[int, int]]:
    """From which place to which a stream's clock goes on by more than `pause_s` seconds. stamps: by place."""
    return [
        (first, end)
        for (first, before), (end, after) in itertools.pairwise(sorted(stamps))
        if pause_s * TICKS_S < (after - before) % ROUND_TICKS < ROUND_TICKS // 2
    ]
