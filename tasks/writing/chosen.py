"""Which pictures are read: the middle of every shot, what changes, and all of them where writing was found.

Reading is dear. A picture that shows what the one before showed is not read again: its writing goes on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from cinelake.spec.arrays import PixelArray
from tasks.shared.pictures import Jpeg, decode

SAME = 2.0
"""Mean difference of luma, of 255, up to which two pictures show the same; noise and compression stay below."""
PART, PART_SHARE = 24, 0.002
"""… unless this share of them differs by so much: a line that appears is a small part of a picture."""


Look = Literal["read", "same", "left out"]


class Chooser:
    """Decides picture by picture.

    found: whether the last picture that was read has writing; whoever reads says so. At first it is taken to have.
    """

    def __init__(self) -> None:
        self.found = True
        self._shot: int | None = None
        self._small: PixelArray | None = None
        self._left_out: list[int] = []

    def look(self, number: int, picture: Jpeg, is_due: bool) -> Look:
        """Whether a picture is to be read now, shows the same as the last that was, or is left out (see `back`).

        is_due: it is read though nothing was found before, unless it shows the same.
        """
        small = decode(picture.jpeg, half=True, in_grey=True)
        if self._small is not None and picture.shot == self._shot and alike(small, self._small):
            return "same"
        if not self.found and not is_due:
            self._left_out.append(number)
            return "left out"
        self._small, self._shot = small, picture.shot
        return "read"

    def back(self) -> list[int]:
        """The pictures that were left out since the last that was read: writing may have begun in one of them."""
        left_out, self._left_out = self._left_out, []
        return left_out


def due(pictures: Sequence[tuple[Jpeg, bool]], every_s: float) -> set[int]:
    """Numbers of the pictures that are read in any case: the middles of shots, and so many others that no longer part
    of the film than `every_s` goes unread."""
    times = np.array([picture.time_s for picture, _ in pictures])
    if every_s <= np.diff(times).min(initial=np.inf):
        return set(range(len(pictures)))
    marks = [times[0], *(picture.time_s for picture, is_middle in pictures if is_middle), times[-1]]
    stretches = ((start_s, end_s, math.ceil((end_s - start_s) / every_s)) for start_s, end_s in pairwise(marks))
    wanted = [at for start_s, end_s, parts in stretches for at in np.linspace(start_s, end_s, parts + 1)]
    return {int(np.abs(times - at).argmin()) for at in wanted}


def alike(one: PixelArray, other: PixelArray) -> bool:
    """Whether two grey pictures show the same."""
    if one.shape != other.shape:
        return False
    difference = np.abs(one.astype(np.int16) - other)
    return bool(difference.mean() <= SAME and (difference >= PART).mean() <= PART_SHARE)
