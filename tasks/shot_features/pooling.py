"""Pooling over shots: many vectors with times become one vector for each shot, without holding the many."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
"""Of 32 or 64 bits."""


class ShotPool:
    """Mean and standard deviation over each shot of the vectors that fall into it.

    starts_s: (shots,) when each shot begins, in order; end_s: when the last one ends.
    """

    def __init__(self, starts_s: FloatArray, end_s: float):
        self.starts_s, self.end_s = starts_s, end_s
        self.counts = np.zeros(len(starts_s))
        self._times = np.zeros(len(starts_s))
        self._sums = self._squares = np.zeros((len(starts_s), 0))

    def add(self, times_s: FloatArray, vectors: FloatArray) -> None:
        """Vectors (n, d) of moments (n,); moments before the first shot or after the last are left out."""
        if not self._sums.shape[1]:
            self._sums, self._squares = np.zeros((2, len(self.starts_s), vectors.shape[1]))
        inside = (times_s >= self.starts_s[0] - 1e-6) & (times_s < self.end_s)
        times_s, vectors = times_s[inside], vectors[inside].astype(np.float64)
        shots = np.maximum(np.searchsorted(self.starts_s, times_s + 1e-6, side="right") - 1, 0)
        np.add.at(self.counts, shots, 1)
        np.add.at(self._times, shots, times_s)
        np.add.at(self._sums, shots, vectors)
        np.add.at(self._squares, shots, vectors**2)

    @property
    def filled(self) -> npt.NDArray[np.bool_]:
        """(shots,) Which shots got a vector."""
        return self.counts > 0

    def mean(self) -> FloatArray:
        """(shots, d) means; zeros for shots without a vector, and of length 1 where no vector came at all."""
        if not self._sums.shape[1]:
            return np.zeros((len(self.starts_s), 1), np.float32)
        return (self._sums / np.maximum(self.counts, 1)[:, None]).astype(np.float32)

    def deviation(self) -> FloatArray:
        """(shots, d) standard deviations (of the population)."""
        mean = self._sums / np.maximum(self.counts, 1)[:, None]
        variance = self._squares / np.maximum(self.counts, 1)[:, None] - mean**2
        return np.sqrt(np.maximum(variance, 0)).astype(np.float32)

    def mean_or_nearest(self, middles_s: FloatArray) -> FloatArray:
        """As `mean`, and a shot without a vector takes those of the shot whose vectors are nearest to its middle."""
        pooled, filled = self.mean(), np.flatnonzero(self.filled)
        if not len(filled):
            return pooled
        times = self._times[filled] / self.counts[filled]
        empty = np.flatnonzero(~self.filled)
        nearest = np.abs(middles_s[empty][:, None] - times).argmin(axis=1)
        pooled[empty] = pooled[filled[nearest]]
        return pooled
