"""Assigns decoded pictures and sound their times in the output, and passes them to the encoder."""

from __future__ import annotations

import contextlib
import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from cinelake.errors import DamagedFilm
from cinelake.media.clock import Cut, FilmClock
from cinelake.spec.film import SoundInfo

NUT = {"write_index": "0", "syncpoints": "none", "strict": "experimental", "max_interleave_delta": "1000000"}
"""How pipes are written: never sought in; a stream that pauses holds the others back for a second at most."""

SOUND_GAP_S = 0.05
"""Sound whose time stamps leave less than this out, or overlap by less, is taken as continuous."""


@dataclass(frozen=True)
class Piece:
    """A cut and where it lies in the output: its first picture's tick, its first sample (of the output's sound)."""

    cut: Cut
    at_tick: int
    at_sample: int
    samples: int


def lay_out(clock: FilmClock, cuts: Sequence[Cut], sample_rate: int) -> list[Piece]:
    """Where each cut lies in the output, one after the other."""
    ticks = [0, *accumulate(cut.end_tick - cut.start_tick for cut in cuts)]
    samples = [round(tick * clock.time_base * sample_rate) for tick in ticks]
    places = zip(cuts, ticks[:-1], pairwise(samples), strict=True)
    return [Piece(cut, tick, begin, end - begin) for cut, tick, (begin, end) in places]


class Joiner:
    """Assigns each packet its time in the output and writes it to the encoder's pipe."""

    def __init__(self, fd: int, pieces: Sequence[Piece], clock: FilmClock, sound: SoundInfo | None):
        self.fd, self.pieces, self.clock, self.sound = fd, pieces, clock, sound
        self.counts = [0] * len(pieces)
        self.cursor = 0
        self.last_dts = -(1 << 62)
        self.container: Any = None
        self.tracks: dict[str, Any] = {}

    @property
    def end_tick(self) -> int:
        """When the output ends."""
        last = self.pieces[-1]
        return last.at_tick + last.cut.end_tick - last.cut.start_tick

    def begin(self, run: Sequence[Piece], offset: int, zero_s: float) -> None:
        """Begin another decoder's packets: its run of pieces, and the offset from its time stamps to the film's."""
        self.run = list(run)
        self.first = self.pieces.index(run[0])
        self.offset, self.zero_s = offset, zero_s
        self.here: int | None = None

    def tick(self, packet: Any) -> int:
        """The film's tick of a picture's packet."""
        return int(packet.pts * packet.time_base / self.clock.time_base) + self.offset

    def take(self, packet: Any) -> None:
        """Write a packet, or the parts of it that belong to the run's pieces."""
        if self.container is None:
            self._open(packet)
        if packet.stream.type == "video":
            self._take_picture(packet)
        else:
            self._take_sound(packet)

    def end(self) -> None:
        """Fill the sound up to the end with silence, and close the pipe."""
        if self.container is None:
            raise DamagedFilm("nothing could be decoded")
        if self.sound:
            last = self.pieces[-1]
            self._silence(last.at_sample + last.samples)
        self.close()

    def close(self) -> None:
        """Close the pipe to the encoder."""
        if self.container is not None:
            self.container, container = None, self.container
            with contextlib.suppress(FFmpegError):  # the encoder has ended: its log says why
                container.close()
        if self.fd >= 0:
            self.fd, fd = -1, self.fd
            os.close(fd)

    def _open(self, packet: Any) -> None:
        self.container = av.open(f"pipe:{self.fd}", "w", format="nut", options=NUT)
        for stream in packet.stream.container.streams:
            self.tracks[stream.type] = self._track(stream)

    def _track(self, stream: Any) -> Any:
        """A stream of the pipe to the encoder, like that of the decoder."""
        if stream.type != "video" or stream.codec_context.name != "rawvideo":
            return self.container.add_stream_from_template(stream)
        track = self.container.add_stream("rawvideo")
        track.width, track.height, track.pix_fmt = stream.width, stream.height, "yuv420p"
        track.time_base = self.clock.time_base
        return track

    def _take_picture(self, packet: Any) -> None:
        tick = self.tick(packet)
        number = bisect_right(self.run, tick, key=lambda piece: piece.cut.start_tick) - 1
        if number < 0 or tick >= self.run[number].cut.end_tick:
            return
        piece = self.run[number]
        back = int(packet.pts - packet.dts) if packet.dts is not None else 0
        at = piece.at_tick + tick - piece.cut.start_tick
        packet.time_base = self.clock.time_base
        packet.pts, packet.dts = at, max(min(at - back, at), self.last_dts + 1)
        self.last_dts = packet.dts
        self.counts[self.first + number] += 1
        packet.stream = self.tracks["video"]
        self.container.mux(packet)

    def _take_sound(self, packet: Any) -> None:
        assert self.sound is not None
        rate = self.sound.sample_rate
        samples = np.frombuffer(packet, "<f4").reshape(-1, self.sound.channels)
        at = round((packet.pts * packet.time_base - Fraction(self.zero_s)) * rate)
        if self.here is None or abs(at - self.here) > SOUND_GAP_S * rate:
            self.here = at
        begin, self.here = self.here, self.here + len(samples)
        for piece in self.run:
            start = round(piece.cut.start_tick * self.clock.time_base * rate)
            a, b = max(begin, start), min(self.here, start + piece.samples)
            if a < b:
                self._place(piece.at_sample + a - start, samples[a - begin : b - begin])

    def _place(self, at: int, samples: npt.NDArray[np.float32]) -> None:
        self._silence(at)
        self._write(samples[max(0, self.cursor - at) :])

    def _silence(self, until: int) -> None:
        assert self.sound is not None
        while self.cursor < until:
            count = min(until - self.cursor, self.sound.sample_rate)
            self._write(np.zeros((count, self.sound.channels), np.float32))

    def _write(self, samples: npt.NDArray[np.float32]) -> None:
        if not len(samples):
            return
        assert self.sound is not None
        packet = av.Packet(np.ascontiguousarray(samples).tobytes())
        packet.time_base = Fraction(1, self.sound.sample_rate)
        packet.pts = packet.dts = self.cursor
        packet.duration = len(samples)
        packet.stream = self.tracks["audio"]
        self.cursor += len(samples)
        self.container.mux(packet)


LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
"""Channels of sound → their layout in AAC; other numbers become stereo in a copy."""


def sound_bit_rate(sound: SoundInfo) -> int:
    """Bits a second at which AAC is transparent."""
    return 96_000 * max(1, min(sound.channels, 6))


class Copier(Joiner):
    """Writes pictures to the output as they are in the film, with new times, and encodes the sound beside them."""

    def __init__(
        self, container: Any, pictures: Any, pieces: Sequence[Piece], clock: FilmClock, sound: SoundInfo | None
    ):
        super().__init__(-1, pieces, clock, sound)
        self.container = container
        self.waiting: list[Any] = []
        rate = pictures.average_rate or Fraction(25)
        self.step = max(1, int(1 / (rate * pictures.time_base)))
        self.tracks["video"] = container.add_stream_from_template(pictures)
        self.tracks["video"].time_base = clock.time_base
        if sound:
            self.tracks["audio"] = track = container.add_stream("aac", rate=sound.sample_rate)
            track.layout, track.bit_rate = LAYOUTS[sound.channels], sound_bit_rate(sound)

    def begin(self, run: Sequence[Piece], offset: int, zero_s: float) -> None:
        """Begin another run of packets."""
        self._pass_on(None)
        super().begin(run, offset, zero_s)

    def end(self) -> None:
        """Write what still waits, and the sound up to the end."""
        self._pass_on(None)
        super().end()

    def _take_picture(self, packet: Any) -> None:
        """Write a packet; those without a decoding time wait for one that has it.

        Matroska has no decoding times: libav tells them from the order of the pictures, but of none of the first.
        """
        if packet.dts is None:
            self.waiting.append(packet)
            return
        self._pass_on(int(packet.dts))
        super()._take_picture(packet)

    def _pass_on(self, dts: int | None) -> None:
        """Write the packets that wait, a picture's length from one to the next up to `dts`, that of the packet behind.

        None: none follows; each is then decoded as late as the order of the pictures allows.
        """
        waiting, self.waiting = self.waiting, []
        shown = sorted(int(packet.pts) for packet in waiting)
        late = max((at - int(packet.pts) for at, packet in zip(shown, waiting, strict=True)), default=0)
        for place, packet in enumerate(waiting):
            packet.dts = shown[place] - late if dts is None else dts - (len(waiting) - place) * self.step
            super()._take_picture(packet)

    def close(self) -> None:
        """Flush the encoder of the sound; the container is closed by its owner."""
        if self.sound:
            self.container.mux(self.tracks["audio"].encode(None))

    def _write(self, samples: npt.NDArray[np.float32]) -> None:
        if not len(samples):
            return
        assert self.sound is not None
        channels = np.ascontiguousarray(samples.T)
        frame = av.AudioFrame.from_ndarray(channels, format="fltp", layout=LAYOUTS[self.sound.channels])
        frame.sample_rate, frame.time_base = self.sound.sample_rate, Fraction(1, self.sound.sample_rate)
        frame.pts = self.cursor
        self.cursor += len(samples)
        self.container.mux(self.tracks["audio"].encode(frame))
