"""A supercut as other programs read it: an OpenTimelineIO file and an edit decision list (CMX 3600).

Time codes count pictures at a rate of SMPTE ST 12-1: at 23.976 as at 24 (no drop); at 29.97 and 59.94 with drop frames,
unless the film's own time code or the caller says otherwise. The film's first picture has the film's own time code, or
00:00:00:00. A film whose rate varies, or is none of these, is expressed in pictures of the nearest rate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinelake.errors import UsageError
from cinelake.storage.objects import is_remote

if TYPE_CHECKING:
    from cinelake.media.clock import FilmClock

NEAR = 1e-3
"""A rate this near (relatively) to a standard one counts as it, written with fewer digits."""
MAX_EVENTS = 999
"""Events that the numbering of a CMX 3600 list has room for."""


@dataclass(frozen=True)
class ClipSource:
    """The film a timeline refers to.

    place: its path, or its address on an object store. fps: its rate; steady: whether it is constant; frames, end_s:
    its length; timecode: of its first picture, or ''.
    """

    place: str
    fps: float
    steady: bool
    frames: int
    end_s: float
    timecode: str = ""
    has_sound: bool = True

    @property
    def uri(self) -> str:
        """The place as an address."""
        return self.place if is_remote(self.place) else Path(self.place).absolute().as_uri()

    @classmethod
    def of(cls, place: str, clock: FilmClock, *, has_sound: bool) -> ClipSource:
        """A film whose clock was read."""
        frames = len(clock.ticks)
        return cls(place, clock.fps, clock.is_steady, frames, clock.end_s, clock.timecode, has_sound)


@dataclass(frozen=True)
class EditEvent:
    """One piece: pictures `start_frame` … `end_frame` (exclusive), the same in seconds, what it shows, how relevant."""

    start_frame: int
    end_frame: int
    start_s: float
    end_s: float
    what: str
    relevance: float


def timecode_rate(source: ClipSource) -> tuple[float, bool]:
    """The rate of SMPTE ST 12-1 nearest to the film's, and whether the film's pictures are counted by it one by one."""
    from opentimelineio.opentime import RationalTime

    rate = float(RationalTime.nearest_smpte_timecode_rate(source.fps)) or 24.0  # it returns 0 below 2
    return rate, source.steady and abs(rate / source.fps - 1) < NEAR


def drops_frames(source: ClipSource, rate: float, wanted: bool | None = None) -> bool:
    """Whether numbers of pictures are dropped (SMPTE ST 12-1): as wanted, else as the film has it, else by the rate.

    Raises `UsageError` where drop frames are wanted at a rate that has none.
    """
    can = abs(rate - 30_000 / 1001) < 1e-6 or abs(rate - 60_000 / 1001) < 1e-6
    if wanted and not can:
        raise UsageError(f"drop frames are for 29.97 and 59.94 pictures a second; this film has {rate:.3f}")
    if wanted is not None or not can:
        return bool(wanted)
    return ";" in source.timecode if source.timecode else True


def build_timeline(title: str, source: ClipSource, events: Sequence[EditEvent]) -> Any:
    """An `opentimelineio.schema.Timeline` with a track of pictures and, where the film has sound, one of sound."""
    import opentimelineio as otio

    rate, counted = timecode_rate(source)
    timeline = otio.schema.Timeline(title, global_start_time=otio.opentime.RationalTime(0, rate))
    kinds = [otio.schema.TrackKind.Video, *([otio.schema.TrackKind.Audio] if source.has_sound else [])]
    for kind in kinds:
        track = otio.schema.Track(name=kind[0] + "1", kind=kind)
        track.extend([_clip(source, event, rate, counted) for event in events])
        timeline.tracks.append(track)
    return timeline


def build_in_place(title: str, source: ClipSource, events: Sequence[EditEvent], *, as_clips: bool) -> Any:
    """An `opentimelineio.schema.Timeline` as long as the film, in which every event is where the film has it.

    as_clips: events, which must not overlap, are clips with gaps between them; else they are markers on the whole film.
    """
    import opentimelineio as otio

    rate, counted = timecode_rate(source)
    timeline = otio.schema.Timeline(title, global_start_time=otio.opentime.RationalTime(_zero(source, rate), rate))
    for kind in [otio.schema.TrackKind.Video, *([otio.schema.TrackKind.Audio] if source.has_sound else [])]:
        track = otio.schema.Track(name=kind[0] + "1", kind=kind)
        track.extend(_in_place(source, events, rate, counted) if as_clips else [_marked(source, events, rate, counted)])
        timeline.tracks.append(track)
    return timeline


def _in_place(source: ClipSource, events: Sequence[EditEvent], rate: float, counted: bool) -> list[Any]:
    import opentimelineio as otio

    children: list[Any] = []
    at = 0
    for event in events:
        begin, end = (event.start_frame, event.end_frame) if counted else _by_time(event, rate)
        if begin > at:
            children.append(otio.schema.Gap(source_range=_range(0, begin - at, rate)))
        children.append(_clip(source, event, rate, counted, event.what))
        at = end
    return children


def _marked(source: ClipSource, events: Sequence[EditEvent], rate: float, counted: bool) -> Any:
    import opentimelineio as otio

    whole = _clip(source, EditEvent(0, source.frames, 0.0, source.end_s, "", 1.0), rate, counted)
    zero = _zero(source, rate)
    for event in events:
        begin, end = (event.start_frame, event.end_frame) if counted else _by_time(event, rate)
        whole.markers.append(otio.schema.Marker(event.what, _range(zero + begin, end - begin, rate), color="GREEN"))
    return whole


def _clip(source: ClipSource, event: EditEvent, rate: float, counted: bool, name: str = "") -> Any:
    import opentimelineio as otio

    zero, length = _zero(source, rate), source.frames if counted else round(source.end_s * rate)
    begin, end = (event.start_frame, event.end_frame) if counted else _by_time(event, rate)
    facts = {"what": event.what, "relevance": event.relevance, "start_s": event.start_s, "end_s": event.end_s}
    media = otio.schema.ExternalReference(source.uri, _range(zero, length, rate))
    return otio.schema.Clip(
        name=name or source.place.rpartition("/")[2],
        media_reference=media,
        source_range=_range(zero + begin, end - begin, rate),
        metadata={"cinelake": {**facts, "start_frame": event.start_frame, "end_frame": event.end_frame}},
    )


def _by_time(event: EditEvent, rate: float) -> tuple[int, int]:
    begin = round(event.start_s * rate)
    return begin, max(begin + 1, round(event.end_s * rate))


def _range(start: int, length: int, rate: float) -> Any:
    from opentimelineio.opentime import RationalTime, TimeRange

    return TimeRange(RationalTime(start, rate), RationalTime(length, rate))


def _zero(source: ClipSource, rate: float) -> int:
    """The number of the film's first picture, by its time code; 0 without one."""
    from opentimelineio.opentime import from_timecode

    if not re.fullmatch(r"\d\d:\d\d:\d\d[:;]\d\d", source.timecode):
        return 0
    try:
        return int(from_timecode(source.timecode, rate).value)
    except ValueError:  # a time code of another rate
        return 0


def edl_text(timeline: Any, *, reel: str, drop: bool) -> str:
    """The timeline as a CMX 3600 list.

    The time codes are OpenTimelineIO's. (Its own adapter writes no `FCM`, no sound, and only its guess of drop frames.)
    """
    video = timeline.video_tracks()[0]
    channels = "AA/V" if timeline.audio_tracks() else "V"
    lines = [f"TITLE: {_plain(timeline.name)}", f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}", ""]
    for number, clip in enumerate(video.find_clips(), 1):
        played = clip.range_in_parent()
        times = [
            time.to_timecode(clip.source_range.start_time.rate, drop)
            for part in (clip.source_range, played)
            for time in (part.start_time, part.end_time_exclusive())
        ]
        about = clip.metadata["cinelake"]
        lines += [f"{number:03d}  {_reel(reel):<8} {channels:<5} C        {' '.join(times)}"]
        lines += [f"* FROM CLIP NAME:  {_plain(clip.name)}"]
        lines += [f"* COMMENT: {_plain(about['what'])} ({about['relevance']:.3f})"] if about["what"] else []
        for marker in clip.markers:
            start = marker.marked_range.start_time
            lines += [f"* LOC: {start.to_timecode(start.rate, drop)} {marker.color:<7} {_plain(marker.name)}"]
    return "\n".join(lines) + "\n"


def _reel(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())[:8] or "AX"


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
