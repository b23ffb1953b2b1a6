"""The picture that stands for a shot: its middle, and what must be kept of a shot that is still open."""

from __future__ import annotations

from cinelake.spec.arrays import PixelArray
from tasks.shots import MAX_LAG_FRAMES

CANDIDATE_BYTES = 88 << 20
"""What candidates for the middle of a long shot may take, beside the pictures that are not yet decided."""


def exact_length(picture_bytes: int) -> int:
    """Shots up to this many frames get their exact middle; a power of two, at least 64 (512 at 640 × 360).

    Half as many pictures fit into `CANDIDATE_BYTES`: only the second half of an open shot can be its middle.
    """
    fitting = max(64, 2 * CANDIDATE_BYTES // max(1, picture_bytes))
    return 1 << (fitting.bit_length() - 1)


def middle_frame(start: int, end: int, exact: int) -> int:
    """The frame that stands for the shot [start, end): its middle, in long shots on a grid from its start.

    Up to `exact` frames it is (start + end) // 2; above, the distance from the start is rounded down to
    a multiple of 2, above 2 · exact of 4 and so on: off by less than one part in `exact` / 2 of the shot.
    It never moves back when the shot grows, so pictures before it can be dropped while the shot is open.
    """
    length = end - start
    return start + length // 2 // (grid := _grid(length, exact)) * grid


def _grid(length: int, exact: int) -> int:
    return 1 << max(0, (max(1, length) - 1) // exact).bit_length()


class MiddleCandidates:
    """The pictures among which the middle of every undecided shot will be.

    The last `MAX_LAG_FRAMES` are all kept, since a shot may have ended among them; older ones belong to the
    open shot, and of those only what `middle_frame` can still choose: at most `exact` / 2.
    """

    def __init__(self, exact: int) -> None:
        self.exact = exact
        self.pictures: dict[int, tuple[float, PixelArray]] = {}

    def add(self, frame: int, time_s: float, picture: PixelArray) -> None:
        """Keep a picture, which is a part of its batch: neighbours are kept with it, or it is copied out (`thin`)."""
        self.pictures[frame] = (time_s, picture)

    def forget(self, before: int) -> None:
        """Drop the pictures of shots that have ended."""
        for frame in [f for f in self.pictures if f < before]:
            del self.pictures[frame]

    def thin(self, start: int, head: int) -> None:
        """Drop what cannot be the middle of the shot open since `start`, when `head` is the newest frame."""
        decided = head - MAX_LAG_FRAMES
        if decided <= start:
            return
        first, grid = middle_frame(start, decided, self.exact), _grid(decided - start, self.exact)
        dropped = [f for f in self.pictures if f < decided and (f < first or (f - start) % grid)]
        for frame in dropped:
            del self.pictures[frame]
        if grid > 1:  # its neighbours have gone: their batch must not stay for its sake
            for frame, (time_s, picture) in self.pictures.items():
                if frame < decided and picture.base is not None:
                    self.pictures[frame] = (time_s, picture.copy())
