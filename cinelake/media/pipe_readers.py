"""From ffmpeg's pipes to batches: one thread drains each pipe, whatever the others do.

The packets of a raw stream are the pixels themselves, so nothing is decoded here; large pictures come in pipes of their
own (`plain_pipe`). Borders of batches depend on frame numbers (or samples) alone, never on timing.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from cinelake.media.batches import Batch, FrameBatch, SoundBatch
from cinelake.media.graph import THINNING_SLACK, Y4M_FORMATS, picture_shape
from cinelake.media.plain_pipe import BatchMemory, PipeThread, PlainPipe
from cinelake.spec.arrays import Integers
from cinelake.spec.film import VideoInfo
from cinelake.spec.task import SoundStream, Stream, VideoClock, VideoStream

FRAMES, MIN_FRAMES, BATCH_BYTES = 32, 16, 12 << 20
"""Pictures in a batch, and of large ones, so that a batch is no larger than this, fewer: batch k holds those from n k.

What is done once a batch (waking a thread, calling NumPy) is a tenth of what tasks that look at every picture cost.
"""

SOUND_GAP_S = 0.05
"""Sound whose time stamps leave less than this out, or overlap by less, is taken as continuous."""

SHORT = 0.25
"""A picture that is shown for less than this part of the usual time has no time of its own."""

HOLE = 3.0
"""A picture that is shown this many times as long as others stands for some that are missing."""

Deliver = Callable[[Mapping[Stream, Batch]], None]
"""Takes batches by wish; waits while there is no room."""

LastPicture = Callable[[float, float], float]
"""How long the last picture is shown, by its time and by how long the pipe has it, which knows no long ones."""


def frames_together(picture_bytes: Iterable[int]) -> int:
    """How many pictures make a batch, by the sizes of those that come for every frame."""
    return max(MIN_FRAMES, min(FRAMES, BATCH_BYTES // max(1, sum(picture_bytes))))


def times_digest(ticks: Integers) -> str:
    """The digest of when a film's pictures are shown, in ticks of its time base."""
    return blake2b(ticks.astype("<i8").tobytes(), digest_size=8).hexdigest()


def open_pipe(fd: int) -> Any:
    """The NUT pipe whose reading end is `fd`, as a PyAV container. Raises `av.error.FFmpegError`."""
    options = {"fd": str(fd), "probesize": "32", "fpsprobesize": "0", "analyzeduration": "0"}
    return av.open("fd:", format="nut", options=options, metadata_errors="replace")


class PipeReader(PipeThread):
    """A thread that reads one NUT pipe to its end."""

    def __init__(self, name: str, fd: int, deliver: Deliver):
        super().__init__(name, fd)
        self.deliver = deliver

    def drain(self) -> None:
        """Read packets until the pipe ends, then deliver what is left."""
        for packet in self._packets():
            self.beat = time.monotonic()
            self.take(packet)
        self.end()

    def _packets(self) -> Iterator[Any]:
        with (
            contextlib.suppress(FFmpegError),  # the pipe ended within a packet: ffmpeg's end says why
            open_pipe(self.fd) as container,
        ):
            cut_off = False
            for packet in container.demux():
                if packet.pts is None or not packet.size:
                    continue
                if cut_off:
                    raise ValueError(f"a packet of {packet.size} bytes in the middle of the pipe is not whole")
                cut_off = not self.is_whole(packet)  # as the last one is when ffmpeg is killed: its end says why
                if not cut_off:
                    yield packet

    def is_whole(self, packet: Any) -> bool:
        """Whether a packet is as long as its pixels or samples."""
        raise NotImplementedError

    def take(self, packet: Any) -> None:
        """Take the next packet."""
        raise NotImplementedError

    def end(self) -> None:
        """Deliver what is left when the pipe has ended."""
        raise NotImplementedError


class PicturePipeReader(PipeReader):
    """Reads all pictures: packet n of stream 0, which carries the clock, and of every whole stream is frame n.

    plain: the wishes that come in pipes of their own, and the ends to read these from; `pipes` read them.
    """

    def __init__(
        self,
        fd: int,
        video: VideoInfo,
        wishes: Sequence[VideoClock | VideoStream],
        deliver: Deliver,
        last_picture_s: LastPicture = lambda _time_s, shown_s: shown_s,
        plain: Mapping[VideoStream, int] = MappingProxyType({}),
    ):
        super().__init__("pictures", fd, deliver)
        self.video, self.last_picture_s = video, last_picture_s
        self.times = array("q")
        self.time_base = Fraction(1)
        self.last_duration_s = 1 / video.fps if video.fps else 0.0
        self._tick_is_short = False
        """Whether a tick is far shorter than a picture is shown: the graph moves times that go back by one."""
        self.batch = 0
        self.squeezed = 0
        self.in_step = True
        """Had every whole stream as many pictures as the clock counted? Known at the end."""
        shapes = {wish: picture_shape(video, wish) for wish in (*wishes, *plain) if isinstance(wish, VideoStream)}
        self.together = count = frames_together(math.prod(shape) for wish, shape in shapes.items() if not wish.fps)
        tracks = [_Track(wish, (count, *shapes[wish])) for wish in wishes if isinstance(wish, VideoStream)]
        self._numbered = [None, *tracks] if len(tracks) < len(wishes) else [*tracks]
        bare = [_PlainTrack(wish, (count, *shapes[wish]), end, self._advance) for wish, end in plain.items()]
        self.pipes = [track.pipe for track in bare]
        self.tracks: list[_Track | _PlainTrack] = [*tracks, *bare]
        self._advancing = threading.Lock()
        self._sizes = [math.prod(track.shape) if track else 1 for track in self._numbered]

    @property
    def frames(self) -> int:
        """How many pictures the clock has counted."""
        return len(self.times)

    @property
    def start_s(self) -> float:
        """When the first picture is shown."""
        return self._seconds(self.times[0])

    @property
    def end_s(self) -> float:
        """When the last picture ends."""
        last = self.times[-1:]  # at once: other threads ask while the pipe is read
        return self._seconds(last[0]) + self.last_duration_s if last else 0.0

    @property
    def times_digest(self) -> str:
        """`times_digest` of the pictures so far."""
        ticks = np.array(self.times, np.float64) * float(self.time_base / self.video.time_base)
        return times_digest(np.rint(ticks).astype(np.int64)) if len(ticks) else ""

    def hole_s(self, losses: int) -> float:
        """How long no new picture comes in so many places where the next one comes much later than usual, at most."""
        if not losses or self.frames < 2:
            return 0.0
        steps = np.diff(np.array(self.times, np.float64))
        usual = float(np.median(steps))
        late = np.sort(steps[steps > HOLE * usual])[-losses:] - usual
        return float(late.sum() * self.time_base)

    def is_whole(self, packet: Any) -> bool:
        """Whether the packet holds a whole picture, or the one pixel of a clock that is alone."""
        return bool(packet.size == self._sizes[packet.stream_index])

    def take(self, packet: Any) -> None:
        """Take a picture, or a tick of the clock, and deliver the batches that are whole."""
        number = packet.stream_index
        with self._advancing:
            if track := self._numbered[number]:
                track.take(packet)
            if not number:
                self._tick(packet)
        self._advance()

    def _advance(self) -> None:
        """Deliver the batches that are whole; whichever pipe's thread finds that they are."""
        with self._advancing:
            while len(self.times) > (end := (self.batch + 1) * self.together) and self._whole(end):
                self._deliver_batch(end)

    def _tick(self, packet: Any) -> None:
        """Take a picture's time. The time base is a stream's, not a packet's: a fraction made of each would be dear."""
        if not self.times:
            self.time_base = packet.time_base
            self._tick_is_short = self.video.fps * float(self.time_base) < SHORT
        elif self._tick_is_short and packet.pts == self.times[-1] + 1:
            self.squeezed += 1
        self.times.append(packet.pts)
        if packet.duration > self._tick_is_short:  # one short tick is what libav has where it knows none
            self.last_duration_s = packet.duration * self.time_base.numerator / self.time_base.denominator

    def end(self) -> None:
        """Deliver the last pictures: those that every stream has."""
        for pipe in self.pipes:
            pipe.join()
        if self.frames == 1 and self.video.fps:  # libav shows a lone one for a field, or a tick
            self.last_duration_s = max(self.last_duration_s, 1 / self.video.fps)
        if self.times:
            self.last_duration_s = self.last_picture_s(self._seconds(self.times[-1]), self.last_duration_s)
        counts = [self.frames, *(track.count for track in self.tracks if not track.fps)]
        whole, self.in_step = min(counts), min(counts) == max(counts)
        while self.batch * self.together < whole:
            self._deliver_batch(min((self.batch + 1) * self.together, whole))
        del self.times[whole:]  # nobody gets these: where ffmpeg failed, some pipes have more than others

    def _whole(self, end: int) -> bool:
        """Has every stream all its pictures before frame `end`?"""
        for track in self.tracks:
            if isinstance(track, _Track) and track.fps:
                wanted = self._wanted(track, (end - self.together, end))
                is_whole = not wanted or track.newest >= self.times[wanted[-1]]
            else:
                is_whole = track.count >= end
            if not is_whole:
                return False
        return True

    def _deliver_batch(self, end: int) -> None:
        first = self.batch * self.together
        stamps = np.array([*self.times[first : end + 1]], dtype=np.int64)
        seconds = stamps * self.time_base.numerator / self.time_base.denominator
        if len(seconds) == end - first:
            seconds = np.append(seconds, seconds[-1] + self.last_duration_s)
        frames = np.arange(first, end, dtype=np.int64)
        clock = FrameBatch(frames, seconds[:-1], np.diff(seconds), None)
        batches: dict[Stream, Batch] = {VideoClock(): clock}
        for track in self.tracks:
            batches[track.wish] = self._cut(track, clock, (first, end))
        self.batch += 1
        self.deliver(batches)

    def _cut(self, track: _Track | _PlainTrack, clock: FrameBatch, span: tuple[int, int]) -> FrameBatch:
        if isinstance(track, _PlainTrack) or not track.fps:
            pixels = track.whole_batch(self.batch, span[1] - span[0])
            pixels.flags.writeable = False
            return FrameBatch(clock.frames, clock.times_s, clock.durations_s, pixels)
        pictures = track.thinned_batch(self.times, self._wanted(track, span), self.times[span[1] - 1])
        rows = [frame - span[0] for frame in pictures]
        pixels = np.stack(list(pictures.values())) if pictures else np.empty((0, *track.shape), np.uint8)
        pixels.flags.writeable = False
        return FrameBatch(clock.frames[rows], clock.times_s[rows], clock.durations_s[rows], pixels)

    def _wanted(self, track: _Track, span: tuple[int, int]) -> list[int]:
        """Frames in the span that are the first at or after a multiple of 1/fps seconds."""
        first, end, fps = *span, track.fps or 0
        seconds = [self._seconds(stamp) for stamp in self.times[max(first - 1, 0) : end]]
        slots = [math.floor(time_s * fps + THINNING_SLACK) for time_s in seconds]
        wanted = [first + 1 + number for number, (a, b) in enumerate(itertools.pairwise(slots)) if b > a]
        return [0, *wanted] if first == 0 else [frame - 1 for frame in wanted]

    def _seconds(self, stamp: int) -> float:
        return stamp * self.time_base.numerator / self.time_base.denominator


class _Track:
    """Pictures of one stream that wait for their batch. shape: of a batch."""

    def __init__(self, wish: VideoStream, shape: tuple[int, ...]):
        self.wish, self.shape, self.fps = wish, shape[1:], wish.fps
        self._together = shape[0]
        self.count = 0
        self.newest = -(1 << 62)
        self._memory = BatchMemory(shape)
        self._whole: dict[int, npt.NDArray[np.uint8]] = {}
        self._thinned: dict[int, npt.NDArray[np.uint8]] = {}

    def take(self, packet: Any) -> None:
        picture = np.frombuffer(packet, dtype=np.uint8).reshape(self.shape)
        if self.fps:
            self._thinned[packet.pts] = picture
            self.newest = packet.pts
            return
        batch, row = divmod(self.count, self._together)
        if row == 0:
            self._whole[batch] = self._memory.take()
        self._whole[batch][row] = picture
        self.count += 1

    def whole_batch(self, batch: int, count: int) -> npt.NDArray[np.uint8]:
        return self._whole.pop(batch)[:count]  # a part even where it is all: what is taken again may be written

    def thinned_batch(self, times: array[int], wanted: list[int], last: int) -> dict[int, npt.NDArray[np.uint8]]:
        pictures = {frame: self._thinned[times[frame]] for frame in wanted if times[frame] in self._thinned}
        self._thinned = {stamp: picture for stamp, picture in self._thinned.items() if stamp > last}
        return pictures


class _PlainTrack:
    """Pictures of a wish that has a pipe of its own. shape: of a batch."""

    fps = None

    def __init__(self, wish: VideoStream, shape: tuple[int, ...], fd: int, on_batch: Callable[[], None]):
        self.wish = wish
        self.pipe = PlainPipe(fd, shape, on_batch, wish.pixel_format in Y4M_FORMATS)
        self.whole_batch = self.pipe.batch

    @property
    def count(self) -> int:
        return self.pipe.count


class SoundPipeReader(PipeReader):
    """Reads one sound and delivers it in batches of one second, silence where packets lack."""

    def __init__(self, fd: int, wish: SoundStream, longest_s: float, deliver: Deliver):
        super().__init__("sound", fd, deliver)
        self.wish = wish
        self.longest = longest_s * wish.sample_rate
        self.delivered = 0
        self.filled = 0
        self.lost = self.jumped = self.silent = 0
        """Samples that are in what was heard before, that a clock jumps over, and of silence in place of packets."""
        self.samples_a_tick: Fraction | int | None = None
        self.buffer = np.zeros((wish.sample_rate, wish.channels), np.float32)

    @property
    def end_s(self) -> float:
        """When the sound ends."""
        return (self.delivered + self.filled) / self.wish.sample_rate

    def is_whole(self, packet: Any) -> bool:
        """Whether the packet holds whole samples of every channel."""
        return bool(packet.size % (4 * self.wish.channels) == 0)

    def take(self, packet: Any) -> None:
        """Place a packet at its time: silence before it, or less of it, where its time stamp says so."""
        samples = np.frombuffer(packet, dtype="<f4").reshape(-1, self.wish.channels)
        if self.samples_a_tick is None:
            exact = packet.time_base * self.wish.sample_rate
            self.samples_a_tick = exact.numerator if exact.denominator == 1 else exact
        at = round(packet.pts * self.samples_a_tick)
        position = self.delivered + self.filled
        gap = at - position
        if abs(gap) > SOUND_GAP_S * self.wish.sample_rate or position == 0:
            if gap > 0 and at <= self.longest:
                self.silent += gap if position else 0
                self._fill(None, gap)
            elif gap > 0:
                self.jumped = max(self.jumped, gap)
            elif gap < 0:
                self.lost += min(-gap, len(samples)) if position else 0
                samples = samples[-gap:]
        self._fill(samples, len(samples))

    def end(self) -> None:
        """Deliver the last part of a second."""
        if self.filled:
            self._deliver_batch()

    def _fill(self, samples: npt.NDArray[np.float32] | None, count: int) -> None:
        done = 0
        while done < count:
            part = min(count - done, len(self.buffer) - self.filled)
            if samples is not None:
                self.buffer[self.filled : self.filled + part] = samples[done : done + part]
            self.filled += part
            done += part
            if self.filled == len(self.buffer):
                self._deliver_batch()

    def _deliver_batch(self) -> None:
        samples = self.buffer[: self.filled]
        samples.flags.writeable = False
        batch = SoundBatch(self.delivered, self.delivered / self.wish.sample_rate, self.wish.sample_rate, samples)
        self.delivered += self.filled
        self.filled = 0
        self.buffer = np.zeros_like(self.buffer)
        self.deliver({self.wish: batch})
