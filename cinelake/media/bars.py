"""Black bars that are part of all of a film's pictures: above and below a wide film, beside a narrow one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from cinelake.media.ffmpeg import run_ffmpeg, safe_input, words_of

Bars = tuple[int, int, int, int]
"""Pixels of the upright picture: left, right, top, bottom."""
NO_BARS: Bars = (0, 0, 0, 0)

PLACES, PICTURES = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95), 12
"""Where, as parts of the length, and how many pictures each are looked at: dark ones show too much as bars."""
LEAST_SHARE, LEAST_LEFT = 0.02, 0.25
"""A bar is at least so large a part of the picture's side; and so much of the side is left between bars."""
DEADLINE_S = 60.0

_CROP = re.compile(r"x1:(\d+) x2:(\d+) y1:(\d+) y2:(\d+) ")


def find_bars(
    opened: Callable[[], AbstractContextManager[int]],
    container: str,
    stream: int,
    size: tuple[int, int],
    duration_s: float,
) -> Bars:
    """The bars of a film whose upright pictures have this size, before pixels are squared; zeros without.

    opened: opens the film and gives its descriptor; container: as the probe names it.
    Raises `DecodeTimeout`, `FilmMissing`.
    """
    lines: list[str] = []
    for place in PLACES if duration_s else (0.0,):
        with opened() as fd:
            options = words_of(safe_input(fd, container))
            seek = ["-noaccurate_seek", "-ss", f"{duration_s * place:.3f}"] if place else []
            looked = ["-frames:v", str(PICTURES), "-vf", "cropdetect=skip=0:round=2", "-f", "null", "-"]
            arguments = [*options, *seek, "-i", "fd:", "-map", f"0:{stream}", *looked]
            lines += run_ffmpeg(arguments, deadline_s=DEADLINE_S, pass_fds=[fd]).facts
    return bars_of(lines, size)


def bars_of(lines: Iterable[str], size: tuple[int, int]) -> Bars:
    """What lies outside of everything that `cropdetect` saw lit; whole pairs of pixels."""
    seen = [[int(edge) for edge in match.groups()] for line in lines if (match := _CROP.search(line))]
    lit = [edges for edges in seen if edges[0] < edges[1] and edges[2] < edges[3]]
    if not lit:
        return NO_BARS
    left, top = (min(edges[side] for edges in lit) // 2 * 2 for side in (0, 2))
    right, bottom = (max(0, size[n] - 1 - max(edges[side] for edges in lit)) // 2 * 2 for n, side in ((0, 1), (1, 3)))
    across = (left, right) if max(left, right) >= LEAST_SHARE * size[0] else (0, 0)
    down = (top, bottom) if max(top, bottom) >= LEAST_SHARE * size[1] else (0, 0)
    across = across if size[0] - sum(across) >= LEAST_LEFT * size[0] else (0, 0)
    down = down if size[1] - sum(down) >= LEAST_LEFT * size[1] else (0, 0)
    return (*across, *down)
