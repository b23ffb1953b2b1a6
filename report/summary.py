"""A film summarised by keyframes: facility location over embeddings, weighted by length.

    f(S) = Σ_i w_i · max_{j ∈ S} (1 + cos(x_i, x_j)) / 2         i: shots, w_i: seconds, S: the keyframes

f is monotone and submodular, so the greedy choice reaches at least 1 − 1/e of the best f (Nemhauser, Wolsey and Fisher,
"An analysis of approximations for maximizing submodular set functions", Mathematical Programming 14, 1978). As a
measure of how well a summary represents what it sums up: Lin and Bilmes, "A class of submodular functions for document
summarization", ACL 2011; for video: Gygli, Grabner and Van Gool, "Video summarization by learning submodular mixtures
of objectives", CVPR 2015.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

METHOD = "facility location over the shots’ embeddings, weighted by length (Lin and Bilmes 2011; Gygli et al. 2015)"
MAX_SHOTS = 3000
"""Of a film with more shots only the longest are considered: the similarities need memory for its square."""
SECONDS_EACH, MIN_KEYFRAMES, MAX_KEYFRAMES = 40.0, 4, 12
"""One keyframe for so many seconds of film, within bounds that a glance can take in."""


@dataclass(frozen=True)
class SummaryRow:
    """A chosen row, and the share of the film (0 … 1) that it represents: all rows nearest to it."""

    row: int
    share: float


def keyframe_count(duration_s: float, shots: int) -> int:
    """How many keyframes summarise a film of this length."""
    return min(shots, max(MIN_KEYFRAMES, min(MAX_KEYFRAMES, round(duration_s / SECONDS_EACH))))


def summary_rows(embeddings: ArrayLike, seconds: ArrayLike, count: int) -> list[SummaryRow]:
    """The `count` rows that represent all rows best, in the order of the rows.

    embeddings: (rows, d), any scale; seconds: (rows,), the weight of each. Returns fewer where rows are equal.
    """
    weights = np.asarray(seconds, float)
    kept = np.sort(np.argsort(-weights, kind="stable")[:MAX_SHOTS])
    similar = _similarities(np.asarray(embeddings, float)[kept])
    chosen = _greedy(similar, weights[kept], count)
    nearest = np.argmax(similar[:, chosen], axis=1) if chosen else np.zeros(0, int)
    total = float(weights[kept].sum()) or 1.0
    shares = [float(weights[kept][nearest == k].sum()) / total for k in range(len(chosen))]
    rows = [SummaryRow(int(kept[row]), share) for row, share in zip(chosen, shares, strict=True)]
    return sorted(rows, key=lambda each: each.row)


def _similarities(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(1 + cosine) / 2 of all pairs: 0 for opposite rows, 1 for equal ones."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(lengths > 0, lengths, 1.0)
    similar: NDArray[np.float64] = (1.0 + unit @ unit.T) / 2.0
    return similar


def _greedy(similar: NDArray[np.float64], weights: NDArray[np.float64], count: int) -> list[int]:
    covered = np.zeros(len(weights))
    chosen: list[int] = []
    for _ in range(min(count, len(weights))):
        gains = weights @ np.maximum(similar, covered[:, None]) - weights @ covered
        best = int(np.argmax(gains))
        if gains[best] <= 1e-9 * max(1.0, float(weights.sum())):
            break
        chosen.append(best)
        covered = np.maximum(covered, similar[:, best])
    return chosen
