"""How many characters are in a frame at once: what the labels say of it, and probabilities that heed it.

Heads ask for each character alone, so a shadow may become a third person in films that never show three at once. The
labels tell how often 0, 1, 2 … are there together; each set of characters is weighted by how often its size is seen
against how often it would be seen if they came and went independently (a cardinality potential: Tarlow et al. 2012,
Fast exact inference for recursive cardinality models). Marginals are exact, by the Poisson binomial distribution.
"""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array

FRAMES_OF_DOUBT = 5
"""So many frames are taken for independent, so that no size is impossible."""
_SURE = 1e-6


def size_weights(present: Array) -> Array:
    """(C + 1,) how much more often 0 … C characters are there at once than independent ones would be.

    present: (n, C), 1 where that character is in the labelled frame.
    """
    seen = np.bincount(present.sum(axis=1).astype(int), minlength=present.shape[1] + 1)
    alone = sizes(_bounded(present.mean(axis=0, keepdims=True)))[0]
    expected = np.maximum(alone, np.finfo(float).tiny)
    return np.asarray((seen + FRAMES_OF_DOUBT * alone) / (len(present) + FRAMES_OF_DOUBT) / expected)


def sizes(probability: Array) -> Array:
    """(T, C + 1) probability of 0 … C characters in each frame, if they come and go independently."""
    found = np.zeros((len(probability), probability.shape[1] + 1))
    found[:, 0] = 1
    for column in probability.T:
        there = found[:, :-1] * column[:, None]
        found *= (1 - column)[:, None]
        found[:, 1:] += there
    return found


def weighted_by_size(probability: Array, weights: Array) -> Array:
    """(T, C) probability of each character when sets of k characters weigh `weights[k]`."""
    p = _bounded(probability)
    whole = (sizes(p) * weights).sum(axis=1)
    with_it = [p[:, c] * (sizes(np.delete(p, c, axis=1)) * weights[1:]).sum(axis=1) for c in range(p.shape[1])]
    return np.stack(with_it, axis=1) / whole[:, None] if with_it else p


def _bounded(probability: Array) -> Array:
    return np.asarray(np.clip(probability, _SURE, 1 - _SURE), np.float64)
