"""shots: what is counted of pictures, and how far apart two are, held against the plain definitions."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tasks.shots.cuts import median
from tasks.shots.pictures import CHROMA_BINS, HEIGHT, LUMA_BINS, NOISE, WIDTH, reduce, structure_distance


def test_a_histogram_counts_the_levels_of_each_channel_in_its_own_bins():
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (3, HEIGHT, WIDTH, 3), dtype=np.uint8)
    luma = cv2.cvtColor(pixels[1], cv2.COLOR_RGB2YCrCb)[..., 0]
    counted = np.bincount(luma.ravel().astype(int) * LUMA_BINS // 256, minlength=LUMA_BINS) / luma.size
    smooth = np.convolve(np.pad(counted, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    histogram = reduce(pixels, np.arange(3) / 25).histogram
    np.testing.assert_allclose(histogram[1, :LUMA_BINS], smooth, atol=1e-6)
    assert histogram.reshape(3, -1)[:, -CHROMA_BINS:].sum(1) == pytest.approx(1)


def test_structure_is_what_the_best_shift_of_each_block_leaves_unexplained():
    rng = np.random.default_rng(6)
    a = cv2.GaussianBlur(rng.integers(0, 256, (18, 32)).astype(np.float32), (0, 0), 2)
    b = np.roll(a, (1, -2), (0, 1)) + rng.normal(0, 9, a.shape).astype(np.float32)
    around = np.pad(b, ((3, 3), (5, 5)), mode="edge")
    corners = [(row, column) for row in range(0, 18, 6) for column in range(0, 32, 8)]
    left = sum(min(_unlike(a, around, *corner, y, x) for y in range(7) for x in range(11)) for corner in corners)
    energy = sorted(sum(_unlike(one, 0 * around, *corner, 0, 0) for corner in corners) for one in (a, b))
    expected = left / (np.sqrt(energy[0] * energy[1]) + a.size * NOISE)
    assert structure_distance(a[None], b[None])[0] == pytest.approx(min(expected, 1), abs=1e-4)


def _unlike(a: np.ndarray, around: np.ndarray, row: int, column: int, y: int, x: int) -> float:
    """Squared difference of a block and what lies under it at a shift, both without their mean."""
    block, under = a[row : row + 6, column : column + 8], around[row + y : row + y + 6, column + x : column + x + 8]
    off = block - block.mean() - (under - under.mean())
    return float((off**2).sum())


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_median_is_that_of_numpy_to_the_last_bit(kind):
    rng = np.random.default_rng(7)
    for count in [*range(1, 9)] * 20:
        values = rng.random(count).astype(kind)
        assert median(values) == float(np.median(values))
