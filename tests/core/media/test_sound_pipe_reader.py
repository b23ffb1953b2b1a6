"""Where packets of sound are placed when their times do not follow one another."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av import Packet

from cinelake.media.pipe_readers import SoundPipeReader
from cinelake.spec.task import SoundStream

RATE = 1000


def placed(*packets: tuple[int, range]) -> list[int]:
    """What the reader gives of packets: each the sample that its time names, and its samples."""
    given: list[Any] = []
    wish = SoundStream(sample_rate=RATE, channels=1)
    with Path(os.devnull).open() as nothing:
        reader = SoundPipeReader(nothing.fileno(), wish, 10.0, lambda batches: given.append(batches[wish]))
        for at, samples in packets:
            packet = Packet(np.array(samples, "<f4").tobytes())
            packet.pts, packet.time_base = at, Fraction(1, RATE)
            reader.take(packet)
        reader.end()
    return [int(sample) for sample in np.concatenate([batch.samples for batch in given])[:, 0]]


OVER = {
    "begins before time zero": [(-20, range(-20, 400))],
    "begins and ends before time zero": [(-300, range(-300, -200)), (0, range(400))],
    "goes back over what was given": [(0, range(300)), (200, range(200, 400))],
    "goes back over a second that was given": [(0, range(1200)), (900, range(900, 1400))],
    "says again what was given": [(0, range(300)), (100, range(100, 200)), (300, range(300, 400))],
}


@pytest.mark.parametrize("packets", OVER.values(), ids=OVER)
def test_sound_that_comes_early_or_twice_is_given_once_at_its_time(packets: list[tuple[int, range]]) -> None:
    assert placed(*packets) == list(range(packets[-1][1].stop))
