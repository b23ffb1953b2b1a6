"""What ffmpeg says of a file and PyAV does not pass on: programmes, cropping by the container, Dolby Vision."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cinelake.media.ffmpeg import run_ffmpeg, safe_input

DEADLINE_S = 60.0

_PROGRAMME = re.compile(r"\[info\] {3}(?:Program (\d+)|No Program)")
_STREAM = re.compile(r"\[info\] {3}Stream #0:(\d+)")
_CROPPING = re.compile(r"\[info\] {7}Frame Cropping: (\d+)/(\d+)/(\d+)/(\d+)$")
_DOLBY_VISION = re.compile(r"\[info\] {7}DOVI configuration record: .*\bprofile: (\d+)(?:.*\bcompatibility id: (\d+))?")

Crop = tuple[int, int, int, int]
"""Pixels that are hidden: left, right, top, bottom."""


@dataclass(frozen=True)
class Description:
    """By stream: the numbers of its programmes, what the container hides, Dolby Vision's profile and its base.

    The base is what other players show of it: 0 nothing, 1 HDR10, 2 SDR, 4 HLG; left out where ffmpeg does not say.
    """

    programmes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    crops: dict[int, Crop] = field(default_factory=dict)
    dolby_vision: dict[int, int] = field(default_factory=dict)
    dolby_base: dict[int, int] = field(default_factory=dict)


def describe(fd: int) -> Description:
    """What ffmpeg says of the file behind a descriptor of its own. Raises `DecodeTimeout`."""
    options = [word for name, value in safe_input(fd).items() for word in (f"-{name}", value)]
    return description_of(run_ffmpeg([*options, "-i", "fd:"], deadline_s=DEADLINE_S, pass_fds=[fd]).facts)


def description_of(lines: Iterable[str]) -> Description:
    """The same from ffmpeg's lines."""
    found = Description()
    programme: int | None = None
    stream = -1
    for line in lines:
        if match := _PROGRAMME.match(line):
            programme = int(match[1]) if match[1] else None
        elif match := _STREAM.match(line):
            stream = int(match[1])
            if programme is not None:
                found.programmes[stream] = (*found.programmes.get(stream, ()), programme)
        elif match := _CROPPING.match(line):
            left, right, top, bottom = (int(size) for size in match.groups())
            found.crops[stream] = (left, right, top, bottom)
        elif match := _DOLBY_VISION.match(line):
            found.dolby_vision[stream] = int(match[1])
            if match[2]:
                found.dolby_base[stream] = int(match[2])
    return found
