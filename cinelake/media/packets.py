"""A film's packets, undecoded: when each picture is shown, what it weighs, whether another refers to it.

Some of them, given to a decoder alone, decode to the very pictures that they are in the whole film, as long as none is
left out that others refer to. `write_packets` hands such a choice to a decoder in another process.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from cinelake.errors import DecodeTimeout
from cinelake.media.clock import STEADY_S, key_test, rescaled
from cinelake.media.lengths import INDEXED, LONG_PICTURE_S
from cinelake.media.opening import opened_film
from cinelake.media.referred import MARKED, begun_anew, mark_of
from cinelake.spec.arrays import Bools, Integers
from cinelake.spec.film import Probe

MIN_SPARE = 0.1
"""A film of which a smaller share of the pictures can be spared is not worth it."""
MAX_PICTURES = 500_000
"""Of a film with more, what is kept of each while the choice is made (2 kB) would fill a step's memory."""
NO_STAMP = -(1 << 62)


class NotToBeSpared(Exception):
    """Why no picture of a film can be spared; its words stand in the footer."""


@dataclass(frozen=True)
class PacketSurvey:
    """A film's packets, in order of presentation.

    ticks: (n,) when each picture is shown, from the film's start; end_tick: when the last one ends. size_bytes: (n,).
    is_spare: (n,) whether no other refers to it. is_leading: (n,) whether it is decoded after one shown later.
    place: (n,) which packet of the file's it is. begins: (n,) whether it is a key picture, shown after all before
    it in the file; is_clean: (n,) whether a decoder that was elsewhere takes it for a new start.
    """

    time_base: Fraction
    ticks: Integers
    end_tick: int
    size_bytes: Integers
    is_spare: Bools
    is_leading: Bools
    place: Integers
    begins: Bools
    is_clean: Bools

    def __len__(self) -> int:
        return len(self.ticks)

    def seconds(self, ticks: Any) -> Any:
        """Ticks as seconds of the film, as a decode of all pictures gives them."""
        return ticks * self.time_base.numerator / self.time_base.denominator

    def needed_for(self, wanted: Bools) -> Bools:
        """Which pictures a decoder must be given for the wanted ones to come out as they are in the whole film."""
        order = np.argsort(self.place)
        starts = np.flatnonzero(self.begins[order])
        needed = np.zeros(len(self), bool)
        asked = np.flatnonzero(wanted[order])
        group = np.searchsorted(starts, asked, side="right") - 1
        # A picture that is decoded after its group's first one and shown before it needs the group before, too.
        ahead = self.ticks[order[asked]] < self.ticks[order[starts[group]]]
        whole = set((group[ahead] - 1).tolist())
        for index in sorted(whole.union(group.tolist())):
            first, end = int(starts[index]), int(starts[index + 1]) if index + 1 < len(starts) else len(self)
            latest = int(np.searchsorted(group, index, side="right")) - 1
            part = order[first : end if index in whole else int(asked[latest]) + 1]
            decodes = np.ones(len(part), bool) if index - 1 in whole else self.ticks[part] >= self.ticks[part[0]]
            needed[part] = decodes & (~self.is_spare[part] | wanted[part])
        return needed

    def runs(self, given: Bools) -> list[Bools]:
        """The given pictures in parts, each of which one decoder can take in one go."""
        order = np.argsort(self.place)
        is_cut = np.cumsum((~given & ~self.is_spare)[order])
        places = np.flatnonzero(given[order])
        jumps = np.diff(is_cut[places], prepend=is_cut[places[:1]]) > 0
        part = np.zeros(len(self), np.int64)
        is_elsewhere = self.begins[order[places]] & ~self.is_clean[order[places]]
        part[order[places]] = 1 + np.cumsum(jumps & is_elsewhere)
        return [part == number for number in range(1, int(part.max()) + 1)]


def survey_packets(path: str, probe: Probe, *, deadline_s: float) -> PacketSurvey:
    """Read the packets of a film's pictures. Raises `NotToBeSpared` with the reason, `DamagedFilm`, `DecodeTimeout`."""
    video = probe.video
    if video is None:
        raise NotToBeSpared("it has no pictures")
    if video.codec not in MARKED:
        raise NotToBeSpared(f"its codec ({video.codec}) does not say which pictures others refer to")
    if not probe.container.startswith(INDEXED):
        raise NotToBeSpared(f"its container ({probe.container}) has no index of its pictures")
    if video.scan != "progressive":
        raise NotToBeSpared("its pictures are fields")
    if video.is_turned or any(video.crop):
        raise NotToBeSpared("its container has its pictures turned or cropped")
    until = time.monotonic() + deadline_s
    rows: list[tuple[int, int, int, int]] = []
    duration, latest, end = 0, NO_STAMP, NO_STAMP
    with opened_film(path) as container:
        stream = container.streams[video.index]
        mark, is_anew = mark_of(video.codec, bytes(stream.codec_context.extradata or b"")), key_test(stream)
        if mark is None:
            raise NotToBeSpared(f"its {video.codec} is not as containers with an index hold it")
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if time.monotonic() > until:
                raise DecodeTimeout(f"the packets of {path!r} were not read within the deadline")
            own = mark(memoryview(packet))
            if own is None or packet.pts is None or packet.is_discard or packet.is_corrupt:
                raise NotToBeSpared("some of its packets hold no picture that is shown as it is")
            if len(rows) == MAX_PICTURES:
                raise NotToBeSpared(f"it has more than {MAX_PICTURES} pictures")
            start = (1 + bool(is_anew(bytes(packet)))) if packet.is_keyframe else 0
            rows.append((packet.pts, packet.size, own, start))
            if packet.pts >= latest:
                latest, duration = packet.pts, packet.duration or duration
            end = max(end, packet.pts + (packet.duration or 0))
    if not rows:
        raise NotToBeSpared("it has no pictures")
    return _in_order(probe, rows, duration, end)


def _in_order(probe: Probe, rows: list[tuple[int, int, int, int]], duration: int, end: int) -> PacketSurvey:
    """The survey of packets: time stamp, size, mark, and 1 of a key picture, 2 of one that is a new start."""
    assert probe.video is not None
    time_base, fps = probe.video.time_base, probe.video.fps or 25.0
    offset = -rescaled(round(probe.start_time_s * av.time_base), time_base)
    stamps, sizes, marks, starts = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    ticks = stamps + offset
    if not starts[0] or (ticks < ticks[0]).any():
        raise NotToBeSpared("it does not begin with a picture that a decoder can begin with")
    order = np.argsort(ticks, kind="stable")
    steps = np.diff(ticks[order])
    if len(steps) and (steps.min() <= 0 or float((steps.max() - steps.min()) * time_base) > STEADY_S):
        raise NotToBeSpared("its pictures are not shown for equal times")
    spare = (marks == np.abs(marks).max()) & (marks > 0)
    if spare.mean() < MIN_SPARE:
        raise NotToBeSpared(f"others refer to {1 - spare.mean():.0%} of its pictures")
    end_tick = int(ticks.max()) + (duration or round(1 / fps / time_base) or 1)
    if float((end + offset - end_tick) * time_base) > LONG_PICTURE_S:
        end_tick = end + offset
    latest = np.maximum.accumulate(ticks)
    begins = (starts > 0) & (ticks > np.concatenate([[NO_STAMP], latest[:-1]]))
    return PacketSurvey(
        time_base,
        ticks[order],
        end_tick,
        sizes[order],
        spare[order],
        (ticks < latest)[order],
        np.asarray(order),
        begins[order],
        (starts == 2)[order],
    )


def write_packets(path: str, probe: Probe, survey: PacketSurvey, given: Bools, to: str) -> None:
    """Write the given packets of a film's pictures to the pipe `to` as NUT.

    A pipe that nobody reads any more ends it.
    """
    assert probe.video is not None
    by_place, spare = np.zeros((2, len(survey)), bool)
    by_place[survey.place], spare[survey.place] = given, survey.is_spare
    with opened_film(path) as container, contextlib.suppress(FFmpegError, BrokenPipeError):
        stream = container.streams[probe.video.index]
        with av.open(to, "w", format="nut", options={"write_index": "0"}) as out:
            written = out.add_stream_from_template(stream)
            extradata, is_cut = bytes(stream.codec_context.extradata or b""), False
            packets = (packet for packet in container.demux(stream) if packet.size)
            known = zip(by_place[: np.flatnonzero(by_place)[-1] + 1].tolist(), spare.tolist(), strict=False)
            for (is_given, is_spare), packet in zip(known, packets, strict=False):
                if is_given:
                    packet = _begun(packet, probe.video.codec, extradata) if is_cut else packet
                    packet.stream, is_cut = written, False
                    out.mux_one(packet)
                elif not is_spare:
                    is_cut = True


def _begun(packet: Any, codec: str, extradata: bytes) -> Any:
    """A packet with which a sequence begins."""
    begun = av.Packet(begun_anew(codec, extradata, bytes(packet)))
    begun.pts, begun.dts, begun.duration = packet.pts, packet.dts, packet.duration
    begun.time_base, begun.is_keyframe = packet.time_base, packet.is_keyframe
    return begun
