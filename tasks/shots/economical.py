"""Boundaries from a part of a film's pictures: those that others refer to, and all where a shot may begin.

1. A cut costs bits: where a picture that is decoded ahead of those shown before it is far larger than its like, these
   are decoded too. So are all that others refer to.
2. Among what is decoded, cuts are sought as ever, though a weaker change will do (`LOOSE`), and fades and dissolves,
   a weaker one too (`SLACK`), with the mean of its neighbours in a missing picture's place. What is missing around them
   is decoded then.
3. Boundaries are decided as in a film that is decoded whole, in the same strides. A cut is only where pictures on both
   sides are there. What decisions about fades, dissolves and doubtful cuts look at is decoded, until nothing of it is
   missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cinelake.media.batches import FrameBatch
from cinelake.spec.arrays import Bools, Floats, Integers
from tasks.shots.boundaries import DISSOLVE_S, JUDGED, find_boundaries, find_dissolves
from tasks.shots.cuts import (
    CONTEXT,
    MIN_CHANGE,
    NEAR_FRAMES,
    PLAIN_SPREAD,
    SIDE_S,
    STRIDE,
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
SURE = 0.95
"""How sure a cut must be for the pictures beside it not to matter."""
BESIDE_CUT = 4
"""Pictures on both sides of a doubtful cut that are decoded, and all within `SIDE_S` of it."""
NEAR_GRADUAL = 8
"""Pictures on both sides of where plain pictures begin or end that are decoded too.

Around the middle of a fade or dissolve as many are as the longest that is sought has.
"""
SLACK = 1.3
"""A dissolve that misses a bound by so much is looked at, too: with means for what is missing it may seem weaker."""
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
    found = finder.find(known, [(0, len(film))], slack=SLACK)
    boundaries = found.boundaries
    missing = suspected_places(known, finder.suspected(known), len(film)) | finder.looked_at(found, known)
    while missing.any():
        batches.clear()
        film.decode(missing, take)
        known = _gathered(known, batches)
        found = finder.find(known, finder.spans(np.flatnonzero(missing)))
        boundaries = sorted([*(each for each in boundaries if not found.covers(each.frame)), *found.boundaries])
        missing = finder.looked_at(found, known)
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


def suspected_places(known: DecodedPictures, suspected: Integers, count: int) -> Bools:
    """(n,) the missing pictures around suspected cuts, and where plain pictures begin or end.

    suspected: which of the decoded pictures may follow a cut.
    """
    wanted, frames = np.zeros(count, bool), known.frames
    for before, at in zip(frames[suspected - 1].tolist(), frames[suspected].tolist(), strict=True):
        wanted[max(0, before + 1 - MARGIN) : at + MARGIN] = True
    for frame in frames[np.flatnonzero(np.diff(known.pictures.spread < DIM_SPREAD)) + 1].tolist():
        wanted[max(0, frame - NEAR_GRADUAL) : frame + NEAR_GRADUAL] = True
    wanted[frames] = False
    return wanted


@dataclass
class FoundBoundaries:
    """What was found in parts of a film. spans: first and last frame of each, the last not included.

    doubtful: frames at which a cut is neither sure nor out of the question. nearly: where there may be a dissolve.
    """

    spans: list[tuple[int, int]] = field(default_factory=list)
    boundaries: list[Boundary] = field(default_factory=list)
    doubtful: list[int] = field(default_factory=list)
    nearly: list[int] = field(default_factory=list)

    def covers(self, frame: int) -> bool:
        """Whether it was decided about this frame."""
        return any(first <= frame < end for first, end in self.spans)


class _Finder:
    """Finds boundaries among all pictures, and suspects them among those that are decoded."""

    def __init__(self, times_s: npt.NDArray[np.float64], gradual: bool, sensitivity: float, rules: int):
        self.times_s, self.gradual, self.sensitivity, self.rules = times_s, gradual, sensitivity, rules
        # frames that hold `CONTEXT` without repeats
        self.reach = CONTEXT if rules == 1 else CONTEXT * APART // (APART - 1)

    def find(self, known: DecodedPictures, spans: Iterable[tuple[int, int]], slack: float = 1.0) -> FoundBoundaries:
        """What is found in these spans of frames and up to where a decision begins, as in a film decoded whole."""
        count, found = len(self.times_s), FoundBoundaries()
        kept = known.without_repeats(0, count) if self.rules > 1 else np.arange(count)
        for span in spans:
            around = np.searchsorted(kept, span)
            first, end = _whole_strides(int(around[0]), int(around[1]), len(kept))
            if end > first:
                found.spans.append((int(kept[first]), int(kept[end]) if end < len(kept) else count))
                self._find(known, kept, first, end, slack, found)
        return found

    def _find(
        self, known: DecodedPictures, kept: Integers, first: int, end: int, slack: float, found: FoundBoundaries
    ) -> None:
        """Decide about some of the frames that are no repeats."""
        base, last = max(0, first - CONTEXT), min(len(kept), end + CONTEXT)
        window, gone, decided = PartWindow(self.sensitivity, self.rules, begins=base == 0), base, first
        for start in range(base, last, BLOCK):
            window.add_known(*known.between(kept[start : min(last, start + BLOCK)], self.times_s))
            seen = gone + len(window)
            if seen == len(kept):
                window.judge(len(window))
            while decided < end and (seen == last or decided + STRIDE + CONTEXT <= seen):
                until = decided + STRIDE if decided + STRIDE + CONTEXT <= len(kept) else end
                self._decide(window, decided - gone, until - gone, slack, found)
                decided = until
            spare = max(0, decided - CONTEXT - gone)
            window.drop(spare)
            gone += spare

    def _decide(self, window: PartWindow, first: int, until: int, slack: float, found: FoundBoundaries) -> None:
        number = window.numbers
        for boundary in find_boundaries(window, first, until, self.gradual):
            found.boundaries.append(replace(boundary, frame=int(number[boundary.frame])))
        cut = np.array(window.cut[first:until])
        found.doubtful += number[first:until][(cut >= LOOSE) & (cut < SURE)].tolist()
        if self.gradual and slack > 1:
            found.nearly += [int(number[each.frame]) for each in find_dissolves(window, first, until, slack)]

    def looked_at(self, found: FoundBoundaries, known: DecodedPictures) -> Bools:
        """(n,) the missing pictures that the decisions about fades, dissolves and doubtful cuts look at."""
        wanted, times = np.zeros(len(self.times_s), bool), self.times_s
        gradual = [*found.nearly, *(each.frame for each in found.boundaries if each.is_gradual)]
        for frames, side_s, fewest in (
            (found.doubtful, SIDE_S, BESIDE_CUT),
            (gradual, 2 * max(DISSOLVE_S), NEAR_GRADUAL),
        ):
            for frame in frames:
                first, end = np.searchsorted(times, [times[frame] - side_s, times[frame] + side_s]).tolist()
                first, end = max(first, frame - JUDGED), min(end, frame + JUDGED)
                wanted[max(0, min(first, frame - fewest)) : max(end, frame + fewest) + 1] = True
        wanted[known.frames] = False
        return wanted

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


def _whole_strides(first: int, end: int, count: int) -> tuple[int, int]:
    """As `DetectShots` decides: in whole strides, but for the last, before which less than a context is left."""
    last = max(0, -(-(count - CONTEXT + 1) // STRIDE) - 1) * STRIDE
    return min(first // STRIDE * STRIDE, last), count if end > last else -(-end // STRIDE) * STRIDE


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
