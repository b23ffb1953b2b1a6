"""The weight-free visual descriptor: what a picture looks like in 512 numbers, comparable by cosine.

Six blocks, each scaled to a fixed length, so that none drowns another and the whole vector has length 1:

| numbers | block | tolerant of |
| --- | --- | --- |
| 256 | joint histogram of 8 hues × 4 saturations × 8 values, square roots (Hellinger) | movement |
| 108 | per cell of a 3 × 3 grid: 8 hues weighted by saturation, 4 values, square roots | small movement |
| 54 | per cell: means and deviations of L, a, b | movement within the cell |
| 72 | per cell: 8 orientations of edges weighted by strength (HOG, Dalal & Triggs 2005), square roots | light, colour |
| 16 | 4 × 4 thumbnail of luma, its mean taken off | noise |
| 6 | brightness, contrast, saturation and its spread, edges, share of darkness | movement |

Bins are soft: a value between two bins counts in both. It names nothing that it sees, a network does more; but it
needs no file, and one processor describes over 300 pictures a second.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from cinelake.spec.arrays import Floats, PixelArray
from tasks.shared.pictures import resize

SIZE = 512
_WIDTH, _HEIGHT, _GRID = 96, 72, 3
_HUES, _SATURATIONS, _VALUES, _CELL_VALUES, _ANGLES = 8, 4, 8, 4, 8
_HSV_UNITS = np.array([1 / 180, 1 / 255, 1 / 255], np.float32)
"""From OpenCV's bytes (hue in two degrees) to [0, 1)."""
_LAB_STRETCH = np.array([1, 3, 3], np.float32)
"""a and b lie close to grey in films."""
_SHARES = {"colours": 0.50, "grid": 0.17, "moments": 0.08, "edges": 0.17, "thumbnail": 0.05, "scalars": 0.03}
"""Share of each block in the squared length."""

Ints = npt.NDArray[np.intp]
Soft = list[tuple[Ints, Floats]]
"""Soft bins of every pixel: pairs of bin numbers and the weights with which the pixel counts there."""


def describe(pixels: PixelArray) -> Floats:
    """(512,) float32 of length 1, of an RGB picture of any size."""
    import cv2

    small = resize(pixels, _WIDTH, _HEIGHT)
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV).reshape(-1, 3) * _HSV_UNITS
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3) / np.float32(255)
    strength, angle = _gradients(lab[:, 0].reshape(_HEIGHT, _WIDTH))
    blocks = {
        "colours": np.sqrt(_colours(hsv)),
        "grid": np.sqrt(_grid_colours(hsv)),
        "moments": _moments(lab),
        "edges": np.sqrt(_in_cells(_soft(angle, _ANGLES, wraps=True), strength, _ANGLES)),
        "thumbnail": _thumbnail(lab[:, 0]),
        "scalars": _scalars(hsv, lab, strength),
    }
    parts = [_of_length(values.ravel(), _SHARES[name] ** 0.5) for name, values in blocks.items()]
    return _of_length(np.concatenate(parts), 1.0)


def _of_length(values: Floats, length: float) -> Floats:
    """Values scaled to a length; what is all but zero becomes zero."""
    norm = float(np.linalg.norm(values))
    return (values * (length / norm if norm > 1e-6 else 0.0)).astype(np.float32)


def _soft(values: Floats, bins: int, *, wraps: bool = False) -> Soft:
    """The two nearest of `bins` equal bins over [0, 1) for every value, weighted by nearness."""
    place = values * bins - np.float32(0.5)
    low = np.floor(place)
    above = (place - low).astype(np.float32)
    first = low.astype(np.intp)
    pair = (first % bins, (first + 1) % bins) if wraps else (np.maximum(first, 0), np.minimum(first + 1, bins - 1))
    return [(pair[0], 1 - above), (pair[1], above)]


def _colours(hsv: Floats) -> Floats:
    """(256,) joint histogram; where there is hardly a colour, hue is noise, and all hues count as the first."""
    saturation = np.minimum((hsv[:, 1] * _SATURATIONS).astype(np.intp), _SATURATIONS - 1)
    coloured = hsv[:, 1] > 0.12
    counts = np.zeros(_HUES * _SATURATIONS * _VALUES)
    for hue, hue_weight in _soft(hsv[:, 0], _HUES, wraps=True):
        for value, value_weight in _soft(hsv[:, 2], _VALUES):
            joint = (np.where(coloured, hue, 0) * _SATURATIONS + saturation) * _VALUES + value
            counts += np.bincount(joint, hue_weight * value_weight, len(counts))
    return (counts / len(hsv)).astype(np.float32)


@cache
def _cells() -> Ints:
    """(pixels,) the cell of the grid that each pixel is in."""
    rows = np.arange(_HEIGHT) * _GRID // _HEIGHT
    columns = np.arange(_WIDTH) * _GRID // _WIDTH
    return (rows[:, None] * _GRID + columns[None, :]).ravel()


def _in_cells(soft: Soft, weights: Floats | float, bins: int) -> Floats:
    """(9, bins) one weighted histogram per cell, each the mean over its pixels."""
    counts = np.zeros(_GRID * _GRID * bins)
    for bin_, share in soft:
        counts += np.bincount(_cells() * bins + bin_, share * weights, len(counts))
    per_cell = _WIDTH * _HEIGHT / _GRID**2
    return (counts.reshape(-1, bins) / per_cell).astype(np.float32)


def _grid_colours(hsv: Floats) -> Floats:
    """(9, 12) hues, weighted by saturation times value, and values of each cell."""
    hues = _in_cells(_soft(hsv[:, 0], _HUES, wraps=True), hsv[:, 1] * hsv[:, 2], _HUES)
    return np.concatenate([hues, _in_cells(_soft(hsv[:, 2], _CELL_VALUES), 1.0, _CELL_VALUES)], axis=1)


def _by_cell(values: Floats) -> Floats:
    """(9, pixels of a cell, channels)."""
    shape = (_GRID, _HEIGHT // _GRID, _GRID, _WIDTH // _GRID, -1)
    return values.reshape(shape).swapaxes(1, 2).reshape(_GRID**2, _HEIGHT * _WIDTH // _GRID**2, -1)


def _moments(lab: Floats) -> Floats:
    """(9, 6) means and deviations of L, a, b."""
    cells = _by_cell((lab - np.float32(0.5)) * _LAB_STRETCH)
    return np.concatenate([cells.mean(axis=1), 2 * cells.std(axis=1)], axis=1)


def _gradients(luma: Floats) -> tuple[Floats, Floats]:
    """Strength, and direction without sign in [0, 1), of every pixel's edge."""
    import cv2

    dx, dy = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    strength = np.hypot(dx, dy).ravel()
    return strength, (np.arctan2(dy, dx).ravel() / np.float32(np.pi)) % np.float32(1)


def _thumbnail(luma: Floats) -> Floats:
    """(16,) means of 4 × 4 blocks without their common mean."""
    blocks = luma.reshape(4, _HEIGHT // 4, 4, _WIDTH // 4).mean(axis=(1, 3))
    return np.asarray(blocks - blocks.mean(), np.float32)


def _scalars(hsv: Floats, lab: Floats, strength: Floats) -> Floats:
    """(6,) each about in [0, 1]."""
    luma, saturation = lab[:, 0], hsv[:, 1]
    values = [
        luma.mean(), 2 * luma.std(), saturation.mean(), 2 * saturation.std(), strength.mean(), (luma < 0.1).mean()
    ]  # fmt: skip
    return np.array(values, np.float32)
