"""What of a film's sound is transcribed at once, and the sound itself, on disk until it is known where people speak."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Floats

RATE = 16_000
SampleRange = tuple[int, int]
"""First sample and the sample after the last."""
MARGIN = RATE // 5
"""Samples on either side of speech that are listened to as well."""
SHORTEST = RATE // 4
_WINDOW = RATE // 20
_FULL_SCALE = 32767


class Recording:
    """A film's sound of one channel, as 16 bits in a file without a name: 115 MB an hour."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="cinelake-sound-")  # noqa: SIM115 - open as long as the recording
        self.samples = 0

    def add(self, samples: Floats) -> None:
        """Append (n,) samples in [−1, 1]; what is no number is silence."""
        clean = np.nan_to_num(np.clip(samples, -1.0, 1.0))
        self._file.write(np.round(clean * _FULL_SCALE).astype("<i2").tobytes())
        self.samples += len(samples)

    def read(self, stretch: SampleRange) -> Floats:
        """The samples of a stretch, (n,) in [−1, 1]."""
        self._file.seek(stretch[0] * 2)
        held = self._file.read((stretch[1] - stretch[0]) * 2)
        return np.asarray(np.frombuffer(held, "<i2").astype(np.float32) / _FULL_SCALE, np.float32)

    def close(self) -> None:
        """Give the disk's room back."""
        self._file.close()


def joined(spans: Sequence[SampleRange], longest: int, gap: int) -> list[SampleRange]:
    """Spans of which some that lie at most `gap` apart are one, of at most `longest` samples. gap 0: none are."""
    found: list[SampleRange] = []
    for first, last in sorted(spans):
        if found and (first < found[-1][1] or (first - found[-1][1] < gap and last - found[-1][0] <= longest)):
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def with_margins(spans: Sequence[SampleRange], samples: int) -> list[SampleRange]:
    """Spans with a margin on either side, at most half of what lies between two, and none past the sound's ends."""
    found: list[SampleRange] = []
    for at, (first, last) in enumerate(spans):
        before = (first - spans[at - 1][1]) // 2 if at else first
        after = (spans[at + 1][0] - last) // 2 if at + 1 < len(spans) else samples - last
        first, last = first - max(0, min(MARGIN, before)), last + max(0, min(MARGIN, after))
        if last - first >= SHORTEST:
            found.append((first, last))
    return found


def quietest_cut(sound: Floats, longest: int) -> int:
    """Where to cut sound that is too long: at the quietest twentieth of a second of the last third that fits."""
    first = longest * 2 // 3
    power = np.square(sound[first:longest], dtype=np.float64)
    windows = power[: len(power) // _WINDOW * _WINDOW].reshape(-1, _WINDOW).sum(axis=1)
    return first + int(windows.argmin()) * _WINDOW + _WINDOW // 2
