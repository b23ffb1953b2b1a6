"""What shot detection looks at: tiny pictures, colour histograms, and how far two pictures are apart.

Distances are made so that motion, noise and light change them little and another place changes them much:
histograms do not see motion; blocks are compared at their best shift and without their mean brightness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cinelake.spec.arrays import Floats, PixelArray

WIDTH, HEIGHT = 64, 36
"""Size of the pictures that detection reads."""
COLUMNS, ROWS = 32, 18
"""Size of the tiny pictures."""
LUMA_BINS, CHROMA_BINS = 24, 16
BINS = LUMA_BINS + 2 * CHROMA_BINS
SHIFT_X, SHIFT_Y = 5, 3
"""How far a block may have moved between two pictures, in tiny pixels: a sixth of the width and height."""
BLOCK_X, BLOCK_Y = 8, 6
LIT = 24
"""Luma above which a pixel is not black (0 to 255)."""
MIN_INSIDE = 0.25
"""Share of the picture that must be left between black bars for them to be bars."""
SAME_PIXELS, CLEAR_PIXELS = 1.5, 5.0
"""Mean difference of pixels (0 to 255) below which pictures are the same, and above which it counts in full."""
NOISE = 9.0
"""Variance below which the structure of a block is taken for noise (luma, 0 to 255)."""


@dataclass
class ReducedPictures:
    """Successive pictures, reduced.

    tiny: (n, 18, 32, 3) Y, Cr, Cb; histogram: (n, 56), sums to 3. Between black bars, if there are any:
    spread: (n,) standard deviation of luma; colour: (n, 3) mean.
    """

    times_s: npt.NDArray[np.float64]
    tiny: Floats
    histogram: Floats
    spread: Floats
    colour: Floats

    def __len__(self) -> int:
        return len(self.times_s)

    def __getitem__(self, part: Any) -> ReducedPictures:
        return ReducedPictures(
            self.times_s[part], self.tiny[part], self.histogram[part], self.spread[part], self.colour[part]
        )

    def joined(self, more: ReducedPictures) -> ReducedPictures:
        """These pictures and then those."""
        return ReducedPictures(
            np.concatenate([self.times_s, more.times_s]),
            np.concatenate([self.tiny, more.tiny]),
            np.concatenate([self.histogram, more.histogram]),
            np.concatenate([self.spread, more.spread]),
            np.concatenate([self.colour, more.colour]),
        )


def no_pictures() -> ReducedPictures:
    """No pictures yet."""
    tiny = np.zeros((0, ROWS, COLUMNS, 3), np.float32)
    return ReducedPictures(
        np.zeros(0), tiny, np.zeros((0, BINS), np.float32), np.zeros(0, np.float32), np.zeros((0, 3), np.float32)
    )


def reduce(pixels: PixelArray, times_s: npt.NDArray[np.float64]) -> ReducedPictures:
    """(n, 36, 64, 3) RGB → tiny pictures and histograms."""
    import cv2

    count = len(pixels)
    ycc = cv2.cvtColor(np.ascontiguousarray(pixels).reshape(-1, WIDTH, 3), cv2.COLOR_RGB2YCrCb)
    ycc = ycc.reshape(count, HEIGHT, WIDTH, 3)
    tiny = cv2.resize(ycc.reshape(-1, WIDTH, 3), (COLUMNS, count * ROWS), interpolation=cv2.INTER_AREA)
    tiny = tiny.reshape(count, ROWS, COLUMNS, 3).astype(np.float32)
    return ReducedPictures(times_s, tiny, _histograms(ycc), *_between_bars(tiny))


def _between_bars(tiny: Floats) -> tuple[Floats, Floats]:
    """(n, 18, 32, 3) → (n,) spread of luma and (n, 3) mean colour, black bars and their soft edges left out."""
    count = len(tiny)
    lit = np.asarray(tiny[..., 0] > LIT)
    inside = _span(np.asarray(lit.any(2)))[:, :, None] & _span(np.asarray(lit.any(1)))[:, None, :]
    inside[inside.mean((1, 2)) < MIN_INSIDE] = True
    share = inside.reshape(count, 1, -1).astype(np.float32)
    share /= share.sum(2, keepdims=True)
    flat = tiny.reshape(count, -1, 3)
    colour = (share @ flat)[:, 0]
    off = flat[..., 0] - colour[:, :1]
    return np.sqrt((share[:, 0] * off * off).sum(1)), colour


def _span(lit: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(n, m) lit lines → (n, m): those from the first to the last; without these two where dark lines lie outside."""
    within = np.logical_or.accumulate(lit, 1) & np.logical_or.accumulate(lit[:, ::-1], 1)[:, ::-1]
    return np.asarray(within & _before(within) & _after(within))


def _histograms(ycc: PixelArray) -> Floats:
    """(n, 36, 64, 3) → (n, 56): shares of luma, Cr and Cb, each smoothed so that slight changes stay slight."""
    import cv2

    binned = cv2.LUT(ycc.reshape(-1, WIDTH, 3), _bins()).reshape(len(ycc), HEIGHT, -1)
    counted = [cv2.calcHist([picture], [0], None, [BINS], [0, BINS]) for picture in binned]
    channels = np.split(np.concatenate(counted, axis=1).T, [LUMA_BINS, LUMA_BINS + CHROMA_BINS], axis=1)
    smooth = np.concatenate([_smooth(channel) for channel in channels], axis=1)
    return np.asarray(smooth / (ycc.shape[1] * ycc.shape[2]), np.float32)


def _smooth(histogram: Floats) -> Floats:
    return np.asarray(0.25 * _before(histogram) + 0.5 * histogram + 0.25 * _after(histogram))


def _before(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, m) → (n, m): what stands before each value of a row, itself before the first."""
    return np.concatenate([rows[:, :1], rows[:, :-1]], axis=1)


def _after(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, m) → (n, m): what stands after each value of a row, itself after the last."""
    return np.concatenate([rows[:, 1:], rows[:, -1:]], axis=1)


@lru_cache(maxsize=1)
def _bins() -> PixelArray:
    """(1, 256, 3): the bin of each level of luma, of Cr and of Cb; those of the one follow those of the other.

    Of colours they are fine near grey, where most lie: equal steps of the square root of the distance from grey.
    """
    levels = np.arange(256)
    distance = (levels - 128) / 128.0
    spread = np.sign(distance) * np.sqrt(np.abs(distance))
    chroma = np.clip((spread + 1) / 2 * CHROMA_BINS, 0, CHROMA_BINS - 1).astype(np.uint8)
    luma = (levels * LUMA_BINS // 256).astype(np.uint8)
    return np.stack([luma, LUMA_BINS + chroma, LUMA_BINS + CHROMA_BINS + chroma], axis=1)[None]


def distance(a: ReducedPictures, b: ReducedPictures, pixels: Floats | None = None) -> Floats:
    """(m) and (m) pictures → (m,) how much they look like different places, 0 to 1.5.

    Colour and structure together, and less where hardly any pixel differs (noise in the dark moves histograms).
    pixels: their `pixel_difference`, where it is known.
    """
    pixels = pixel_difference(a, b) if pixels is None else pixels
    differ = np.flatnonzero(pixels >= SAME_PIXELS)
    structure = np.zeros(len(a), np.float32)
    structure[differ] = structure_distance(a.tiny[differ, ..., 0], b.tiny[differ, ..., 0])
    colour = colour_distance(a.histogram, b.histogram)
    return np.asarray((colour + 0.5 * structure) * np.minimum(1.0, pixels / CLEAR_PIXELS), np.float32)


def pixel_difference(a: ReducedPictures, b: ReducedPictures) -> Floats:
    """(m) and (m) pictures → (m,) mean difference of pixels, 0 to 255."""
    return np.asarray(np.abs(a.tiny - b.tiny).mean((1, 2, 3)), np.float32)


def colour_distance(a: Floats, b: Floats) -> Floats:
    """(m, 56) and (m, 56) histograms → (m,) 0 same to 1 nothing in common."""
    return np.asarray(np.abs(a - b).sum(-1) / 6.0, np.float32)


def structure_distance(a: Floats, b: Floats) -> Floats:
    """(m, 18, 32) and (m, 18, 32) luma → (m,): what the best shift of each block leaves unexplained, 0 to 1.

    1: as much as the structure there is. Blocks lose their mean, so that light does not count, and a noise
    floor keeps empty and dark pictures from counting.
    """
    ours, theirs = _energy(_blocks(a)), _energy(_blocks(b))
    least, most = np.minimum(ours, theirs).sum(1), np.maximum(ours, theirs).sum(1)
    floor = ROWS * COLUMNS * NOISE
    left = _leftover(a, b, ours).sum(1)
    return np.asarray(np.clip(left / (np.sqrt(least * most) + floor), 0, 1), np.float32)


def _blocks(luma: Floats) -> Floats:
    """(m, 18, 32) → (m, 12, 48): the pixels of each block."""
    down, across = ROWS // BLOCK_Y, COLUMNS // BLOCK_X
    apart = luma.reshape(-1, down, BLOCK_Y, across, BLOCK_X).swapaxes(2, 3)
    return apart.reshape(-1, down * across, BLOCK_Y * BLOCK_X)


def _energy(blocks: Floats) -> Floats:
    """(…, 48) → (…,) sum of squares around the mean."""
    off = blocks - blocks.mean(-1, keepdims=True)
    return np.asarray(np.einsum("...i,...i->...", off, off))


def _leftover(a: Floats, b: Floats, energy: Floats) -> Floats:
    """(m, 12) least squared difference of each block of `a` to `b` over all shifts, means removed.

    Multiplied out, so that shifts are products of matrices: energy of the one, of the other, less twice the product.
    """
    padded = b.reshape(len(b), ROWS * COLUMNS).take(_around(), axis=1) - np.float32(128)
    shifted = _all_shifts(padded)
    blocks = _blocks(a)
    blocks = blocks - blocks.mean(2, keepdims=True)
    product = (shifted @ blocks[..., None])[..., 0]
    other = _windows(_window_energy(padded)[:, :, :, None], 1)[..., 0]
    return np.asarray(energy + (other - 2 * product).min(2))


@lru_cache(maxsize=1)
def _around() -> npt.NDArray[np.int64]:
    """(24, 42): which of a picture's 18 × 32 pixels lies where, the outermost repeated all around."""
    rows = np.clip(np.arange(-SHIFT_Y, ROWS + SHIFT_Y), 0, ROWS - 1)
    columns = np.clip(np.arange(-SHIFT_X, COLUMNS + SHIFT_X), 0, COLUMNS - 1)
    return np.asarray(rows[:, None] * COLUMNS + columns)


def _all_shifts(padded: Floats) -> Floats:
    """(m, 24, 42) → (m, 12, 77, 48): for every block and shift the pixels under it.

    Cut first into strips as wide as a block, in which the rows of a window follow each other: copies of 48 values,
    where out of the picture there would be six times as many, of 8.
    """
    picture, row, pixel = padded.strides
    tall, wide = padded.shape[1], padded.shape[2] - BLOCK_X + 1
    strips = np.lib.stride_tricks.as_strided(
        padded, (len(padded), wide, tall, BLOCK_X), (picture, pixel, row, pixel), writeable=False
    )
    return _windows(np.ascontiguousarray(strips).swapaxes(1, 2), BLOCK_Y * BLOCK_X)


def _windows(at: Floats, size: int) -> Floats:
    """(m, rows, columns, …) with what begins at each place → (m, 12, 77, size): by block and shift."""
    blocks, shifts = (ROWS // BLOCK_Y, COLUMNS // BLOCK_X), (2 * SHIFT_Y + 1, 2 * SHIFT_X + 1)
    picture, row, column, value = at.strides
    near = np.lib.stride_tricks.as_strided(  # block and shift, down and across each, and what is there
        at,
        (len(at), *blocks, *shifts, size),
        (picture, BLOCK_Y * row, BLOCK_X * column, row, column, value),
        writeable=False,
    )
    return near.reshape(len(at), math.prod(blocks), math.prod(shifts), size)


def _window_energy(padded: Floats) -> Floats:
    """(m, 24, 42) → (m, 19, 35) sum of squares around the mean of every window of a block's size."""
    sums = [_window_sums(padded), _window_sums(padded * padded)]
    return np.asarray(sums[1] - sums[0] ** 2 / (BLOCK_X * BLOCK_Y))


def _window_sums(padded: Floats) -> Floats:
    rows, columns = padded.shape[1] - BLOCK_Y + 1, padded.shape[2] - BLOCK_X + 1
    tall = np.add.reduce([padded[:, y : y + rows] for y in range(BLOCK_Y)])
    return np.asarray(np.add.reduce([tall[:, :, x : x + columns] for x in range(BLOCK_X)]))
