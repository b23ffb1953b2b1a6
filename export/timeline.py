"""A supercut as other programs read it: an OpenTimelineIO file and an edit decision list (CMX 3600).

Time codes count pictures at a rate of SMPTE ST 12-1: at 23.976 as at 24 (no drop); at 29.97 and 59.94 with drop frames,
unless the film's own time code or the caller says otherwise. The film's first picture has the film's own time code, or
00:00:00:00. A film whose rate varies, or is none of these, is expressed in pictures of the nearest rate.

What a program relinks by is the file's name (in a list `FROM CLIP NAME`), its address, and the reel; what a piece shows
is a clip's name, or a comment of the list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinelake.errors import UsageError
from cinelake.storage.content import printable
from cinelake.storage.objects import is_remote
from export.timecode import counted_frames, days_of, written

if TYPE_CHECKING:
    from cinelake.media.clock import FilmClock

NEAR = 1e-3
"""A rate this near (relatively) to a standard one counts as it, written with fewer digits."""
NEXT_DAY = "* COMMENT: TIME CODE PASSES 24 HOURS AND BEGINS ANEW"
MAX_EVENTS = 999
"""Events that the numbering of a CMX 3600 list has room for."""
REEL = re.compile(r"[A-Za-z0-9_.-]{1,32}")
"""Reels as programs read them: eight letters of a CMX 3600 list, and the longer ones that most take."""


@dataclass(frozen=True)
class ClipSource:
    """The film a timeline refers to.

    place: its path, or its address on an object store. fps: its rate; steady: whether it is constant; frames, end_s:
    its length; timecode: of its first picture, or ''; reel: its tape or card, or ''.
    """

    place: str
    fps: float
    steady: bool
    frames: int
    end_s: float
    timecode: str = ""
    has_sound: bool = True
    reel: str = ""

    @property
    def name(self) -> str:
        """The name of the film's file, as UTF-8 can hold it."""
        return printable(self.place.rpartition("/")[2])

    @property
    def uri(self) -> str:
        """The place as an address."""
        return self.place if is_remote(self.place) else Path(self.place).absolute().as_uri()

    @classmethod
    def of(cls, place: str, clock: FilmClock, *, has_sound: bool, timecode: str = "", reel: str = "") -> ClipSource:
        """A film whose clock was read."""
        frames = len(clock.ticks)
        return cls(place, clock.fps, clock.is_steady, frames, clock.end_s, timecode, has_sound, reel)


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
    media.name = source.name
    about: dict[str, Any] = {"cinelake": {**facts, "start_frame": event.start_frame, "end_frame": event.end_frame}}
    if source.reel:
        about["cmx_3600"] = {"reel": source.reel}  # as OpenTimelineIO's own reader of lists has it
    return otio.schema.Clip(
        name=name or source.name,
        media_reference=media,
        source_range=_range(zero + begin, end - begin, rate),
        metadata=about,
    )


def _by_time(event: EditEvent, rate: float) -> tuple[int, int]:
    begin = round(event.start_s * rate)
    return begin, max(begin + 1, round(event.end_s * rate))


def _range(start: int, length: int, rate: float) -> Any:
    from opentimelineio.opentime import RationalTime, TimeRange

    return TimeRange(RationalTime(start, rate), RationalTime(length, rate))


def _zero(source: ClipSource, rate: float) -> int:
    """The number of the film's first picture, by its time code; 0 without one, and for one that the rate has not."""
    return counted_frames(source.timecode, rate) or 0


def timecode_warnings(source: ClipSource, drop: bool) -> list[str]:
    """What must be told of a film's time codes: one that its rate has not, and those that pass 24 hours."""
    rate, _ = timecode_rate(source)
    told = []
    if source.timecode and counted_frames(source.timecode, rate) is None:
        told.append(
            f"the time code {source.timecode} is none of {rate:g} pictures a second: the film counts from 00:00:00:00 "
            "(--start-timecode says otherwise)"
        )
    whole = _range(_zero(source, rate), max(1, round(source.end_s * rate)), rate)
    if days_of(whole, drop):
        last = written(whole.end_time_inclusive(), drop)
        told.append(f"the film's time code passes 24:00:00:00 and begins anew: its last picture has {last}")
    return told


def edl_text(timeline: Any, *, reel: str, drop: bool) -> str:
    """The timeline as a CMX 3600 list.

    reel: of clips without one of their own. The time codes are OpenTimelineIO's. (Its own adapter writes no `FCM`, no
    sound, and only its guess of drop frames.) Those that pass 24 hours begin anew, and a comment says so. Raises
    `UsageError` where one would name two pictures.
    """
    video = timeline.video_tracks()[0]
    _check_days(video, drop)
    channels = "AA/V" if timeline.audio_tracks() else "V"
    lines = [f"TITLE: {_plain(timeline.name)}", f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}", ""]
    for number, clip in enumerate(video.find_clips(), 1):
        played = clip.range_in_parent()
        parts = (clip.source_range, played)
        times = [written(time, drop) for part in parts for time in (part.start_time, part.end_time_exclusive())]
        about = clip.metadata["cinelake"]
        own = str(clip.metadata.get("cmx_3600", {}).get("reel", ""))
        tape = own if REEL.fullmatch(own) else reel_of(own or reel)
        lines += [f"{number:03d}  {tape:<8} {channels:<5} C        {' '.join(times)}"]
        lines += [f"* FROM CLIP NAME:  {_plain(clip.media_reference.name or clip.name)}"]
        lines += [NEXT_DAY] if any(days_of(p, drop) for p in parts) else []
        lines += [f"* COMMENT: {_plain(about['what'])} ({about['relevance']:.3f})"] if about["what"] else []
        for marker in clip.markers:
            start = marker.marked_range.start_time
            lines += [f"* LOC: {written(start, drop)} {marker.color:<7} {_plain(marker.name)}"]
    return "\n".join(lines) + "\n"


def _check_days(video: Any, drop: bool) -> None:
    """Raises `UsageError` for an event more than 24 hours behind the film's, or the list's, beginning."""
    from opentimelineio.opentime import TimeRange

    for number, clip in enumerate(video.find_clips(), 1):
        first = clip.media_reference.available_range.start_time
        span = TimeRange(clip.source_range.start_time - first, clip.source_range.duration)
        if days_of(span, drop) or days_of(clip.range_in_parent(), drop):
            raise UsageError(
                f"event {number} ({_plain(clip.name)}) is more than 24 hours behind the beginning: its time code is "
                "another picture's too. An edit decision list ends there; --as otio and --as fcpxml go on"
            )


def reel_of(name: str) -> str:
    """The reel that a film's id or tape gives where it is too long, or has other signs: eight letters, at most."""
    return re.sub(r"[^A-Z0-9]", "", name.upper())[:8] or "AX"


def checked_reel(name: str) -> str:
    """A reel that a person gives. Raises `UsageError`."""
    if not REEL.fullmatch(name):
        raise UsageError(f"expected a reel of 1 to 32 letters, digits, _, . and -, received {name!r}")
    return name


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
