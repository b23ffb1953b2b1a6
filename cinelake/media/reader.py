"""Reads a film once for many consumers: one ffmpeg, one thread for each pipe, one for each consumer."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

from cinelake.errors import DamagedFilm, DecodeTimeout
from cinelake.media.batches import Batch, SoundBatch
from cinelake.media.decode_check import DecodeReport, judge
from cinelake.media.ffmpeg import Ffmpeg, start_ffmpeg, version
from cinelake.media.graph import build_graph, picture_wishes, sound_wishes
from cinelake.media.lanes import Consumer, Lane
from cinelake.media.probe import open_film
from cinelake.media.pumps import PicturePump, Pump, SoundPump
from cinelake.spec.film import Probe
from cinelake.spec.task import Stream

__all__ = ["Consumer", "DecodeReport", "Reading", "read_film"]

SOUND_SLACK_S = 60.0
"""Time stamps of sound this far beyond the film's end are taken as broken."""

PROGRESS_S = 0.5
"""How often `on_progress` is told."""

WATCH_S = 0.2
"""How often the watch looks at clocks."""


@dataclass(frozen=True)
class Reading(DecodeReport):
    """A film that was read: the report, and what stopped each consumer that failed, by its name."""

    errors: Mapping[str, BaseException] = field(default_factory=dict)


def read_film(
    path: str,
    probe: Probe,
    consumers: Sequence[Consumer],
    *,
    deadline_s: float,
    stall_s: float = 60.0,
    on_progress: Callable[[float], None] | None = None,
) -> Reading:
    """Decode the film at `path` once and give every consumer the streams it wants, each in a thread of its own.

    A consumer that raises, or that hangs for `stall_s`, is dropped and named in `Reading.errors`; the others go
    on. `on_progress` is told twice a second how many seconds of the film are decoded.

    Raises a `FilmError` when the film itself cannot be read (`FilmMissing`, `NotAFilm`, `DamagedFilm`), or
    `DecodeTimeout` after `deadline_s` seconds or when ffmpeg gives nothing for `stall_s`; then no consumer's
    `finish` has been called.
    """
    with open_film(path) as fd, _lanes(consumers, stall_s) as lanes:
        return _Reading(path, probe, lanes, time.monotonic() + deadline_s, stall_s, on_progress).read(fd)


@contextlib.contextmanager
def _lanes(consumers: Sequence[Consumer], stall_s: float) -> Iterator[list[Lane]]:
    lanes = [Lane(consumer, stall_s) for consumer in consumers]
    try:
        yield lanes
    finally:
        for lane in lanes:
            lane.drop()
        for lane in lanes:
            lane.join(0 if isinstance(lane.error, DecodeTimeout) else 5)


class _Reading:
    """One reading under way."""

    def __init__(
        self,
        path: str,
        probe: Probe,
        lanes: Sequence[Lane],
        until: float,
        stall_s: float,
        on_progress: Callable[[float], None] | None,
    ):
        self.path, self.probe, self.lanes = path, probe, lanes
        self.until, self.stall_s, self.on_progress = until, stall_s, on_progress
        self.streams = [stream for lane in lanes for stream in lane.consumer.streams.values()]
        self.pumps: list[Pump] = []
        self.started = self.told = time.monotonic()
        self.ending = False

    def read(self, film_fd: int) -> Reading:
        report = self._decode(film_fd) if self._something_to_read() else self._report(None)
        for lane in self.lanes:
            lane.end(report)
        for lane in self.lanes:
            lane.wait(self.until)
        errors = {lane.consumer.name: lane.error for lane in self.lanes if lane.error}
        return Reading(**{part.name: getattr(report, part.name) for part in fields(report)}, errors=errors)

    def _something_to_read(self) -> bool:
        return bool(picture_wishes(self.probe, self.streams) or sound_wishes(self.probe, self.streams))

    def _decode(self, film_fd: int) -> DecodeReport:
        with contextlib.ExitStack() as stack:
            writes = self._lay_pipes(stack)
            pictures = 1 if picture_wishes(self.probe, self.streams) else 0
            graph = build_graph(
                self.probe,
                self.streams,
                film_fd=film_fd,
                picture_fd=writes[0] if pictures else None,
                sound_fds=writes[pictures:],
            )
            running = stack.enter_context(start_ffmpeg(graph.arguments, pass_fds=[film_fd, *writes]))
            _close_all(writes)
            try:
                for pump in self.pumps:
                    pump.start()
                self._watch(running)
            finally:
                self.ending = True
                running.kill()
                for pump in self.pumps:
                    pump.join(10)
        return self._judged(running)

    def _lay_pipes(self, stack: contextlib.ExitStack) -> list[int]:
        """Make a pipe and a pump for all pictures and for each sound; gives the ends for ffmpeg."""
        writes: list[int] = []
        stack.callback(_close_all, writes)
        pictures = picture_wishes(self.probe, self.streams)
        if pictures and self.probe.video:
            read, write = os.pipe()
            writes.append(write)
            self.pumps.append(PicturePump(read, self.probe.video, pictures, self._deliver))
        longest_s = self.probe.duration_s + SOUND_SLACK_S if self.probe.duration_s else float("inf")
        for sound in sound_wishes(self.probe, self.streams):
            read, write = os.pipe()
            writes.append(write)
            self.pumps.append(SoundPump(read, sound, longest_s, self._deliver))
        return writes

    def _deliver(self, batches: Mapping[Stream, Batch]) -> None:
        """Give each consumer what it wants of `batches`; called by the pumps."""
        for lane in self.lanes:
            wanted = {label: batches[stream] for label, stream in lane.consumer.streams.items() if stream in batches}
            if wanted and lane.open:
                own = sum(_bytes(batch) for batch in wanted.values())
                lane.put(wanted, own, self._alive)

    def _alive(self) -> bool:
        """Is the reading under way? Asked by a pump that waits for room: so that counts as a sign of life."""
        for pump in self.pumps:
            pump.beat = time.monotonic()
        return not self.ending

    def _watch(self, running: Ffmpeg) -> None:
        """Wait for the end of all pipes and of ffmpeg."""
        while any(pump.is_alive() for pump in self.pumps) or not running.wait(WATCH_S):
            now = time.monotonic()
            running.note_memory()
            if not any(lane.open for lane in self.lanes):
                return
            if now > self.until:
                raise DecodeTimeout(f"{self.path!r} was not decoded within its deadline", log_tail=running.log_tail)
            if now - max(pump.beat for pump in self.pumps) > self.stall_s:
                message = f"ffmpeg gave nothing of {self.path!r} for {self.stall_s:g} s"
                raise DecodeTimeout(message, log_tail=running.log_tail)
            self._tell(now)
            for pump in self.pumps:
                pump.join(WATCH_S / len(self.pumps))

    def _tell(self, now: float) -> None:
        if self.on_progress and now - self.told > PROGRESS_S:
            self.told = now
            self.on_progress(max(pump.end_s for pump in self.pumps))

    def _judged(self, running: Ffmpeg) -> DecodeReport:
        report = self._report(running)
        if any(lane.open for lane in self.lanes):
            judge(self.path, self.probe, report, running.returncode or 0)
            for pump in self.pumps:
                if pump.error:
                    raise pump.error
                if isinstance(pump, PicturePump) and not pump.in_step:
                    raise DamagedFilm(f"the streams of {self.path!r} left ffmpeg with different numbers of pictures")
        return report

    def _report(self, running: Ffmpeg | None) -> DecodeReport:
        wall_s = time.monotonic() - self.started
        if running is None:
            return DecodeReport(ffmpeg_version=version(), wall_s=wall_s)
        counted, usage = running.counters, running.usage
        picture = next((pump for pump in self.pumps if isinstance(pump, PicturePump)), None)
        sounds = [pump for pump in self.pumps if isinstance(pump, SoundPump)]
        video = self.probe.video.index if self.probe.video and picture else -1
        audio = self.probe.audio.index if self.probe.audio and sounds else -1
        return DecodeReport(
            frames=picture.frames if picture else 0,
            frames_decoded=counted.decoded.get(video, 0),
            decode_errors=counted.errors.get(video, 0),
            damaged_pictures=counted.damaged,
            sound_packets=counted.decoded.get(audio, 0),
            sound_errors=counted.errors.get(audio, 0),
            picture_end_s=picture.end_s if picture else 0.0,
            sound_end_s=max((pump.end_s for pump in sounds), default=0.0),
            pictures_read=picture is not None,
            sound_read=bool(sounds),
            user_s=usage.user_s,
            sys_s=usage.sys_s,
            wall_s=wall_s,
            peak_rss_bytes=usage.peak_rss_bytes,
            ffmpeg_version=version(),
            log_tail=running.log_tail,
        )


def _close_all(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())


def _bytes(batch: Batch) -> int:
    if isinstance(batch, SoundBatch):
        return batch.samples.nbytes
    return batch.frames.nbytes + (0 if batch.pixels is None else batch.pixels.nbytes)
