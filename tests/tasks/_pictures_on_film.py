"""Small films as arrays: places that differ, seen by a moving camera."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np

from cinelake.media.batches import FrameBatch
from tasks.shots.pictures import HEIGHT, WIDTH


@cache
def place(number: int) -> np.ndarray:
    """A picture of a place, larger than a frame: blobs of a few colours on a ground of another."""
    chance = np.random.default_rng(number)
    picture = np.full((HEIGHT * 2, WIDTH * 2, 3), chance.integers(40, 200, 3), np.uint8)
    for _ in range(40):
        centre = (int(chance.integers(0, WIDTH * 2)), int(chance.integers(0, HEIGHT * 2)))
        colour = tuple(int(c) for c in chance.integers(0, 255, 3))
        cv2.circle(picture, centre, int(chance.integers(3, 14)), colour, -1)
    return cv2.GaussianBlur(picture, (0, 0), 1)


def shot(number: int, frames: int, *, pan: float = 0.0, noise: float = 2.0, shake: int = 0) -> np.ndarray:
    """(frames, 36, 64, 3): a place, the camera moving `pan` pixels a frame, with grain."""
    chance = np.random.default_rng((number, frames))
    x = np.clip(np.arange(frames) * pan, 0, WIDTH) + chance.integers(-shake, shake + 1, frames)
    y = 10 + chance.integers(-shake, shake + 1, frames)
    starts = zip(np.clip(x, 0, WIDTH).astype(int), np.clip(y, 0, HEIGHT), strict=True)
    seen = np.stack([place(number)[b : b + HEIGHT, a : a + WIDTH] for a, b in starts]).astype(float)
    return np.clip(seen + chance.normal(0, noise, seen.shape), 0, 255).astype(np.uint8)


def dissolve(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """One shot turning into another over all their frames."""
    share = ((np.arange(len(before)) + 1) / (len(before) + 1))[:, None, None, None]
    return ((1 - share) * before + share * after).astype(np.uint8)


def dimmed(shot: np.ndarray, levels: np.ndarray, towards: int = 0) -> np.ndarray:
    """A shot whose pictures keep these shares of their light; the rest is grey level `towards`."""
    levels = np.asarray(levels)[:, None, None, None]
    return (shot * levels + towards * (1 - levels)).astype(np.uint8)


def batches(
    pixels: np.ndarray, times_s: np.ndarray | None = None, fps: float = 25.0, size: int = 16
) -> Iterator[FrameBatch]:
    """The film as the reader gives it."""
    times = np.arange(len(pixels)) / fps if times_s is None else times_s
    durations = np.append(np.diff(times), 1 / fps)[: len(times)]
    for at in range(0, len(pixels), size):
        part = slice(at, at + size)
        yield FrameBatch(np.arange(len(pixels))[part], times[part], durations[part], pixels[part])
