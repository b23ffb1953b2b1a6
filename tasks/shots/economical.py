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
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cinelake.media.batches import FrameBatch
from cinelake.spec.arrays import Bools, Floats, Integers
from tasks.shots.boundaries import find_boundaries
from tasks.shots.cuts import (
    CONTEXT,
    MIN_CHANGE,
    NEAR_FRAMES,
    PLAIN_SPREAD,
    Boundary,
    Window,
    kinds,
)
from tasks.shots.pictures import ReducedPictures, distance, no_pictures, pixel_difference, reduce
from tasks.shots.repeats import APART, apart, find_repeats

if TYPE_CHECKING:
    from cinelake.media.chosen import ChosenPictures

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
DIM_SPREAD = 3 * PLAIN_SPREAD
"""A picture whose luma has a smaller standard deviation may be next to a plain one that is missing."""
BLOCK = 240
"""Frames that are decided at once."""

PARTS = tuple(ReducedPictures.__dataclass_fields__)
NEVER = -2

OnBatch = Callable[[FrameBatch], None]


@dataclass
class DecodedPictures:
    """The pictures of a film that are decoded, reduced; tiny ones as bytes, which they are whole numbers of.

    frames: (m,) their numbers. change, pixels: (m,) distance and mean difference of pixels from the one before.
    """

    frames: Integers
    pictures: ReducedPictures
    change: Floats
    pixels: Floats

    @property
    def steps(self) -> Integers:
        """(m,) how many frames each is after the one before; 1 for the first."""
        return np.diff(self.frames, prepend=self.frames[0] - 1)

    def with_more(self, frames: Integers, pictures: ReducedPictures) -> DecodedPictures:
        """These and others, in order and each once; only changes that are new are measured."""
        every, places = np.unique(np.concatenate([self.frames, frames]), return_index=True)
        columns = [np.concatenate([getattr(one, name) for one in (self.pictures, pictures)])[places] for name in PARTS]
        room = np.zeros(len(frames), np.float32)
        change, pixels = (np.concatenate([known, room])[places] for known in (self.change, self.pixels))
        more = DecodedPictures(every, ReducedPictures(*columns), change, pixels)
        new, before = np.full(len(frames), NEVER), np.append(-1, every[:-1])
        measured_from = np.concatenate([np.append(-1, self.frames[:-1]), new])[places] if len(self.frames) else new
        more.measure(np.flatnonzero((measured_from != before) & (before >= 0)))
        return more

    def measure(self, at: Integers) -> None:
        """Measure the changes to these of the pictures."""
        for part in np.array_split(at, max(1, len(at) // BLOCK)):
            one, other = _as_floats(self.pictures[part - 1]), _as_floats(self.pictures[part])
            self.change[part], self.pixels[part] = distance(one, other), pixel_difference(one, other)

    def without_repeats(self, first: int, end: int) -> Integers:
        """Frames `first` to `end` but for repeats, which are only seen where pictures on both sides are there."""
        in_row = self.steps == 1
        found = find_repeats(self.pixels)
        found[1:-1] &= in_row[:-2] & in_row[1:-1] & in_row[2:]
        return np.setdiff1d(np.arange(first, end), apart(self.frames[found]))

    def between(
        self, at: Integers, times_s: npt.NDArray[np.float64]
    ) -> tuple[ReducedPictures, Integers, Floats, Floats, Bools]:
        """Frames, the missing ones as means of their neighbours: pictures, numbers, change, pixels, decided.

        The steps over missing pictures are of equal size. A cut can be decided at a picture that is there, as is the
        one before it.
        """
        right = np.minimum(np.searchsorted(self.frames, at), len(self.frames) - 1)
        left = np.where(self.frames[right] == at, right, np.maximum(right - 1, 0))
        gap = np.maximum(self.frames[right] - self.frames[left], 1)
        share = ((at - self.frames[left]) / gap).clip(0, 1).astype(np.float32)
        step = self.steps[right].astype(np.float32)
        pictures = _mixed(self.pictures, left, right, share, times_s[at])
        return pictures, at, self.change[right] / step, self.pixels[right] / step, step == 1


class PartWindow(Window):
    """Pictures under consideration of which some are missing, or made up; cuts are judged only where that is wanted."""

    def __init__(self, sensitivity: float, rules: int, begins: bool = True) -> None:
        super().__init__(sensitivity, rules)
        self.begins = begins
        self.wanted = np.zeros(0, bool)

    def add_known(
        self, more: ReducedPictures, numbers: Integers, change: Floats, pixels: Floats, wanted: Bools
    ) -> None:
        """Append pictures with what is known of the steps to them."""
        self.numbers = np.concatenate([self.numbers, numbers])
        self.pictures = self.pictures.joined(more)
        self.change, self.pixels = np.concatenate([self.change, change]), np.concatenate([self.pixels, pixels])
        self.kind, self.wanted = np.concatenate([self.kind, kinds(more)]), np.concatenate([self.wanted, wanted])
        self.judge(len(self) - NEAR_FRAMES - 2)

    def worth_judging(self, first: int, until: int) -> Bools:
        """Which frames may begin a shot with a cut."""
        changed = self.change[first:until] * self.sensitivity >= MIN_CHANGE
        return np.asarray(changed & self.wanted[first:until])

    def drop(self, count: int) -> None:
        """Forget the first pictures."""
        super().drop(count)
        self.wanted = self.wanted[count:]


def find_in_part(
    film: ChosenPictures, on_batch: OnBatch, gradual: bool, sensitivity: float, rules: int
) -> list[Boundary]:
    """The boundaries of a film, in order. on_batch: gets what is decoded first, in order. Raises `NotToBeSpared`."""
    batches: list[tuple[Integers, ReducedPictures]] = []

    def take(batch: FrameBatch) -> None:
        assert batch.pixels is not None
        reduced = reduce(batch.pixels, batch.times_s)
        batches.append((batch.frames, replace(reduced, tiny=reduced.tiny.astype(np.uint8))))

    def take_first(batch: FrameBatch) -> None:
        on_batch(batch)
        take(batch)

    film.decode(first_choice(film), take_first)
    known = _gathered(NOTHING, batches)
    finder = _Finder(film.times_s, gradual, sensitivity, rules)
    boundaries = finder.find(known, 0, len(film))
    missing = second_choice(known, finder.suspected(known), boundaries, len(film))
    if not missing.any():
        return boundaries
    batches.clear()
    film.decode(missing, take)
    known = _gathered(known, batches)
    for first, end in finder.spans(np.flatnonzero(missing)):
        again = finder.find(known, first, end)
        kept = [boundary for boundary in boundaries if not first <= boundary.frame < end]
        boundaries = sorted([*kept, *again])
    return boundaries


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


def second_choice(known: DecodedPictures, suspected: Integers, boundaries: list[Boundary], count: int) -> Bools:
    """(n,) the missing pictures around suspected cuts, fades and dissolves.

    suspected: which of the decoded pictures may follow a cut.
    """
    wanted, frames = np.zeros(count, bool), known.frames
    for before, at in zip(frames[suspected - 1].tolist(), frames[suspected].tolist(), strict=True):
        wanted[max(0, before + 1 - MARGIN) : at + MARGIN] = True
    turns = frames[np.flatnonzero(np.diff(known.pictures.spread < DIM_SPREAD)) + 1]
    for frame in [*turns.tolist(), *(boundary.frame for boundary in boundaries if boundary.is_gradual)]:
        wanted[max(0, frame - NEAR_GRADUAL) : frame + NEAR_GRADUAL] = True
    wanted[frames] = False
    return wanted


class _Finder:
    """Finds boundaries among all pictures, and suspects them among those that are decoded."""

    def __init__(self, times_s: npt.NDArray[np.float64], gradual: bool, sensitivity: float, rules: int):
        self.times_s, self.gradual, self.sensitivity, self.rules = times_s, gradual, sensitivity, rules
        self.reach = (
            CONTEXT if rules == 1 else CONTEXT * APART // (APART - 1)
        )  # frames that hold `CONTEXT` without repeats

    def find(self, known: DecodedPictures, first: int, end: int) -> list[Boundary]:
        """The boundaries with first ≤ frame < end."""
        base, last = max(0, first - self.reach), min(len(self.times_s), end + self.reach)
        window, found = PartWindow(self.sensitivity, self.rules, begins=base == 0), list[Boundary]()
        frames, gone = known.without_repeats(base, last) if self.rules > 1 else np.arange(base, last), 0
        decided, stop = np.searchsorted(frames, [first, end]).tolist()
        for start in range(0, len(frames), BLOCK):
            window.add_known(*known.between(frames[start : start + BLOCK], self.times_s))
            seen = gone + len(window)
            if seen == len(frames):
                window.judge(len(window))
            until = stop if seen == len(frames) else min(stop, seen - CONTEXT)
            if until <= decided:
                continue
            new = find_boundaries(window, decided - gone, until - gone, self.gradual)
            found += [replace(boundary, frame=int(window.numbers[boundary.frame])) for boundary in new]
            decided, spare = until, max(0, until - CONTEXT - gone)
            window.drop(spare)
            gone += spare
        return found

    def spans(self, frames: Integers) -> Iterator[tuple[int, int]]:
        """All that is decided anew once these frames are known: the first frames, and those after the last.

        Frames so near one another that one decision may look at two of them are decided together.
        """
        for run in np.split(frames, np.flatnonzero(np.diff(frames) > self.reach) + 1):
            yield max(0, int(run[0]) - self.reach), min(len(self.times_s), int(run[-1]) + 1 + self.reach)

    def suspected(self, known: DecodedPictures) -> Integers:
        """Which of the decoded pictures may follow a cut that lies among pictures that are missing before it."""
        window, base, found = PartWindow(self.sensitivity, self.rules), 0, list[Integers]()
        for start in range(0, len(known.frames), BLOCK):
            part = slice(start, start + BLOCK)
            steps = known.steps[part]
            pictures, frames = _as_floats(known.pictures[part]), known.frames[part]
            window.add_known(pictures, frames, known.change[part], known.pixels[part], steps > 1)
            is_last = start + BLOCK >= len(known.frames)
            if is_last:
                window.judge(len(window))
            done = len(window.cut) if is_last else max(0, len(window.cut) - NEAR_FRAMES)
            found.append(base + np.flatnonzero(np.array(window.cut[:done]) >= LOOSE))
            window.drop(done)
            base += done
        return np.concatenate(found)


def _gathered(known: DecodedPictures, batches: list[tuple[Integers, ReducedPictures]]) -> DecodedPictures:
    """What is known, and what was decoded besides."""
    columns = [np.concatenate([getattr(one, name) for _, one in batches]) for name in PARTS]
    return known.with_more(np.concatenate([numbers for numbers, _ in batches]), ReducedPictures(*columns))


def _as_floats(pictures: ReducedPictures) -> ReducedPictures:
    return replace(pictures, tiny=pictures.tiny.astype(np.float32))


def _mixed(
    known: ReducedPictures, left: Integers, right: Integers, share: Floats, times_s: npt.NDArray[np.float64]
) -> ReducedPictures:
    """Means of pictures on the left and on the right, with these shares of the right ones."""

    def mix(column: Floats) -> Floats:
        mixed, inner = column[left].astype(np.float32), np.flatnonzero(share)
        ratio = share[inner].reshape(-1, *[1] * (column.ndim - 1))
        mixed[inner] += (column[right[inner]].astype(np.float32) - mixed[inner]) * ratio
        return np.asarray(mixed)

    return ReducedPictures(times_s, mix(known.tiny), mix(known.histogram), mix(known.spread), mix(known.colour))


NOTHING = DecodedPictures(
    np.zeros(0, np.int64),
    replace(no_pictures(), tiny=no_pictures().tiny.astype(np.uint8)),
    np.zeros(0, np.float32),
    np.zeros(0, np.float32),
)
"""Before anything is decoded."""
