"""Which pictures are read: the middle of every shot, what changes, and all of them where writing was found.

Reading is dear. A picture that shows what the one before showed is not read again: its writing goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from cinelake.spec.arrays import PixelArray
from tasks.shared.pictures import Jpeg, decode

SAME = 2.0
"""Mean difference of luma, of 255, up to which two pictures show the same; noise and compression stay below."""
PART, PART_SHARE = 24, 0.002
"""… unless this share of them differs by so much: a line that appears is a small part of a picture."""
Look = Literal["read", "same"]


@dataclass
class Chooser:
    """Decides picture by picture. every_s: within a shot without writing, one is read at least this often."""

    every_s: float
    _last_read_s: float = -np.inf
    _shot: int | None = None
    _small: PixelArray | None = None
    _left_out: list[Jpeg] = field(default_factory=list)
    found: bool = False
    """Whether the last picture that was read has writing; whoever reads says so."""

    def look(self, picture: Jpeg, is_middle: bool) -> Iterator[tuple[Jpeg, Look]]:
        """The pictures to look at now, in order: this one or none. Of pictures that were left out see `back`."""
        small = decode(picture.jpeg, half=True, in_grey=True)
        same = self._small is not None and picture.shot == self._shot and alike(small, self._small)
        if same:
            yield picture, "same"
            return
        due = picture.time_s - self._last_read_s >= self.every_s
        if self.found or is_middle or due or picture.shot != self._shot:
            self._small, self._shot, self._last_read_s = small, picture.shot, picture.time_s
            yield picture, "read"
        else:
            self._left_out.append(picture)

    def back(self) -> list[Jpeg]:
        """The pictures that were left out since the last that was read: writing may have begun in one of them."""
        left_out, self._left_out = self._left_out, []
        return left_out


def alike(one: PixelArray, other: PixelArray) -> bool:
    """Whether two grey pictures show the same."""
    if one.shape != other.shape:
        return False
    difference = np.abs(one.astype(np.int16) - other)
    return bool(difference.mean() <= SAME and (difference >= PART).mean() <= PART_SHARE)
