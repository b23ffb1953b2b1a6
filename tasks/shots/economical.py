"""Boundaries from a part of a film's pictures: those that others refer to, and all where a shot may begin.

1. A cut costs bits: where a picture that is decoded ahead of those shown before it is far larger than its like, these
   are decoded too. So are all that others refer to.
2. Among what is decoded, cuts are sought as ever, though a weaker change will do (`LOOSE`), and fades and dissolves,
   with the mean of its neighbours in a missing picture's place. What is missing around them is decoded then.
3. Boundaries are decided as in a film that is decoded whole. A cut is only where pictures on both sides are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cinelake.media.batches import FrameBatch
from cinelake.media.chosen import ChosenPictures
from cinelake.spec.arrays import Floats
from tasks.shots.cuts import (
    CONTEXT,
    MIN_CHANGE,
    NEAR_FRAMES,
    Boundary,
    Window,
    find_boundaries,
    kinds,
)
from tasks.shots.pictures import ReducedPictures, no_pictures, reduce

ODD = 1.5
"""A picture whose packet has so many times the bytes of its like nearby may be the first of a shot."""
BESIDE = 6
"""How many of its like on either side it is compared with."""
HEADER_BYTES = 200.0
"""What a packet has in any case, so that still pictures of a few bytes do not count as different."""
MARGIN = 2
"""Pictures on both sides of a suspected cut that are decoded too."""
LOOSE = 0.1
"""How sure a cut among pictures further apart must be for all of them to be decoded."""
NEAR_GRADUAL = 8
"""Pictures on both sides of the middle of a fade or dissolve, and of where plain pictures begin or end: these too."""
BLOCK = 240
"""Frames that are decided at once."""

Bools = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]
OnBatch = Callable[[FrameBatch], None]


@dataclass
class DecodedPictures:
    """The pictures of a film that are decoded, reduced; tiny ones as bytes, which they are whole numbers of.

    frames: (m,) their numbers. change, pixels: (m,) distance and mean difference of pixels from the one before. cut:
    (m,) how sure a cut is there, as if there were no others.
    """

    frames: Whole
    pictures: ReducedPictures
    change: Floats
    pixels: Floats
    cut: Floats

    def blocks(self, times_s: npt.NDArray[np.float64]) -> Iterator[tuple[ReducedPictures, Floats, Floats, Bools]]:
        """All pictures of the film, the missing ones as means of their neighbours: pictures, change, pixels, decided.

        The steps over missing pictures are of equal size. A cut can be decided at a picture that is there, as is the
        one before it.
        """
        for first in range(0, len(times_s), BLOCK):
            at = np.arange(first, min(first + BLOCK, len(times_s)))
            right = np.minimum(np.searchsorted(self.frames, at), len(self.frames) - 1)
            left = np.where(self.frames[right] == at, right, np.maximum(right - 1, 0))
            gap = np.maximum(self.frames[right] - self.frames[left], 1)
            share = ((at - self.frames[left]) / gap).clip(0, 1).astype(np.float32)
            step = np.maximum(self.frames[right] - self.frames[np.maximum(right - 1, 0)], 1)
            pictures = _mixed(self.pictures, left, right, share, times_s[at])
            yield pictures, self.change[right] / step, self.pixels[right] / step, step == 1


class SparseWindow(Window):
    """Pictures under consideration of which some are made up."""

    def __init__(self, sensitivity: float = 1.0) -> None:
        super().__init__(sensitivity)
        self.decided = np.zeros(0, bool)

    def add_mixed(self, more: ReducedPictures, change: Floats, pixels: Floats, decided: Bools) -> None:
        """Append pictures with what is known of the steps to them."""
        self.pictures = self.pictures.joined(more)
        self.change, self.pixels = np.concatenate([self.change, change]), np.concatenate([self.pixels, pixels])
        self.kind, self.decided = np.concatenate([self.kind, kinds(more)]), np.concatenate([self.decided, decided])
        self.judge(len(self) - NEAR_FRAMES - 2)

    def worth_judging(self, first: int, until: int) -> Bools:
        """Which frames may begin a shot with a cut."""
        changed = self.change[first:until] * self.sensitivity >= MIN_CHANGE
        return np.asarray(changed & self.decided[first:until])

    def drop(self, count: int) -> None:
        """Forget the first pictures."""
        super().drop(count)
        self.decided = self.decided[count:]


def find_in_part(film: ChosenPictures, sensitivity: float, gradual: bool, on_batch: OnBatch) -> list[Boundary]:
    """The boundaries of a film, in order. on_batch: gets what is decoded first, in order. Raises `NotToBeSpared`."""
    batches: list[tuple[Whole, ReducedPictures]] = []

    def take(batch: FrameBatch) -> None:
        assert batch.pixels is not None
        reduced = reduce(batch.pixels, batch.times_s)
        batches.append((batch.frames, replace(reduced, tiny=reduced.tiny.astype(np.uint8))))

    def take_first(batch: FrameBatch) -> None:
        on_batch(batch)
        take(batch)

    film.decode(first_choice(film), take_first)
    known = _gathered(batches, sensitivity)
    boundaries = _boundaries(known, film.times_s, sensitivity, gradual)
    missing = second_choice(known, boundaries, len(film))
    if not missing.any():
        return boundaries
    film.decode(missing, take)
    return _boundaries(_gathered(batches, sensitivity), film.times_s, sensitivity, gradual)


def first_choice(film: ChosenPictures) -> Bools:
    """(n,) the pictures that others refer to, and those near packets that are far larger than their like."""
    chosen = ~film.is_spare
    ahead = np.flatnonzero(chosen & ~film.is_leading)
    bits = np.log(film.size_bytes[ahead] + HEADER_BYTES)
    like = np.lib.stride_tricks.sliding_window_view(np.pad(bits, BESIDE, mode="edge"), 2 * BESIDE + 1)
    odd = np.flatnonzero(bits - np.median(like, axis=1) > np.log(ODD))
    for before, at in zip(ahead[np.maximum(odd - 1, 0)].tolist(), ahead[odd].tolist(), strict=True):
        chosen[max(0, before + 1 - MARGIN) : at + 1 + MARGIN] = True
    return chosen


def second_choice(known: DecodedPictures, boundaries: list[Boundary], count: int) -> Bools:
    """(n,) the missing pictures around suspected cuts, fades and dissolves."""
    wanted, frames = np.zeros(count, bool), known.frames
    for at in np.flatnonzero(known.cut >= LOOSE).tolist():
        wanted[max(0, frames[at - 1] + 1 - MARGIN) : frames[at] + MARGIN] = True
    turns = frames[np.flatnonzero(np.diff(kinds(known.pictures))) + 1]
    for frame in [*turns.tolist(), *(boundary.frame for boundary in boundaries if boundary.is_gradual)]:
        wanted[max(0, frame - NEAR_GRADUAL) : frame + NEAR_GRADUAL] = True
    wanted[frames] = False
    return wanted


def _gathered(batches: list[tuple[Whole, ReducedPictures]], sensitivity: float) -> DecodedPictures:
    """What was decoded, in order and each once, with the changes among it."""
    frames = np.concatenate([numbers for numbers, _ in batches])
    frames, places = np.unique(frames, return_index=True)
    columns = [[getattr(one, name) for _, one in batches] for name in no_pictures().__dataclass_fields__]
    pictures = ReducedPictures(*(np.concatenate(column)[places] for column in columns))
    window = Window(sensitivity)
    change, pixels, cut = [], [], []
    for first in range(0, len(frames), BLOCK):
        part = pictures[first : first + BLOCK]
        window.add(replace(part, tiny=part.tiny.astype(np.float32)))
        if first + BLOCK >= len(frames):
            window.judge(len(window))
        spare = len(window.cut) if first + BLOCK >= len(frames) else max(0, len(window.cut) - CONTEXT)
        change.append(window.change[:spare])
        pixels.append(window.pixels[:spare])
        cut.append(np.array(window.cut[:spare]))
        window.drop(spare)
    return DecodedPictures(frames, pictures, *(np.concatenate(column) for column in (change, pixels, cut)))


def _boundaries(
    known: DecodedPictures, times_s: npt.NDArray[np.float64], sensitivity: float, gradual: bool
) -> list[Boundary]:
    window, base, decided = SparseWindow(sensitivity), 0, 0
    found: list[Boundary] = []
    for block in known.blocks(times_s):
        window.add_mixed(*block)
        seen = base + len(window)
        until = seen if seen == len(times_s) else seen - CONTEXT
        if seen == len(times_s):
            window.judge(len(window))
        if until <= decided:
            continue
        new = find_boundaries(window, decided - base, until - base, gradual)
        found += [replace(boundary, frame=boundary.frame + base) for boundary in new]
        decided = until
        spare = max(0, decided - CONTEXT - base)
        window.drop(spare)
        base += spare
    return found


def _mixed(
    known: ReducedPictures, left: Whole, right: Whole, share: Floats, times_s: npt.NDArray[np.float64]
) -> ReducedPictures:
    """Means of pictures on the left and on the right, with these shares of the right ones."""

    def mix(column: Floats) -> Floats:
        ratio = share.reshape(-1, *[1] * (column.ndim - 1))
        mixed = column[left].astype(np.float32)
        inner = np.flatnonzero(share)
        mixed[inner] += (column[right[inner]].astype(np.float32) - mixed[inner]) * ratio[inner]
        return np.asarray(mixed)

    return ReducedPictures(times_s, mix(known.tiny), mix(known.histogram), mix(known.spread), mix(known.colour))
