"""Spans out of probabilities: smoothed, with two thresholds, so that a weak moment does not break a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cinelake.spec.arrays import Floats

Stretch = tuple[int, int]
"""First frame and the frame after the last."""


@dataclass(frozen=True)
class SpanRule:
    """How probabilities of a kind become stretches. Frames are 10 ms.

    on: a stretch reaches this somewhere. off: it goes on while this is reached. smooth: frames that are averaged.
    gap: shorter breaks are bridged. shortest: shorter stretches are dropped.
    """

    on: float
    off: float
    smooth: int
    gap: int
    shortest: int


def smoothed(probability: Floats, frames: int) -> Floats:
    """The mean over so many frames around each; at the ends over those that there are."""
    if frames <= 1 or not len(probability):
        return probability
    sums = np.concatenate([[0.0], np.cumsum(probability, dtype=np.float64)])
    at = np.arange(len(probability))
    first, last = np.maximum(at - frames // 2, 0), np.minimum(at + frames // 2 + 1, len(probability))
    return np.asarray((sums[last] - sums[first]) / (last - first), np.float32)


def stretches(probability: Floats, rule: SpanRule) -> list[Stretch]:
    """Where the kind holds, in order."""
    even = smoothed(probability, rule.smooth)
    found: list[Stretch] = []
    for first, last in runs(even >= rule.off):
        if even[first:last].max() < rule.on:
            continue
        if found and first - found[-1][1] < rule.gap:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return [(first, last) for first, last in found if last - first >= rule.shortest]


def runs(mask: npt.NDArray[np.bool_]) -> list[Stretch]:
    """Where a mask holds without a break, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def rest(frames: int, taken: Sequence[Stretch]) -> npt.NDArray[np.bool_]:
    """Which frames no stretch has."""
    free = np.ones(frames, np.bool_)
    for first, last in taken:
        free[first:last] = False
    return free
