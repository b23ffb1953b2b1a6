"""How long a film is: what its container declares, and what its packets hold where that cannot be."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import av
from av.error import FFmpegError

from cinelake.errors import FilmError
from cinelake.media.opening import open_film, opened_container
from cinelake.media.sealed import sealed
from cinelake.spec.film import MAX_FILM_S, SLOWEST_BYTES_PER_S, Probe, SoundInfo, VideoInfo, longest_s

_TAG = re.compile(r"(\d{1,9}):(\d{1,9}):(\d{1,9}(?:\.\d{1,12})?)", re.ASCII)
"""A duration as Matroska's tag holds it: `01:02:03.456000000`."""

INDEXED = ("mov,", "matroska")
"""Containers that hold every picture's time and an index of keyframes: they can be sought in."""

GIF = "gif"
"""Each of its pictures says how long it is shown, which ffmpeg's decoder does not pass on."""

PROGRAM_STREAM = "mpeg"
"""MPEG-PS, whose length libav takes from the last time stamp; the pictures that come after it have none."""
BARE_PICTURES = ("mpegvideo", "m4v", "h264", "hevc", "av1", "obu", "vc1", "mjpeg", "dirac")
"""Pictures without a container, which say nothing of their length: libav guesses it from a bit rate."""
BARE_SOUND = ("aac", "mp3", "amr", "truehd")
"""Sound without a container, whose bit rate may vary: libav guesses its length from the first packets. (MP3 may have a
header of Xing's or VBRI's, which counts.)"""
OPEN_FRAMES = 1 << 30
"""How many pictures and samples ffmpeg says that an AVI has where it cannot go back to its header, as in a pipe."""
STAMPED_S = 5.0
"""Within this time some picture of it has a time stamp, from which those after it are counted."""

LATE_S = 0.1
"""A film that begins this long after or before zero of its file may declare when it ends rather than how long it is."""

LONG_PICTURE_S = 0.5
"""A last picture that the container shows this much longer than the others is as long as the container says."""

SUBTITLE_SLACK_S = 0.5
"""Subtitles that outlast the film by less do not change its length."""

PICTURE_SLACK_S = 0.002
"""Two times of one picture differ by less: containers round to a millisecond."""

HELD_SLACK_S = 60.0
"""A film may declare this much more than its packets hold."""

LONGEST_PICTURE_S = 600.0
"""A picture that is shown for longer than this holds no more of a film's length."""

LONGEST_SOUND_PACKET_S = 1.0
"""What a packet of sound holds at most where it does not say how long it is."""

MAX_BYTES_WITHOUT_LENGTH = 64 << 20
"""Smaller files that declare no length are read through in search of what they hold."""
MAX_BYTES_OF_SOUND = 2 << 30
"""The same of bare sound, the whole of which is cut into packets in seconds: 15 hours of MP3 at its highest rate."""

LAST_PACKETS = 20_000
"""How many packets are read at most in search of a film's end."""

MAX_BYTES_OF_PAUSES = 32 << 20
"""A larger file is looked through for pauses where samples of it say that there may be some (broadcast streams); those
of other kinds are not known before they are decoded."""
PAUSE_S, GOES_ON = 9.0, 0.5
"""A step between two packets of a stream that ffmpeg may take for a jump of the clock, and the share of it that another
stream fills where it is none. (Where the clock jumps, one stream may come to it seconds before the other.)"""


def with_lengths(container: Any, about: Probe, video: Any, audio: Any) -> Probe:
    """The film with what its container declares of its length; video, audio: the libav streams that are read."""
    start_s, pictures, sound = about.start_time_s, about.video, about.audio
    declared_s = _declared_s(container, video, audio)
    if declared_s and about.container.startswith(INDEXED):
        late_s = (
            start_s if abs(start_s) >= LATE_S and _declares_end(container, video or audio, declared_s, start_s) else 0.0
        )
        pictures, sound = _earlier(pictures, late_s), _earlier(sound, late_s)
        declared_s = _without_subtitles(container, declared_s - late_s, [pictures, sound], video or audio)
    if declared_s and about.container == PROGRAM_STREAM:
        last_s = _last_packet_end_s(container, video or audio, start_s + max(0.0, declared_s - STAMPED_S))
        declared_s = max(declared_s, 0.0 if last_s is None else last_s - start_s)
    length_s = declared_s if declared_s and declared_s <= longest_s(about.size_bytes) else None
    return replace(about, video=pictures, audio=sound, declared_s=declared_s, duration_s=length_s)


def _declared_s(container: Any, *streams: Any) -> float | None:
    """The film's duration as its container declares it, else that of its longest stream."""
    if container.format.name in BARE_PICTURES or any(stream.frames == OPEN_FRAMES for stream in container.streams):
        return None
    own = as_length((container.duration or 0) / av.time_base)
    if own is not None:
        return own
    return max(filter(None, (own_duration_s(stream) for stream in streams if stream is not None)), default=None)


def _declares_end(container: Any, stream: Any, declared_s: float, start_s: float) -> bool:
    """Whether a film that begins at `start_s` declares the time at which it ends, not how long it lasts.

    Some writers count a Matroska file's length from zero, some from its first packet: its last packet shows which.
    """
    end_s = _last_packet_end_s(container, stream, declared_s + start_s)
    return end_s is not None and abs(end_s - declared_s) <= abs(end_s - declared_s - start_s)


_Info = TypeVar("_Info", VideoInfo | None, SoundInfo | None)


def _earlier(info: _Info, late_s: float) -> _Info:
    """A stream whose declared duration loses the time before the film begins."""
    if info is None or info.duration_s is None or not late_s:
        return info
    return replace(info, duration_s=as_length(info.duration_s - late_s))


def _without_subtitles(
    container: Any, declared_s: float, streams: Sequence[VideoInfo | SoundInfo | None], seek_in: Any
) -> float | None:
    """The film's length where subtitles are shown after its pictures and its sound have ended."""
    if not container.streams.subtitles:
        return as_length(declared_s)
    own = [info.duration_s for info in streams if info is not None]
    known = [length for length in own if length is not None]
    if len(known) == len(own):
        end_s: float | None = max(known)
    else:
        start_s = (container.start_time or 0) / av.time_base
        last_s = _last_packet_end_s(container, seek_in, declared_s + start_s)
        end_s = None if last_s is None else last_s - start_s
    return as_length(end_s if end_s is not None and end_s < declared_s - SUBTITLE_SLACK_S else declared_s)


def _last_packet_end_s(container: Any, stream: Any, near_s: float) -> float | None:
    """When the last packet of pictures or sound ends, in the file's own time, from the keyframe before `near_s` on."""
    latest: float | None = None
    with contextlib.suppress(FFmpegError, OverflowError):
        container.seek(int(near_s / stream.time_base), stream=stream)
        kept = [other for other in container.streams if other.type in ("video", "audio")]
        for packet in itertools.islice(container.demux(kept), LAST_PACKETS):
            if packet.pts is not None and packet.size:
                end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                latest = end_s if latest is None else max(latest, end_s)
    return latest


@sealed
def last_picture_s(path: str, about: Probe, time_s: float) -> float | None:
    """How long the container shows the last picture, which is at `time_s` of the film; None where it does not say.

    The packet that is shown last need not be the one whose duration reaches the end: pictures are stored as they are
    decoded.
    """
    if about.video is None or not about.container.startswith((*INDEXED, GIF)):
        return None
    last = end = None
    with (
        open_film(path) as fd,
        opened_container(path, fd) as container,
        contextlib.suppress(FFmpegError, OverflowError),
    ):
        stream = container.streams[about.video.index]
        at = round((time_s + about.start_time_s) / stream.time_base)
        if about.container != GIF:  # has no index; ffmpeg reads it from its beginning
            container.seek(at, stream=stream)
        for packet in itertools.islice(container.demux(stream), LAST_PACKETS):
            if packet.pts is not None and packet.size:
                last = max(packet.pts, packet.pts if last is None else last)
                end = max(packet.pts + (packet.duration or 0), packet.pts if end is None else end)
        if last is not None and end is not None and abs(last - at) * stream.time_base <= PICTURE_SLACK_S:
            return float((end - last) * stream.time_base) or None
    return None


def as_length(declared_s: float) -> float | None:
    """A declared duration that a film can have; None for one that is negative, zero or absurd."""
    return declared_s if 0 < declared_s <= MAX_FILM_S else None


def own_duration_s(stream: Any) -> float | None:
    """A stream's duration as its container declares it: Matroska's tag `01:02:03.456`, or a field.

    Matroska has no such field, and libav puts the film's length there: a picture beside an hour of sound is no hour.
    """
    if stream.frames == OPEN_FRAMES:
        return None
    if tag := _TAG.fullmatch(stream.metadata.get("DURATION", "")):
        return as_length(int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]))
    return as_length(float(stream.duration * stream.time_base)) if stream.duration and stream.time_base else None


def bounded(about: Probe, path: str, fd: int) -> Probe:
    """Of a file that is small for its length, or that declares none: no longer than what its packets hold.

    Of bare sound it is what they hold, as the next one begins where one ends.
    """
    if about.container in BARE_SOUND and not about.declared.size_bytes:
        held_s = as_length(_held_s(path, fd, about)) if about.size_bytes <= MAX_BYTES_OF_SOUND else None
        return replace(about, duration_s=held_s, declared_s=held_s, held_s=held_s)
    length_s = about.duration_s or about.declared_s
    if about.size_bytes > (SLOWEST_BYTES_PER_S * length_s if length_s else MAX_BYTES_WITHOUT_LENGTH):
        return about
    held_s = _held_s(path, fd, about)
    is_held = length_s is None or length_s <= max(2 * held_s, held_s + HELD_SLACK_S)
    return replace(about, held_s=held_s, duration_s=length_s if is_held else None)


@sealed
def longest_pause_s(path: str, about: Probe) -> float:
    """How long pictures or sound are missing while the other goes on; 0 where ffmpeg takes it for no more than a pause.

    The whole file is read for it, undecoded.
    """
    if about.video is None or about.audio is None:
        return 0.0
    times: dict[int, list[float]] = {about.video.index: [], about.audio.index: []}
    with (
        open_film(path) as fd,
        contextlib.suppress(FFmpegError, FilmError),
        opened_container(path, fd) as container,
    ):
        ticks_s = {index: float(container.streams[index].time_base) for index in times}
        for packet in container.demux([container.streams[index] for index in times]):
            stamp = packet.dts if packet.dts is not None else packet.pts
            if packet.size and stamp is not None:
                times[packet.stream_index].append(stamp * ticks_s[packet.stream_index])
    pictures, sound = times.values()
    return max(_longest_s(pictures, sound), _longest_s(sound, pictures))


def _longest_s(paused: Sequence[float], other: Sequence[float]) -> float:
    """The longest pause of one stream in which the other goes on; 0 without any."""
    if all(end - begin <= PAUSE_S for begin, end in itertools.pairwise(paused)):
        return 0.0
    import numpy as np  # most films have no pause, and the process that looks into them starts without NumPy

    times, begins, steps = np.array(paused), np.array(other[:-1]), np.diff(np.array(other))
    goes_on = (steps > 0) & (steps <= PAUSE_S)
    longest_s = 0.0
    for at in np.flatnonzero(np.diff(times) > PAUSE_S):
        within = goes_on & (begins >= times[at]) & (begins + steps <= times[at + 1])
        pause_s = float(times[at + 1] - times[at])
        longest_s = max(longest_s, pause_s if steps[within].sum() > GOES_ON * pause_s else 0.0)
    return longest_s


def _held_s(path: str, fd: int, about: Probe) -> float:
    """How much time the packets of pictures or of sound hold, whichever is more.

    A picture holds the time until the next one, as slides do, but no more than `LONGEST_PICTURE_S`; sound only its own.
    """
    sound_s = pictures_s = 0.0
    before_s: dict[bool, float] = {}
    os.lseek(fd, 0, os.SEEK_SET)
    with contextlib.suppress(FFmpegError, FilmError), opened_container(path, fd) as container:
        kept = [container.streams[info.index] for info in (about.video, about.audio) if info]
        for packet in container.demux(kept):
            stamp = packet.dts if packet.dts is not None else packet.pts
            if not packet.size or stamp is None:
                continue
            is_sound = packet.stream.type == "audio"
            at_s, own_s = float(stamp * packet.time_base), float((packet.duration or 0) * packet.time_base)
            gap_s, before_s[is_sound] = max(0.0, at_s - before_s.get(is_sound, at_s)), at_s
            if is_sound:
                sound_s += own_s or min(gap_s, LONGEST_SOUND_PACKET_S)
            else:
                pictures_s += min(max(own_s, gap_s), LONGEST_PICTURE_S)
    return max(sound_s, pictures_s)
