"""Tags by likeness to labelled shots: kernel ridge regression with one kernel for each kind of input, in closed form.

A shot's probability of a tag is a weighted sum over the labelled shots it resembles. Likeness is the mean over the
kinds of input (place, motion, sound …) of exp(−gamma · d²), so that two shots that only sound alike are alike in part;
d² is in units of the kind's spread. Regression onto 0 and 1 estimates the probability (Rifkin, Yeo and Poggio,
"Regularized Least-Squares Classification", 2003; the mean of kernels: Gönen and Alpaydın, "Multiple Kernel Learning
Algorithms", JMLR 2011). With many shots, some drawn ones stand for all (Williams and Seeger, NIPS 2001).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cinelake.lake.onnx import run_in_batches
from cinelake.spec.arrays import Array, Arrays
from models.heads.config import LabelledRows
from models.shots.scaling import LENGTH

LANDMARKS = 2000
"""So many labelled shots are compared with at most."""
ROWS_TOGETHER = 256
JITTER = 1e-6


@dataclass(frozen=True)
class Kernel:
    """blocks: numbers of each kind of input, in the order of a shot's vector. gamma, ridge: see `Config`.
    shared: whether a shot's probabilities sum to 1."""

    blocks: tuple[int, ...]
    gamma: float
    ridge: float
    shared: bool

    def likeness(self, x: Array, landmarks: Array) -> Array:
        """(rows, landmarks) 0 … 1."""
        ends = np.cumsum(self.blocks)
        parts = [
            np.exp(-self.gamma * squared_distances(x[:, end - size : end], landmarks[:, end - size : end]))
            for size, end in zip(self.blocks, ends, strict=True)
        ]
        return np.asarray(sum(parts) / len(parts))


def squared_distances(one: Array, other: Array) -> Array:
    """(n, m) squared distances of vectors of `learn_scaling`, in units of the spread."""
    one, other = (np.asarray(part, np.float64) / LENGTH for part in (one, other))
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.asarray(np.maximum(squares, 0))


def fit_kernel(kernel: Kernel, rows: LabelledRows, seed: int) -> Arrays:
    """landmarks (m, d), coefficients (m, tags) and share (tags,): the least squares with a ridge on the weights.

    With all rows as landmarks (K + ridge · I) A = Y − share; with some of them (K'K + ridge · K_m) A = K'(Y − share).
    """
    share = rows.y.mean(axis=0)
    if len(rows) <= LANDMARKS:
        landmarks = rows.x
        likeness = kernel.likeness(rows.x, landmarks)
        coefficients = np.linalg.solve(likeness + kernel.ridge * np.eye(len(rows)), rows.y - share)
    else:
        landmarks = rows.x[np.sort(np.random.default_rng(seed).choice(len(rows), LANDMARKS, replace=False))]
        coefficients = _from_some(kernel, rows, landmarks, share)
    return {
        "landmarks": landmarks.astype(np.float32),
        "coefficients": coefficients.astype(np.float32),
        "share": share.astype(np.float32),
    }


def _from_some(kernel: Kernel, rows: LabelledRows, landmarks: Array, share: Array) -> Array:
    """The coefficients of landmarks, summed over the rows part by part."""
    left = kernel.ridge * kernel.likeness(landmarks, landmarks) + JITTER * np.eye(len(landmarks))
    right = np.zeros((len(landmarks), rows.y.shape[1]))
    for start in range(0, len(rows), LANDMARKS):
        part = slice(start, start + LANDMARKS)
        likeness = kernel.likeness(rows.x[part], landmarks)
        left += likeness.T @ likeness
        right += likeness.T @ (rows.y[part] - share)
    return np.linalg.solve(left, right)


def kernel_predicted(kernel: Kernel, arrays: Arrays, x: Array) -> Array:
    """(rows, tags) probabilities; `arrays` as `fit_kernel` returns them."""
    if not len(x):
        return np.zeros((0, len(arrays["share"])), np.float32)

    def run(part: Array) -> Array:
        return kernel.likeness(part, arrays["landmarks"]) @ arrays["coefficients"] + arrays["share"]

    probabilities = np.clip(run_in_batches(run, x, ROWS_TOGETHER), 0, 1)
    if kernel.shared:
        probabilities = probabilities / np.maximum(probabilities.sum(axis=1, keepdims=True), JITTER)
    return probabilities.astype(np.float32)


def left_out_by_kernel(
    kernel: Kernel, folds: Sequence[tuple[LabelledRows, LabelledRows]], seed: int
) -> tuple[Array, Array]:
    """Targets and predictions of rows that were left out of a fitting each; folds: (learned from, left out)."""
    predictions = [kernel_predicted(kernel, fit_kernel(kernel, learned, seed), left.x) for learned, left in folds]
    return np.concatenate([left.y for _, left in folds]), np.concatenate(predictions)
