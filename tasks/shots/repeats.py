"""Pictures that only repeat the one before, among pictures that move: film of 24 pictures a second shown at 30.

How a change differs from the steps beside it says whether it is a cut. A step that is nothing, every fifth time, makes
a flash or a burst of motion look like one; so shots are decided without the pictures that were put in.
"""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Bools, Floats, Integers
from tasks.shots.pictures import ReducedPictures, no_pictures, pixel_difference

MOVING_PIXELS, REPEATED_PIXELS, REPEATED_SHARE = 1.5, 0.6, 0.25
"""Mean differences of pixels from the picture before (0 to 255): a repeat has less than the second, and less than this
share of those of the pictures before and after it, which have at least the first."""
APART = 4
"""Of so many pictures in a row at most one counts as a repeat."""


def find_repeats(pixels: Floats) -> Bools:
    """(n,) mean difference of each picture from the one before → (n,) whether it may be a repeat, never at an end."""
    found = np.zeros(len(pixels), bool)
    beside = np.minimum(pixels[:-2], pixels[2:])
    found[1:-1] = (beside >= MOVING_PIXELS) & (pixels[1:-1] < np.minimum(REPEATED_PIXELS, REPEATED_SHARE * beside))
    return found


def apart(numbers: Integers, last: int = -APART) -> Integers:
    """Those of these numbers, which rise, that are `APART` or more after the one before that is taken, or `last`."""
    taken: list[int] = []
    for number in numbers.tolist():
        if number - last >= APART:
            taken.append(number)
            last = number
    return np.array(taken, np.int64)


class RepeatFilter:
    """Passes pictures on as they come; by the second rules but for repeats, and the last one waits for the next."""

    def __init__(self, rules: int) -> None:
        self.leaves_out = rules > 1
        self.tail = no_pictures()  # the last that was settled, and the one that waits
        self.numbers, self.pixels = np.zeros(0, np.int64), np.zeros(0, np.float32)
        self.settled = 0  # so many of the tail's
        self.dropped = -APART  # the last repeat

    def pass_on(
        self, more: ReducedPictures, numbers: Integers, is_last: bool = False
    ) -> tuple[ReducedPictures, Integers, Floats]:
        """Pictures, their numbers in the film, and their mean difference from the one before (0 for the first).

        is_last: nothing follows `more`.
        """
        known = len(self.tail)
        pictures, numbers = self.tail.joined(more), np.concatenate([self.numbers, numbers])
        first = max(known, 1)
        opening = np.zeros(first - known, np.float32)[: len(more)]
        steps = pixel_difference(pictures[first - 1 : -1], pictures[first:])
        pixels = np.concatenate([self.pixels, opening, steps])
        end = len(pictures) - (self.leaves_out and not is_last)
        found = find_repeats(pixels) & self.leaves_out
        found[: self.settled] = found[end:] = False
        repeats = apart(numbers[found], self.dropped)
        self.dropped = int(repeats[-1]) if len(repeats) else self.dropped
        part = np.arange(self.settled, end)[~np.isin(numbers[self.settled : end], repeats)]
        passed = pictures[part], numbers[part], pixels[part]
        rest = max(0, end - 1)
        self.tail, self.numbers, self.pixels = pictures[rest:], numbers[rest:], pixels[rest:]
        self.settled = min(1, end)
        return passed
