"""Histograms of pictures: of colours, and of gradients."""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array

BINS = 8
"""Of red, of green and of blue."""


def colour_histograms(pictures: Array) -> Array:
    """(T, 512) square roots of the shares of colours, in 8 × 8 × 8 bins, of pictures (T, height, width, 3) uint8.

    The root makes distances those of Hellinger, under which rare colours count (Swain & Ballard, 1991, for the
    histogram; Arandjelović & Zisserman, CVPR 2012, for the root).
    """
    made = np.zeros((len(pictures), BINS**3), np.float32)
    for row, picture in enumerate(pictures):
        red, green, blue = (picture.reshape(-1, 3).astype(np.int32) * BINS // 256).T
        made[row] = np.bincount((red * BINS + green) * BINS + blue, minlength=BINS**3)
    return np.sqrt(made / np.maximum(made.sum(axis=1, keepdims=True), 1))


def gradient_histograms(patches: Array) -> Array:
    """(T, 324) histograms of oriented gradients of grey patches (T, 48, 48) uint8 (Dalal & Triggs, CVPR 2005)."""
    import cv2

    side = patches.shape[1]
    describe = cv2.HOGDescriptor((side, side), (16, 16), (16, 16), (8, 8), 9)
    rows = [np.asarray(describe.compute(np.ascontiguousarray(patch))).reshape(-1) for patch in patches]
    return np.stack(rows) if rows else np.zeros((0, describe.getDescriptorSize()), np.float32)
