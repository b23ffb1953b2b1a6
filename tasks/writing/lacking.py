"""Letters that the reader has no sign for: ink inside a word without which it reads the same.

Of a letter that is not in its alphabet (ệ, ọ, ŵ in some typefaces) the network says nothing, as surely as of the space
between two words: Việt Nam is Vit Nam with a score of 1. Where each of its signs was read is known, though not to the
pixel. So ink at which none was is taken away, and the line read again: what leaves the reading as it was is lacking.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

import numpy as np

from cinelake.spec.arrays import Bools, Floats, PixelArray

LACKING = "\ufffd"
"""Stands behind a reading in which a letter is lacking."""
STEP, NO_SIGN = 8, 0
"""Pixels of a line's width that the network makes a step of, and the first of its signs: none."""
LOW, HIGH, NARROW, WIDE = 0.7, 1.7, 0.35, 1.5
"""Ink is a letter's whose height and width are within so many times the usual height of the line's letters,"""
BESIDE = 0.3
"""which lies so near (in usual heights) to one that was read (between words it may be anything),"""
AS_BRIGHT = 0.12
"""and is as bright as these: within so much of what is between writing and ground. What is behind it seldom is."""
TRIED = 3
"""No more letters of a line are taken away: a wall of text is no reason to stop a night."""
CLEAR = 0.6
"""Only where so many of a line's pieces of ink were read are the others judged: elsewhere letters hang together, or are
not told from what is behind them."""


class Ink(NamedTuple):
    """Pieces of writing of one line, from left to right; an i and its dot are one piece."""

    left: Floats
    right: Floats
    height: Floats
    grey: Floats
    """How bright each is, 0 … 255."""
    ground: float
    """How bright is what is between them."""


def without_unread(row: Floats, steps: Floats, text: str) -> list[Floats]:
    """A line without one of its letters, for each (the first `TRIED`) at which nothing was read.

    row: (3, 48, width), as the network took it, without padding. steps: (n, signs), how likely each sign is in each
    step from left to right. text: the reading; only lines of Latin letters are looked at, since those of other scripts
    are in several pieces.
    """
    letters = [char for char in text if char.isalpha()]
    if not letters or not all(unicodedata.name(char, "").startswith("LATIN") for char in letters):
        return []
    found = ink(np.asarray(np.clip((row.mean(0) + 1) * 127.5, 0, 255), np.uint8))
    lines = []
    for number in np.flatnonzero(is_unread(found, steps))[:TRIED]:
        line = row.copy()
        line[:, :, max(0, int(found.left[number]) - 1) : int(found.right[number]) + 1] = found.ground / 127.5 - 1
        lines.append(line)
    return lines


def is_unread(found: Ink, steps: Floats) -> Bools:
    """Which pieces of ink are letters inside words at which no sign was read."""
    read = was_read(found, steps)
    if not len(read) or read.mean() < CLEAR:
        return np.zeros(len(read), bool)
    usual, width = float(np.median(found.height)), found.right - found.left
    is_letter = (found.height >= LOW * usual) & (found.height <= HIGH * usual)
    is_letter &= (width >= NARROW * usual) & (width <= WIDE * usual)
    bright = float(np.median(found.grey[read]))
    is_letter &= np.abs(found.grey - bright) <= AS_BRIGHT * abs(bright - found.ground)
    near = found.left[1:] - found.right[:-1] <= BESIDE * usual
    is_beside = np.append(False, read[:-1] & near) | np.append(read[1:] & near, False)
    return np.asarray(is_letter & ~read & is_beside, bool)


def was_read(found: Ink, steps: Floats) -> Bools:
    """Whether a sign was read at each piece of ink: each step with one belongs to the piece that is nearest to it."""
    at = (np.flatnonzero(steps.argmax(1) != NO_SIGN) + 0.5) * STEP
    if not len(found.left):
        return np.zeros(0, bool)
    astray = np.maximum(0, np.maximum(found.left - at[:, None], at[:, None] - found.right))
    return np.isin(np.arange(len(found.left)), astray.argmin(1))


def ink(grey: PixelArray) -> Ink:
    """What is written in a grey line, by its brightness."""
    import cv2

    _, mask = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    if np.concatenate([mask[0], mask[-1]]).mean() > 127:
        mask = 255 - mask
    _, numbers, boxes, _ = cv2.connectedComponentsWithStats(np.asarray(mask, np.uint8))
    ground = float(np.median(grey[mask == 0])) if (mask == 0).any() else 0.0
    pieces: list[list[int]] = []
    for left, top, width, height in sorted(box[:4].tolist() for box in boxes[1:] if box[3] >= 3):
        if pieces and left < pieces[-1][1]:
            last = pieces[-1]
            last[1], last[2], last[3] = max(last[1], left + width), min(last[2], top), max(last[3], top + height)
        else:
            pieces.append([left, left + width, top, top + height])
    greys = [float(np.median(grey[:, a:b][numbers[:, a:b] > 0])) for a, b, _, _ in pieces]
    left, right, top, bottom = np.array(pieces, np.float32).reshape(-1, 4).T
    return Ink(left, right, bottom - top, np.array(greys, np.float32), ground)
