"""What the table says of a picture, from its luma alone: of films' pictures and of labelled stills alike."""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array

SHARPNESS_SIZE = (320, 180)
"""Sharpness is measured at this size, so that pictures of several sizes compare."""


def measure(luma: Array) -> dict[str, float]:
    """Entropy in bits, brightness 0…1 and sharpness of a (h, w) luma picture."""
    import cv2

    counts = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    shares = counts[counts > 0] / luma.size
    small = cv2.resize(luma, SHARPNESS_SIZE, interpolation=cv2.INTER_AREA)
    return {
        "entropy": float(max(0.0, -(shares * np.log2(shares)).sum())),
        "brightness": float(counts @ np.arange(256) / luma.size / 255.0),
        "sharpness": float(cv2.Laplacian(small, cv2.CV_32F).var()),
    }
