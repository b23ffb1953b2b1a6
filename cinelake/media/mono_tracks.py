"""Broadcast masters have a track of one channel for each loudspeaker: together these tracks are the film's sound.

Which track is which loudspeaker stands seldom in the file. Where it does not, their order is that of SMPTE ST 320 and
ST 2067-8 (left, right, centre, low frequencies, left and right surround, then the rear); of other even
numbers, the first two are the left and right of the main sound (EBU R 123), and of the others nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cinelake.media.lengths import own_duration_s
from cinelake.spec.film import SoundInfo, StreamInfo

CHANNELS = {
    "stereo": ("FL", "FR"),
    "5.1": ("FL", "FR", "FC", "LFE", "BL", "BR"),
    "7.1": ("FL", "FR", "FC", "LFE", "SL", "SR", "BL", "BR"),
}
"""Layouts as ffmpeg names them, with their loudspeakers in the order in which masters have their tracks."""
LAYOUT_OF = {2: "stereo", 4: "stereo", 6: "5.1", 8: "7.1", 10: "stereo", 12: "stereo", 14: "stereo", 16: "stereo"}
"""Number of tracks → what the first of them are."""
UNKNOWN = "its loudspeaker is not told"
"""Why a track beside them is not read."""
SAME_TIME_S = 0.1
"""Tracks that begin or end further apart are not those of one sound."""


@dataclass(frozen=True)
class MonoTracks:
    """tracks: index of the stream of each loudspeaker, in the order of `CHANNELS`; one: all of them as one stream.

    others: tracks of one channel beside them, of which nothing is known.
    """

    tracks: tuple[int, ...]
    one: StreamInfo
    others: tuple[int, ...] = ()

    def why(self, index: int, why: str) -> str:
        """Why a track is read, in a few words."""
        channel = CHANNELS[self.one.layout][self.tracks.index(index)]
        return f"{channel} of mono tracks that are {self.one.layout}: {why}"


def find_mono_tracks(container: Any, sounds: Sequence[StreamInfo]) -> MonoTracks | None:
    """The tracks of one channel among `sounds` that are one sound; None where none are.

    Only MXF and QuickTime are written so, and only where nothing tells the tracks apart: language, title, programme,
    codec, sampling, beginning and end.
    """
    if not _is_master(container):
        return None
    mono = [stream for stream in sounds if stream.channels == 1]
    layout = LAYOUT_OF.get(len(mono))
    rates = [container.streams[stream.index].codec_context.sample_rate for stream in mono]
    kinds = {(s.language, s.title, s.programmes, s.codec, rate) for s, rate in zip(mono, rates, strict=True)}
    if layout is None or len(kinds) > 1:
        return None
    for ends in zip(*(_ends(container.streams[stream.index]) for stream in mono), strict=True):
        if max(ends) - min(ends) > SAME_TIME_S:
            return None
    tracks = _in_order(container, mono[: len(CHANNELS[layout])], CHANNELS[layout])
    if tracks is None:
        return None
    is_default = any(stream.is_default for stream in mono)
    one = replace(mono[0], channels=len(tracks), layout=layout, is_default=is_default)
    return MonoTracks(tracks, one, tuple(stream.index for stream in mono if stream.index not in tracks))


def _is_master(container: Any) -> bool:
    """Whether the container is MXF or QuickTime, whose old files have no brand."""
    brand: str = container.metadata.get("major_brand", "qt")
    name: str = container.format.name
    return name == "mxf" or (name.startswith("mov,") and brand.strip() == "qt")


def _ends(stream: Any) -> tuple[float, float]:
    start_s = float((stream.start_time or 0) * stream.time_base)
    return start_s, start_s + (own_duration_s(stream) or 0.0)


def _in_order(container: Any, mono: Sequence[StreamInfo], channels: Sequence[str]) -> tuple[int, ...] | None:
    """The tracks by the names of their loudspeakers, or as they stand where all have the same name or none.

    None where the names are those of another layout.
    """
    named = {container.streams[stream.index].codec_context.layout.channels[0].name: stream.index for stream in mono}
    if len(named) == 1:
        return tuple(stream.index for stream in mono)
    return tuple(named[name] for name in channels) if named.keys() == set(channels) else None


def join_options(sound: SoundInfo) -> dict[str, str]:
    """Options of ffmpeg's filter `join`, which makes one sound of `sound.tracks`."""
    pairs = [f"{number}.0-{channel}" for number, channel in enumerate(CHANNELS[sound.layout])]
    return {"inputs": str(len(sound.tracks)), "channel_layout": sound.layout, "map": "|".join(pairs)}


def sound_arguments(sound: SoundInfo, *filters: str) -> list[str]:
    """The words of a command of ffmpeg that take the sound of its first input, through these filters."""
    if not sound.tracks:
        return ["-map", f"0:{sound.index}", *(["-af", ",".join(filters)] if filters else [])]
    join = "join=" + ":".join(f"{name}={value}" for name, value in join_options(sound).items())
    sources = "".join(f"[0:{index}]" for index in sound.tracks)
    return ["-filter_complex", f"{sources}{','.join([join, *filters])}[sound]", "-map", "[sound]"]
