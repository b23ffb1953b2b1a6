"""Screen time that adds up: probabilities moved so that as many seconds are found as there are.

A threshold of one half maximises hits, not sums: a character who is missed more often than seen too often comes out
with too little screen time. Each character's log-odds get an offset at which predicted frames are as many as labelled
ones (quantification by adjusting the decision: Forman 2008, Quantifying counts and costs via classification), found on
frames that the predicting head has not learned from.
"""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array

FEWEST_FRAMES = 5
"""A character of fewer labelled frames than these gets no offset: so few say nothing of how often it is missed."""
FARTHEST = 3.0
"""Log-odds by which a character is moved at most."""
ROUNDS = 200
_SURE = 1e-6


def offsets_of(probability: Array, present: Array, exclusive: bool, threshold: float) -> Array:
    """(C,) log-odds to add. probability, present: (n, C) of frames that were not learned from."""
    if not len(present):
        return np.zeros(present.shape[1])
    true = present.sum(axis=0)
    found = _exclusive(probability, true) if exclusive else _independent(probability, true, threshold)
    return np.where(true >= FEWEST_FRAMES, np.clip(found, -FARTHEST, FARTHEST), 0.0)


def _independent(probability: Array, true: Array, threshold: float) -> Array:
    """The threshold lies between the last frame that counts and the first that does not, the likeliest first."""
    odds = np.sort(_log_odds(probability), axis=0)[::-1]
    last = np.minimum(true.astype(int), len(odds) - 1)
    columns = np.arange(odds.shape[1])
    between = (odds[np.maximum(last - 1, 0), columns] + odds[last, columns]) / 2
    return np.asarray(_log_odds(np.array(threshold)) - between)


def _exclusive(probability: Array, true: Array) -> Array:
    """By small steps towards the labelled counts; the offsets with the least sum of differences are kept."""
    offsets = np.zeros(len(true))
    best, least = offsets, np.inf
    for step in range(ROUNDS):
        moved = moved_by(probability, offsets, True)
        likeliest = np.column_stack([1 - moved.sum(axis=1), moved]).argmax(axis=1)
        counts = np.bincount(likeliest, minlength=len(true) + 1)[1:]
        if (wrong := float(np.abs(counts - true).sum())) < least:
            best, least = offsets, wrong
        offsets = np.clip(offsets + np.log((true + 1) / (counts + 1)) / (2 + step / 10), -FARTHEST, FARTHEST)
    return best


def moved_by(probability: Array, offsets: Array, exclusive: bool) -> Array:
    """(T, C) probabilities with offsets on their log-odds; where characters exclude each other, against nobody's."""
    from scipy.special import expit, softmax

    if not exclusive:
        return np.asarray(expit(_log_odds(probability) + offsets))
    full = np.column_stack([1 - probability.sum(axis=1), probability])
    shares = softmax(np.log(np.clip(full, _SURE, 1)) + np.concatenate([[0.0], offsets]), axis=1)
    return np.asarray(shares[:, 1:])


def _log_odds(probability: Array) -> Array:
    p = np.clip(probability, _SURE, 1 - _SURE)
    return np.asarray(np.log(p) - np.log1p(-p))
