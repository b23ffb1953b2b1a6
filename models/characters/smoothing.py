"""Smoothing over time that stays within the shot: nobody is carried over a cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from cinelake.spec.arrays import Array


def smooth(values: Array, time_s: Array, shot: Array, window_s: float) -> Array:
    """The mean over a centred window of `window_s` seconds within each row's shot.

    values: (T, C); time_s: (T,) in order; shot: (T,) numbers of shots, −1 where there is none: such rows stay as they
    are. A window of 0 changes nothing.
    """
    smoothed = np.array(values, np.float64)
    for start, end in runs(shot):
        if shot[start] >= 0:
            smoothed[start:end] = _within(smoothed[start:end], time_s[start:end], window_s / 2 + 1e-6)
    return smoothed


def runs(shot: Array) -> list[tuple[int, int]]:
    """First and last + 1 of the rows that follow each other with one number."""
    edges = np.flatnonzero(np.diff(shot)) + 1
    bounds = [0, *edges.tolist(), len(shot)] if len(shot) else [0]
    return list(pairwise(bounds))


def _within(values: Array, time_s: Array, reach_s: float) -> Array:
    first = np.searchsorted(time_s, time_s - reach_s, side="left")
    last = np.searchsorted(time_s, time_s + reach_s, side="right")
    summed = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return (summed[last] - summed[first]) / (last - first)[:, None]
