"""What a small picture shows of the cues that media companies look for: black, colour bars, letterbox, credits.

All functions take (n, height, width, 3) or (n, height, width) arrays and return one value a picture.
"""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array

DARK = 0.10
"""A pixel with less luma is black, as in ffmpeg's `blackdetect` (`pixel_black_th`)."""
SHINING, MAX_SHINING = 0.3, 4
"""More than so many pixels with more luma, of 128 × 72, are something to see."""
MAX_STROKE, MAX_SATURATION = 6.0, 0.4
"""Strokes of writing are at most this wide on average, in pixels of 128, and hardly coloured."""
BAR_ORDER = (6, 3, 2, 5, 4, 1)
"""Yellow, cyan, green, magenta, red, blue; red is 4, green 2, blue 1 (SMPTE EG 1, SMPTE RP 219, EBU Tech 3325)."""
MIN_BAR = 0.06
"""A bar is at least this wide; they are a seventh or an eighth of the picture, in RP 219 a little over a tenth."""


def luma(pixels: Array) -> Array:
    """(n, h, w, 3) bytes of red, green and blue → (n, h, w) luma from 0 to 1 (ITU-R BT.709 weights)."""
    return np.asarray(pixels.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32) / 255)


def is_black(y: Array, share: float) -> Array:
    """(n,) whether this share of the pixels is black and nothing shines: white words on black are no black picture."""
    return np.asarray(((y < DARK).mean(axis=(1, 2)) >= share) & ((y > SHINING).sum(axis=(1, 2)) <= MAX_SHINING))


def dark_edges(y: Array) -> Array:
    """(n, 4) black rows at the top and bottom, black columns at the left and right, as shares of the picture."""
    rows, columns = (np.quantile(y, 0.98, axis=axis) < DARK for axis in (2, 1))
    return np.stack([_leading(rows), _leading(rows[:, ::-1]), _leading(columns), _leading(columns[:, ::-1])], axis=1)


def _leading(dark: Array) -> Array:
    """(n, k) booleans → (n,) the share of them before the first that is false."""
    return np.where(dark.all(axis=1), 1.0, np.argmin(dark, axis=1) / dark.shape[1])


def shows_bars(pixels: Array) -> Array:
    """(n,) whether the upper half is colour bars: flat columns, and the six colours in the standard's order."""
    upper = pixels[:, : pixels.shape[1] // 2].astype(np.float32)
    flat = upper.std(axis=1).max(axis=2) < 8
    return np.array(
        [bool(f.mean() > 0.85) and _has_bars(p) for f, p in zip(flat, np.median(upper, axis=1), strict=True)]
    )


def _has_bars(columns: Array) -> bool:
    """(w, 3) colours of the columns."""
    bright = columns > columns.max() / 2
    codes = bright @ np.array([4, 2, 1])
    wide = max(2, int(MIN_BAR * len(codes)))
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    lengths = np.diff(starts, append=len(codes))
    order = [int(codes[start]) for start, length in zip(starts, lengths, strict=True) if length >= wide]
    return any(tuple(order[i : i + len(BAR_ORDER)]) == BAR_ORDER for i in range(len(order)))


def shows_text(pixels: Array, y: Array) -> Array:
    """(n,) whether a picture is writing on a plain ground: most of it one tone, and thin grey strokes in busy rows.

    Strokes are pixels a quarter of full range away from the ground. A row of writing changes between both many times.
    """
    ground = np.median(y, axis=(1, 2), keepdims=True)
    plain = (np.abs(y - ground) < 0.06).mean(axis=(1, 2))
    strokes = np.abs(y - ground) > 0.25
    count = np.maximum(strokes.sum(axis=(1, 2)), 1)
    changes = np.abs(np.diff(strokes.astype(np.int8), axis=2)).sum(axis=2)  # (n, h)
    written = changes >= 6
    stray = (strokes.sum(axis=2) * ~written).sum(axis=1)
    width = 2 * count / np.maximum(changes.sum(axis=1), 1)
    looks = (plain > 0.6) & (count / y[0].size < 0.3) & (written.sum(axis=1) >= 2) & (stray <= 0.5 * count)
    return np.asarray(looks & (width <= MAX_STROKE) & (_saturation(pixels, strokes) <= MAX_SATURATION))


def _saturation(pixels: Array, strokes: Array) -> Array:
    """(n,) the mean saturation of the strokes, from 0 grey to 1."""
    high, low = pixels.max(axis=3).astype(np.float32), pixels.min(axis=3)
    saturation = (high - low) / np.maximum(high, 1)
    return np.asarray((saturation * strokes).sum(axis=(1, 2)) / np.maximum(strokes.sum(axis=(1, 2)), 1))
