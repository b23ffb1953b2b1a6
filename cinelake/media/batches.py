"""What a stream task receives: pictures with exact times, or sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class FrameBatch:
    """Successive pictures of one stream, in order of presentation.

    frames: (n,) int64, 0-based numbers among all pictures of the film's video stream.
    times_s: (n,) float64, presentation times in seconds from the start of the film.
    durations_s: (n,) float64, how long each is shown (the last one: the nominal duration).
    pixels: (n, height, width, 3) uint8 for rgb24; (n, height, width) for gray;
        (n, height * 3 // 2, width) for yuv420p (planar I420); None for a `VideoClock`.
    """

    frames: npt.NDArray[np.int64]
    times_s: npt.NDArray[np.float64]
    durations_s: npt.NDArray[np.float64]
    pixels: npt.NDArray[np.uint8] | None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def nbytes(self) -> int:
        """Size of frames and pixels in bytes."""
        return self.frames.nbytes + (0 if self.pixels is None else self.pixels.nbytes)


@dataclass(frozen=True)
class SoundBatch:
    """Successive sound. samples: (n, channels) float32 in [-1, 1]; `start_s` is the time of the first."""

    start_sample: int
    start_s: float
    sample_rate: int
    samples: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def nbytes(self) -> int:
        """Size of the samples in bytes."""
        return self.samples.nbytes


Batch = FrameBatch | SoundBatch
Pixels = npt.NDArray[Any]
