"""What a small picture shows of the cues that media companies look for: black, colour bars, letterbox, credits.

All functions take (n, height, width, 3) or (n, height, width) arrays and return one value a picture.
"""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array

DARK = 0.10
"""A pixel with less luma is black, as in ffmpeg's `blackdetect` (`pixel_black_th`)."""
GREEN = 36
"""A pixel with so much green (of 255) is not black, whatever its red and blue: green alone is more luma than `DARK`."""
QUANTILE = 0.98
"""A row or column is black where this quantile of its luma is."""
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


def is_black(pixels: Array, share: float) -> Array:
    """(n,) whether this share of the pixels is black and nothing shines: white words on black are no black picture.

    Of most pictures their green says that too few pixels can be black; only of the others luma is made.
    """
    count = np.array([np.count_nonzero(green < GREEN) for green in pixels[..., 1]])
    black = np.asarray(count / (pixels.shape[1] * pixels.shape[2]) >= share)
    if black.any():
        y = luma(pixels[black])
        few_shine = (y > SHINING).sum(axis=(1, 2)) <= MAX_SHINING
        black[black] = ((y < DARK).mean(axis=(1, 2)) >= share) & few_shine
    return black


def dark_edges(y: Array) -> Array:
    """(n, 4) black rows at the top and bottom, black columns at the left and right, as shares of the picture."""
    rows, columns = _dark_lines(y), _dark_lines(y.swapaxes(1, 2))
    return np.stack([_leading(rows), _leading(rows[:, ::-1]), _leading(columns), _leading(columns[:, ::-1])], axis=1)


def _dark_lines(y: Array) -> Array:
    """(n, k, m) → (n, k) whether the 0.98-quantile of a line is black.

    It lies between two values that follow each other. How many are black says it, but where only the lower one is.
    """
    lower = int(QUANTILE * (y.shape[2] - 1))
    count = (y < DARK).sum(axis=2)
    dark, unsure = count > lower + 1, count == lower + 1
    if unsure.any():
        dark[unsure] = np.quantile(y[unsure], QUANTILE, axis=1) < DARK
    return np.asarray(dark)


def _leading(dark: Array) -> Array:
    """(n, k) booleans → (n,) the share of them before the first that is false."""
    return np.where(dark.all(axis=1), 1.0, np.argmin(dark, axis=1) / dark.shape[1])


def shows_bars(pixels: Array) -> Array:
    """(n,) whether the upper half is colour bars: flat columns, and the six colours in the standard's order."""
    upper = pixels[:, : pixels.shape[1] // 2].astype(np.float32)
    bars = np.asarray((upper.std(axis=1).max(axis=2) < 8).mean(axis=1) > 0.85)
    if bars.any():
        bars[bars] = [_has_bars(columns) for columns in np.median(upper[bars], axis=1)]
    return bars


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
    grounds = np.array([median(picture) for picture in y], np.float32)
    off = np.abs(y - grounds[:, None, None])
    text = np.asarray((off < 0.06).mean(axis=(1, 2)) > 0.6)
    if text.any():
        text[text] = _are_thin(off[text] > 0.25)
    if text.any():
        text[text] = _saturation(pixels[text], off[text] > 0.25) <= MAX_SATURATION
    return text


def median(values: Array) -> float:
    """`np.median` of single precision in a fifth of its time: only one value is sought, and none is NaN."""
    half = values.size // 2
    parted = np.partition(values.ravel(), half)
    return float(parted[half] if values.size % 2 else (parted[:half].max() + parted[half]) / 2)


def _are_thin(strokes: Array) -> Array:
    """(n, h, w) pixels that stand out → (n,) whether they are few, thin, and in rows that change many times."""
    count = np.maximum(strokes.sum(axis=(1, 2)), 1)
    changes = np.abs(np.diff(strokes.astype(np.int8), axis=2)).sum(axis=2)  # (n, h)
    written = changes >= 6
    stray = (strokes.sum(axis=2) * ~written).sum(axis=1)
    width = 2 * count / np.maximum(changes.sum(axis=1), 1)
    are_few = count / strokes[0].size < 0.3
    return np.asarray(are_few & (written.sum(axis=1) >= 2) & (stray <= 0.5 * count) & (width <= MAX_STROKE))


def _saturation(pixels: Array, strokes: Array) -> Array:
    """(n,) the mean saturation of the strokes, from 0 grey to 1."""
    red, green, blue = (pixels[..., channel] for channel in range(3))
    high, low = (of(of(red, green), blue) for of in (np.maximum, np.minimum))
    saturation = (high - low).astype(np.float32) / np.maximum(high, 1).astype(np.float32)
    return np.asarray((saturation * strokes).sum(axis=(1, 2)) / np.maximum(strokes.sum(axis=(1, 2)), 1))
