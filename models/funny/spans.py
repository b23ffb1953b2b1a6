"""From Q-values of steps to spans: what decides alike, without a gap, becomes one."""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from models.funny.steps import pooled

TOUCHING_S = 1e-6
"""Steps no farther apart than this touch."""


def merge_steps(starts: Array, ends: Array, q: Array, seen: Array) -> Arrays:
    """Spans of steps from `starts` to `ends` (T,), in seconds, with Q-values (T, 2) of not funny and funny.

    start_s, end_s, q_funny, q_not_funny (the means of its steps, by their lengths), is_funny, each (spans,). Steps of
    which nothing is seen belong to no span; where lines overlap, the later begins when the earlier has ended.
    """
    begins = np.maximum(starts, np.append(-np.inf, np.maximum.accumulate(ends)[:-1]) if len(ends) else starts)
    kept = seen & (ends > begins + TOUCHING_S)
    return _runs(begins[kept], ends[kept], q[kept])


def merge_shots(steps: Arrays, q: Array, start_s: Array, end_s: Array) -> Arrays:
    """Spans of whole shots from `start_s` to `end_s` (shots,), each with the mean Q-values of the steps in it."""
    seen = steps["seen"]
    mean, there = pooled(start_s, end_s, steps["time_s"][seen], steps["end_s"][seen], q[seen])
    return merge_steps(start_s, end_s, mean, there)


def _runs(starts: Array, ends: Array, q: Array) -> Arrays:
    funny = q[:, 1] > q[:, 0]
    breaks = (funny[1:] != funny[:-1]) | (starts[1:] > ends[:-1] + TOUCHING_S)
    first = np.append(0, 1 + np.flatnonzero(breaks)) if len(q) else np.zeros(0, int)
    last = np.append(first[1:], len(q))[: len(first)] - 1
    lengths = (ends - starts)[:, None]
    weighted = np.concatenate([q * lengths, lengths], axis=1)
    sums = np.add.reduceat(weighted, first, axis=0) if len(q) else weighted
    means = (sums[:, :2] / sums[:, 2:]).astype(np.float32)
    return {
        "start_s": starts[first],
        "end_s": ends[last],
        "q_funny": means[:, 1],
        "q_not_funny": means[:, 0],
        "is_funny": funny[first],
    }
