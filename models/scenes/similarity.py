"""How alike are the shots before and after a candidate boundary: what the network `similarity` looks at.

For every kind of features the shots of a film are compared with each other in three views (as they are, without the
film's own mean, and whitened), and the similarities around a boundary are summed up in windows of several widths: how
alike before and after are on average, at best, and each shot's best match; and how much more alike the shots of either
side are among themselves. Backward shot coherence (Rasheed and Shah, "Scene Detection in Hollywood Movies and TV
Shows", CVPR 2003), the novelty kernel (Foote, "Automatic Audio Segmentation Using a Measure of Audio Novelty", ICME
2000) and the boundary network of LGSS (Rao et al., CVPR 2020) are of this family. Signed square root and whitening
are those of Jégou and Chum, "Negative Evidences and Co-occurences in Image Retrieval", ECCV 2012.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cinelake.spec.arrays import Array, Arrays

WIDTHS = (1, 2, 3, 4, 6, 8, 10)
"""Shots on each side of the boundary."""
REACH = max(WIDTHS)
LENGTHS_AROUND = 4
"""How many shots' lengths before and after the boundary are looked at."""
WHITENED_SIZE = 64
ROWS_FOR_WHITENING = 8000
STEPS_TOGETHER = 512
"""Steps whose similarities are computed together: memory grows with a film's length, not with its square."""
FAR = 4.0
"""Similarities count as at most this many standard deviations from the film's mean."""


def fit_whitening(vectors: Sequence[Array], seed: int) -> Arrays:
    """What whitens a kind of features: mean (d,) and components (d, k), learned on the films given, k ≤ 64.

    Shots whose vector is zero (no face, no sound) are left out.
    """
    from sklearn.decomposition import PCA

    rows = np.concatenate([signed_root(films[films.any(axis=1)]) for films in vectors])
    if len(rows) < 2:
        return {"mean": np.zeros(vectors[0].shape[1], np.float32), "components": np.zeros((vectors[0].shape[1], 1))}
    chosen = np.random.default_rng(seed).permutation(len(rows))[:ROWS_FOR_WHITENING]
    size = min(WHITENED_SIZE, rows.shape[1], len(chosen) - 1)
    pca = PCA(size, svd_solver="randomized", random_state=seed).fit(rows[chosen])
    scale = np.sqrt(np.maximum(pca.explained_variance_, 1e-6 * max(pca.explained_variance_[0], 1e-12)))
    return {"mean": pca.mean_.astype(np.float32), "components": (pca.components_.T / scale).astype(np.float32)}


def signed_root(vectors: Array) -> Array:
    """The square root of each number with its sign: large ones no longer outweigh the rest; histograms: Hellinger's."""
    return np.asarray(np.sign(vectors) * np.sqrt(np.abs(vectors)), np.float32)


def boundary_features(
    kinds: Mapping[str, Array], whitening: Mapping[str, Arrays], start_frame: Array, end_frame: Array
) -> Array:
    """(T, n) what is seen around the boundary before each shot; row 0 means nothing.

    kinds: name → (T, d) vectors; a vector of zeros means that the shot has nothing of the kind.
    """
    parts = [_lengths(start_frame, end_frame)]
    for name, vectors in kinds.items():
        present: Array = np.asarray(vectors.any(axis=1))
        parts += [_around_boundaries(view, present) for view in _views(vectors, present, whitening[name])]
    return np.nan_to_num(np.hstack(parts)).astype(np.float32)


def _views(vectors: Array, present: Array, whitening: Arrays) -> list[Array]:
    mean = vectors[present].mean(axis=0) if present.any() else 0.0
    white = (signed_root(vectors) - whitening["mean"]) @ whitening["components"]
    views = [vectors, vectors - mean, white]
    return [np.where(present[:, None], _unit(view), 0.0).astype(np.float32) for view in views]


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def _around_boundaries(unit: Array, present: Array) -> Array:
    """(T, n) similarities before and after each shot's beginning, of vectors of length 1."""
    steps = np.arange(len(unit))[:, None] + np.arange(-REACH, REACH)
    inside = (steps >= 0) & (steps < len(unit))
    inside &= present[np.clip(steps, 0, len(unit) - 1)]
    known = inside[:, :, None] & inside[:, None, :]
    similar = _standardised(_band(unit), known)
    return np.stack([column for width in WIDTHS for column in _window(similar, known, width)], axis=1)


def _band(unit: Array) -> Array:
    """(T, 20, 20) cosines between the ten shots before and the ten after each step; what lies outside is cut short."""
    parts = []
    for start in range(0, len(unit), STEPS_TOGETHER):
        first = max(0, start - REACH)
        near = unit[first : start + STEPS_TOGETHER + REACH]
        steps = np.arange(start, min(start + STEPS_TOGETHER, len(unit)))[:, None] + np.arange(-REACH, REACH)
        places = np.clip(steps - first, 0, len(near) - 1)
        parts.append((near @ near.T)[places[:, :, None], places[:, None, :]])
    return np.concatenate(parts)


def _standardised(similar: Array, known: Array) -> Array:
    """Similarities of one film in standard deviations from their mean; 0 where a shot lacks."""
    others = known & ~np.eye(similar.shape[1], dtype=bool)
    if not others.any():
        return np.zeros_like(similar)
    values = similar[others]
    standard = (similar - values.mean()) / (values.std() + 1e-3)
    return np.where(known, np.clip(standard, -FAR, FAR), 0.0)


def _window(similar: Array, known: Array, width: int) -> list[Array]:
    """Columns (T,) of one width: mean, best, mean of best matches, coherence of the sides over that across."""
    before, after = slice(REACH - width, REACH), slice(REACH, REACH + width)
    across, present = similar[:, before, after], known[:, before, after]
    mean = _mean(across, present, (1, 2))
    if width == 1:
        return [mean]
    best = np.where(present, across, -FAR)
    forward = _mean(best.max(2), np.asarray(present.any(2)), 1)
    backward = _mean(best.max(1), np.asarray(present.any(1)), 1)
    others: Array = ~np.eye(width, dtype=bool)
    earlier, later = (_mean(similar[:, side, side], known[:, side, side] & others, (1, 2)) for side in (before, after))
    coherence = [(earlier + later) / 2 - mean, np.minimum(earlier, later) - mean, np.abs(earlier - later)]
    return [mean, best.max((1, 2)), (forward + backward) / 2, *coherence]


def _mean(values: Array, where: Array, axis: int | tuple[int, ...]) -> Array:
    return np.asarray((values * where).sum(axis) / np.maximum(where.sum(axis), 1))


def _lengths(start_frame: Array, end_frame: Array) -> Array:
    """(T, 9) log lengths of the shots around each boundary, in the film's own scale, and the log of the gap before."""
    logs = np.log(np.maximum(end_frame - start_frame, 1))
    padded = np.pad((logs - logs.mean()) / (logs.std() + 1e-6), LENGTHS_AROUND)
    around = [padded[k : k + len(logs)] for k in range(2 * LENGTHS_AROUND)]
    gap = np.concatenate([[0], np.maximum(start_frame[1:] - end_frame[:-1], 0)])
    return np.stack([*around, np.log1p(gap)], axis=1)
