"""When each picture of a film is shown, and before which ones it can be cut without encoding again.

Ticks are the film's own: whole numbers in units of its picture stream's time base, 0 at the container's start. They
are what `time_s` of every table is made from, so a cut found in a table falls on the very picture it names.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from cinelake.errors import DamagedFilm, DecodeTimeout, NotAFilm
from cinelake.media.batches import Batch, FrameBatch
from cinelake.media.lengths import INDEXED, LONG_PICTURE_S
from cinelake.media.opening import opened_film
from cinelake.media.pipe_readers import times_digest
from cinelake.media.reader import DamagedAmongThreads, DecodeReport, read_film
from cinelake.spec.film import Probe, VideoInfo
from cinelake.spec.task import Stream, VideoClock

HIDDEN_PICTURES = ("vp8", "vp6f", "vp6a")
"""Codecs whose packets may show nothing: only decoding shows it."""

SLACK_S = 1e-4
"""A time this little after a picture's still counts as that picture's."""

STEADY_S = 0.0025
"""Times rounded to a millisecond differ by one or two between pictures of a constant rate."""

H264_IDR, HEVC_IRAP = 5, range(16, 24)
"""NAL unit types before which a decoder needs nothing (ITU-T H.264 table 7-1, H.265 table 7-1)."""


@dataclass(frozen=True)
class CountedPictures:
    """What a decode found: how many pictures (None: not known), and their `times_digest` ('': not known)."""

    frames: int | None = None
    times: str = ""


NOT_COUNTED = CountedPictures()


@dataclass(frozen=True)
class Cut:
    """Pictures `start_frame` … `end_frame` (exclusive), with their ticks; `end_tick` is when the next one is shown."""

    start_frame: int
    end_frame: int
    start_tick: int
    end_tick: int

    @property
    def frames(self) -> int:
        """How many pictures."""
        return self.end_frame - self.start_frame


@dataclass(frozen=True)
class FilmClock:
    """ticks: (n,) int64, when each picture is shown, ascending; end_tick: when the last one ends.

    indexed: whether the container is one that can be sought in. offset: tick of a picture − time stamp in the file.
    clean: (n,) bool, whether a copy may begin with the picture: nothing from it on refers to what was before.
    """

    time_base: Fraction
    ticks: npt.NDArray[np.int64]
    end_tick: int
    indexed: bool
    offset: int
    clean: npt.NDArray[np.bool_]

    def seconds(self, tick: int) -> float:
        """A tick as seconds of the film."""
        return tick * self.time_base.numerator / self.time_base.denominator

    @property
    def fps(self) -> float:
        """Pictures a second, on average."""
        return len(self.ticks) / float((self.end_tick - int(self.ticks[0])) * self.time_base)

    @property
    def is_steady(self) -> bool:
        """Whether the time between pictures is constant, but for rounding."""
        steps = np.diff(self.ticks)
        return not len(steps) or float((steps.max() - steps.min()) * self.time_base) <= STEADY_S

    @property
    def end_s(self) -> float:
        """When the last picture ends."""
        return self.seconds(self.end_tick)

    def cut(self, start_s: float, end_s: float) -> Cut:
        """The pictures that begin in [start_s, end_s); none where no picture begins in it."""
        tick_s = float(self.time_base)
        first, end = (bisect.bisect_left(self.ticks, (at_s - SLACK_S) / tick_s) for at_s in (start_s, end_s))
        return Cut(first, max(first, end), self._tick(first), self._tick(max(first, end)))

    def is_clean(self, frame: int) -> bool:
        """Whether a copy may begin with picture `frame`, or end before it; the film's end is clean."""
        return frame >= len(self.ticks) or bool(self.clean[frame])

    def _tick(self, frame: int) -> int:
        return int(self.ticks[frame]) if frame < len(self.ticks) else self.end_tick


def read_clock(
    path: str, probe: Probe, *, deadline_s: float, counted: CountedPictures = NOT_COUNTED, keep_damaged: bool = False
) -> FilmClock:
    """The clock of the film at `path`: from its index where it has one, else by decoding it once.

    counted: what a decode found before. An index that holds other times or another number, or pictures that no decoder
    can begin with, is compared with what is decoded: decoders show pictures in their codec's order, whatever their
    times. keep_damaged: of a damaged film, what can be read counts.
    Raises `NotAFilm` for a film without pictures, `DamagedFilm`, `FilmMissing`, `DecodeTimeout`.
    """
    if probe.video is None:
        raise NotAFilm(f"{path!r} has no pictures")
    if probe.container.startswith(INDEXED) and probe.video.codec not in HIDDEN_PICTURES:
        found = _from_packets(path, probe, probe.video, time.monotonic() + deadline_s)
        if found is not None:
            clock, begins_anew = found
            if counted.times == times_digest(clock.ticks):
                return clock
            if not counted.times and begins_anew and counted.frames in (None, len(clock.ticks)):
                return clock
            return _shown_of(clock, _from_pictures(path, probe, probe.video, deadline_s, keep_damaged))
    return _from_pictures(path, probe, probe.video, deadline_s, keep_damaged)


def _shown_of(clock: FilmClock, shown: FilmClock) -> FilmClock:
    """The pictures of an index that a decoder shows; only the decoder's where it shows others."""
    places = np.searchsorted(clock.ticks, shown.ticks)
    if not np.array_equal(clock.ticks[np.minimum(places, len(clock.ticks) - 1)], shown.ticks):
        return shown
    return replace(clock, ticks=shown.ticks, end_tick=shown.end_tick, clean=clock.clean[places])


def _from_packets(path: str, probe: Probe, video: VideoInfo, until: float) -> tuple[FilmClock, bool] | None:
    """From the packets' time stamps, and whether the film begins with a picture that nothing is shown before.

    None where a packet has no time stamp, or pictures have times that are not their own: those that go back in a film
    without reordering, or that repeat.
    """
    stamps: list[int] = []
    keys: list[bool] = []
    duration, latest, end = 0, None, 0
    first: Any = None
    begins_anew = True
    with opened_film(path) as container:
        stream = container.streams[video.index]
        begins, is_in_order = key_test(stream), not stream.codec_context.has_b_frames
        for packet in container.demux(stream):
            if time.monotonic() > until:
                raise DecodeTimeout(f"the index of {path!r} was not read within its deadline")
            if not packet.size:
                continue
            first = first or packet
            begins_anew &= first.is_keyframe and (None in (packet.pts, first.pts) or packet.pts >= first.pts)
            if packet.is_discard:
                continue
            if packet.pts is None:
                return None
            stamps.append(packet.pts)
            keys.append(bool(packet.is_keyframe) and begins(bytes(packet)))
            if latest is None or packet.pts >= latest:
                latest, duration = packet.pts, packet.duration or duration
            end = max(end, packet.pts + (packet.duration or 0))
    if not stamps:
        raise DamagedFilm(f"no picture of {path!r} could be read")
    offset = -rescaled(round(probe.start_time_s * av.time_base), video.time_base)
    ticks = np.array(stamps, np.int64) + offset
    order = np.argsort(ticks, kind="stable")
    if (np.diff(ticks if is_in_order else ticks[order]) <= 0).any():
        return None
    last = duration or round(1 / (video.fps or 25) / video.time_base) or 1
    end_tick = int(ticks[order[-1]]) + last
    if float((end + offset - end_tick) * video.time_base) > LONG_PICTURE_S:
        end_tick = end + offset
    clean = _clean(ticks, keys)[order]
    return FilmClock(video.time_base, ticks[order], end_tick, True, offset, clean), begins_anew


def rescaled(microseconds: int, time_base: Fraction) -> int:
    """Microseconds in ticks as ffmpeg rounds them: to the nearest, halves away from zero."""
    exact = Fraction(microseconds, av.time_base) / time_base
    size = int(abs(exact) + Fraction(1, 2))
    return size if exact >= 0 else -size


def _clean(ticks: npt.NDArray[np.int64], keys: list[bool]) -> npt.NDArray[np.bool_]:
    """Keyframes, in the order of the file, after which no picture comes that is shown before them (a closed group)."""
    latest = np.minimum.accumulate(ticks[::-1])[::-1]
    earlier = np.concatenate([[np.iinfo(np.int64).min], np.maximum.accumulate(ticks)[:-1]])
    return np.array(keys, bool) & (latest >= ticks) & (earlier < ticks)


def key_test(stream: Any) -> Any:
    """Whether a copy may begin at a keyframe's packet; not at H.264's recovery points, though marked as keyframes."""
    codec, extra = stream.codec_context.name, stream.codec_context.extradata or b""
    if codec == "h264" and len(extra) > 4 and extra[0] == 1:
        return lambda data: H264_IDR in {head & 0x1F for head in _nal_heads(data, (extra[4] & 3) + 1)}
    if codec == "hevc" and len(extra) > 21 and extra[0] == 1:
        return lambda data: any(head >> 1 & 0x3F in HEVC_IRAP for head in _nal_heads(data, (extra[21] & 3) + 1))
    return lambda _data: codec not in ("h264", "hevc")


def _nal_heads(data: bytes, length_size: int) -> list[int]:
    """The first byte of each length-prefixed NAL unit of a packet (ISO/IEC 14496-15)."""
    heads, at = [], 0
    while at + length_size < len(data):
        heads.append(data[at + length_size])
        at += length_size + int.from_bytes(data[at : at + length_size])
    return heads


class _Clock:
    """Consumes the clock alone."""

    name = "clock"

    def __init__(self) -> None:
        self.streams: Mapping[str, Stream] = {"clock": VideoClock()}
        self.times: list[npt.NDArray[np.float64]] = []
        self.last_s = 0.0

    def on_batches(self, batches: Mapping[str, Batch]) -> None:
        batch = batches["clock"]
        if isinstance(batch, FrameBatch) and len(batch):
            self.times.append(batch.times_s)
            self.last_s = float(batch.durations_s[-1])

    def finish(self, report: DecodeReport) -> None:
        """Nothing is left to do."""


def _from_pictures(path: str, probe: Probe, video: VideoInfo, deadline_s: float, keep_damaged: bool) -> FilmClock:
    clock = _Clock()
    try:
        read_film(path, probe, [clock], deadline_s=deadline_s, keep_damaged=keep_damaged, threads="checked")
    except DamagedAmongThreads:
        clock = _Clock()
        read_film(path, probe, [clock], deadline_s=deadline_s, keep_damaged=keep_damaged, threads="one")
    ticks = np.rint(np.concatenate(clock.times) / float(video.time_base)).astype(np.int64)
    last = max(1, round(clock.last_s / video.time_base))
    return FilmClock(video.time_base, ticks, int(ticks[-1]) + last, False, 0, np.zeros(len(ticks), bool))
