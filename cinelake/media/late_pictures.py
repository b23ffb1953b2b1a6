"""Pictures that come later than they are shown, as their container counts pictures in the order of their decoding.

Players disagree on them (some take the delay of the decoder away, some do not), so they stay where ffmpeg has them, and
it is told by how much they are late.
"""

from __future__ import annotations

import contextlib
import itertools

from av.error import FFmpegError

from cinelake.media.opening import opened_film
from cinelake.media.restarts import JOINED_S
from cinelake.media.sealed import sealed
from cinelake.spec.film import Probe

COUNTING = ("avi", "gxf")
"""Containers that number pictures as they are decoded and say no other times."""

MOST_PICTURES = 4
"""A first picture that is later than so many pictures is late for another reason: what is before it does not decode."""

JOINED_LATE = {"vp8": 2, "theora": 3}
"""By how many pictures those of the second part of joined Ogg, and of all after it, are late."""


def pictures_late_s(path: str, about: Probe, first_s: float) -> float:
    """By how many seconds pictures of a film are late whose first one was read at `first_s`; 0 where none is."""
    if about.video is None or not about.video.fps:
        return 0.0
    if about.container == "ogg" and about.jump_s == JOINED_S and about.audio is None:
        return JOINED_LATE.get(about.video.codec, 0) / about.video.fps
    if about.container not in COUNTING:
        return 0.0
    counted_s = _counted_s(path, about)
    late_s = 0.0 if counted_s is None else round(first_s - counted_s, 6)
    return late_s if 0 < late_s <= (MOST_PICTURES + 0.5) / about.video.fps else 0.0


@sealed
def _counted_s(path: str, about: Probe) -> float | None:
    """When the first picture is shown, as its number says; None where it has none."""
    if about.video is None:
        return None
    with contextlib.suppress(FFmpegError), opened_film(path) as container:
        for packet in itertools.islice(container.demux(container.streams[about.video.index]), 1):
            if packet.dts is not None:
                return float(packet.dts * packet.time_base) - about.start_time_s
    return None
