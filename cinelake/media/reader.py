"""Reads a film once for many consumers: one ffmpeg, one thread for each pipe, one for each consumer."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from cinelake.errors import DamagedFilm, DecodeTimeout, DeviceUnavailable, FilmError, TaskFailed
from cinelake.media.batches import Batch, Consumer, ConsumerQueue
from cinelake.media.decode_check import MISSING_BYTES, SIGKILL, DecodeReport, damage_of, last_words
from cinelake.media.devices import check_device, check_exact, device_files
from cinelake.media.ffmpeg import Counters, Ffmpeg, sound_share, start_ffmpeg, version
from cinelake.media.graph import build_graph, by_one_thread, picture_wishes, plain_wishes, sound_wishes
from cinelake.media.late_pictures import pictures_late_s
from cinelake.media.lengths import LONG_PICTURE_S, last_picture_s, longest_pause_s
from cinelake.media.ogg_pages import lost_picture_pages
from cinelake.media.opening import open_film
from cinelake.media.pipe_readers import PicturePipeReader, SoundPipeReader
from cinelake.media.plain_pipe import PipeThread, plain_pipe
from cinelake.media.transport import share_elsewhere, share_of_another_kind, share_repeated
from cinelake.spec.film import MAX_PIXELS, DecodeDevice, DecodeThreads, Probe, longest_s
from cinelake.spec.task import Stream

__all__ = ["Consumer", "DamagedAmongThreads", "DecodeReport", "Reading", "read_film"]

SOUND_SLACK_S = 60.0
"""Time stamps of sound this far beyond the film's end, or beyond what its size could hold, are taken as broken."""

ROUNDED_S = 0.02
"""Half of a picture of 25 a second: by less than this, or half of a shorter one, times may go back as they are rounded.
Where they stand apart unevenly their mean says nothing."""

PROGRESS_S = 0.5
"""How often `on_progress` is called."""

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
    keep_damaged: bool = False,
    max_pixels: int = MAX_PIXELS,
    device: DecodeDevice = "cpu",
    on_progress: Callable[[float], None] | None = None,
    fd: int | None = None,
    threads: DecodeThreads = "any",
) -> Reading:
    """Decode the film at `path` once and deliver to every consumer the streams it wants, each in a thread of its own.

    A consumer that raises, or that hangs for `stall_s`, is dropped and named in `Reading.errors`; the others
    continue. `on_progress` is called twice a second with how many seconds of the film are decoded. keep_damaged: of a
    damaged film what can be read is delivered, and the report says what was lost. max_pixels: larger pictures, should
    they come in the middle, are not decoded. device: what decodes the pictures; nothing else does in its place.
    fd: a pipe out of which some of the film's packets come, as `probe` describes them; they are read, not the file.
    threads: that decode on the processor. What several make of damaged pictures depends on how many they are.

    Raises a `FilmError` when the film itself cannot be read (`FilmMissing`, `NotAFilm`, `DamagedFilm`), or
    `DeviceUnavailable` where the device is not there, cannot decode it or might give other pictures, or
    `DecodeTimeout` after `deadline_s` seconds or when ffmpeg writes nothing for `stall_s`, or `TaskFailed` as soon as
    what ffmpeg decoded cannot be taken from its pipe; then no consumer's `finish` has been called. Nor where `threads`
    are `checked` and several of them meet a damaged picture: `DamagedAmongThreads`, as soon as that is known.
    """
    source = open_film(path) if fd is None else contextlib.nullcontext(fd)
    with source as film_fd, _queues(consumers, stall_s) as queues:
        reading = _Reading(path, probe, queues, time.monotonic() + deadline_s, stall_s, on_progress)
        reading.keep_damaged, reading.max_pixels, reading.device = keep_damaged, max_pixels, device
        reading.is_film, reading.threads = fd is None, threads
        return reading.read(film_fd)


@contextlib.contextmanager
def _queues(consumers: Sequence[Consumer], stall_s: float) -> Iterator[list[ConsumerQueue]]:
    queues = [ConsumerQueue(consumer, stall_s) for consumer in consumers]
    try:
        yield queues
    finally:
        for queue in queues:
            queue.drop()
        for queue in queues:
            queue.join(0 if isinstance(queue.error, DecodeTimeout) else 5)


class DamagedAmongThreads(Exception):
    """Several threads met a damaged picture; the film is to be read again, by one."""


class _Reading:
    """One reading under way."""

    def __init__(
        self,
        path: str,
        probe: Probe,
        queues: Sequence[ConsumerQueue],
        until: float,
        stall_s: float,
        on_progress: Callable[[float], None] | None,
    ):
        self.path, self.probe, self.queues = path, probe, queues
        self.until, self.stall_s, self.on_progress = until, stall_s, on_progress
        self.streams = [stream for queue in queues for stream in queue.consumer.streams.values()]
        self.readers: list[PipeThread] = []
        self.started = self.reported = time.monotonic()
        self.ending = False
        self.keep_damaged, self.max_pixels = False, MAX_PIXELS
        self.device: DecodeDevice = "cpu"
        self.is_film = True
        self.threads: DecodeThreads = "any"

    def read(self, film_fd: int) -> Reading:
        something = picture_wishes(self.probe, self.streams) or sound_wishes(self.probe, self.streams)
        report = self._decode(film_fd) if something else self._report(None)
        for queue in self.queues:
            queue.end(report)
        for queue in self.queues:
            queue.wait(self.until)
        errors = {queue.consumer.name: queue.error for queue in self.queues if queue.error}
        return Reading(**{part.name: getattr(report, part.name) for part in fields(report)}, errors=errors)

    def _decode(self, film_fd: int) -> DecodeReport:
        with contextlib.ExitStack() as stack:
            writes = self._lay_pipes(stack, os.fstat(film_fd).st_size)
            pictures = 1 if picture_wishes(self.probe, self.streams) else 0
            sounds = pictures + len(plain_wishes(self.probe, self.streams))
            graph = build_graph(
                self.probe,
                self.streams,
                film_fd=film_fd,
                picture_fd=writes[0] if pictures else None,
                plain_fds=writes[pictures:sounds],
                sound_fds=writes[sounds:],
                max_pixels=self.max_pixels,
                device=self.device,
                is_film=self.is_film,
                one_thread=self.threads == "one",
            )
            if pictures and self.probe.video:
                check_device(self.device)
                check_exact(self.device, self.probe.video, self.path)
            opens = device_files(self.device) if pictures else []
            running = stack.enter_context(start_ffmpeg(graph.arguments, pass_fds=[film_fd, *writes], opens=opens))
            _close_all(writes)
            try:
                for reader in reversed(self.readers):  # that of the clock waits for those of large pictures
                    reader.start()
                self._watch(running)
            finally:
                self.ending = True
                running.kill()
                for reader in self.readers:
                    reader.join(10)
        return self._judged(running)

    def _lay_pipes(self, stack: contextlib.ExitStack, film_bytes: int) -> list[int]:
        """Make the pipes of pictures and one for each sound, with their readers; returns the ends for ffmpeg."""
        writes: list[int] = []
        stack.callback(_close_all, writes)
        stack.callback(self._close_unread)
        pictures = picture_wishes(self.probe, self.streams)
        if pictures and self.probe.video:
            plain = plain_wishes(self.probe, self.streams)
            (read, *apart), writes[:] = zip(os.pipe(), *(plain_pipe() for _ in plain), strict=True)
            ends = dict(zip(plain, apart, strict=True))
            picture = PicturePipeReader(read, self.probe.video, pictures, self._deliver, self._last_picture_s, ends)
            self.readers += [picture, *picture.pipes]
        end_s = (self.probe.duration_s or longest_s(film_bytes)) + SOUND_SLACK_S
        if self.probe.held_s is not None:
            end_s = min(end_s, max(2 * self.probe.held_s, self.probe.held_s + SOUND_SLACK_S))
        for sound in sound_wishes(self.probe, self.streams):
            read, write = os.pipe()
            writes.append(write)
            self.readers.append(SoundPipeReader(read, sound, end_s, self._deliver))
        return writes

    def _close_unread(self) -> None:
        """Close the pipes of readers that were never started, which would do it themselves."""
        _close_all([reader.fd for reader in self.readers if reader.ident is None])

    def _last_picture_s(self, time_s: float, shown_s: float) -> float:
        """How long the last picture is shown: as the container has it, where its pictures end before they ought to."""
        assert self.probe.video is not None
        declared_s = self.probe.video.duration_s or self.probe.declared_s
        held_s = self.probe.duration_s
        if held_s is not None and not (self.probe.video.fps or self.probe.audio or time_s > 0):
            return max(shown_s, held_s)  # a lone one, of which nothing else tells
        if declared_s is None or declared_s <= time_s + shown_s + LONG_PICTURE_S:
            return shown_s
        own_s = last_picture_s(self.path, self.probe, time_s)
        return own_s if own_s is not None and own_s > shown_s + LONG_PICTURE_S else shown_s

    def _deliver(self, batches: Mapping[Stream, Batch]) -> None:
        """Queue for each consumer what it wants of `batches`; called by the readers of the pipes."""
        for queue in self.queues:
            wanted = {label: batches[stream] for label, stream in queue.consumer.streams.items() if stream in batches}
            if wanted and queue.open:
                queue.put(wanted, sum(batch.nbytes for batch in wanted.values()), self._alive)

    def _alive(self) -> bool:
        """Is the reading under way? Called by a reader that waits for room: so that counts as a sign of life."""
        for reader in self.readers:
            reader.beat = time.monotonic()
        return not self.ending

    def _watch(self, running: Ffmpeg) -> None:
        """Wait for the end of all pipes and of ffmpeg."""
        while any(reader.is_alive() for reader in self.readers) or not running.wait(WATCH_S):
            now = time.monotonic()
            running.note_usage()
            self._raise_reader_error(running)
            self._raise_damaged_among_threads(running.counters.refused or running.counters.damaged > 0)
            if not any(queue.open for queue in self.queues):
                return
            if now > self.until:
                raise DecodeTimeout(f"{self.path!r} was not decoded within its deadline", log_tail=running.log_tail)
            if now - max(reader.beat for reader in self.readers) > self.stall_s:
                message = f"ffmpeg gave nothing of {self.path!r} for {self.stall_s:g} s"
                raise DecodeTimeout(message, log_tail=running.log_tail)
            if self.on_progress and now - self.reported > PROGRESS_S:
                self.reported = now
                self.on_progress(max(reader.end_s for reader in self.readers))
            for reader in self.readers:
                reader.join(WATCH_S / len(self.readers))

    def _raise_reader_error(self, running: Ffmpeg) -> None:
        """Raise what stopped a reader of a pipe: ffmpeg would wait for ever for it to read on."""
        for reader in self.readers:
            if isinstance(reader.error, FilmError | MemoryError):
                raise reader.error
            if reader.error:
                words = f"{type(reader.error).__name__}: {reader.error}"
                message = f"what ffmpeg decoded of {self.path!r} ({reader.name}) cannot be read: {words}"
                raise TaskFailed(message, log_tail=running.log_tail) from reader.error

    def _judged(self, running: Ffmpeg) -> DecodeReport:
        report = self._report(running)
        if any(queue.open for queue in self.queues):
            self._raise_reader_error(running)
            report = replace(report, damaged_pictures=report.damaged_pictures + self._lost_pages(report))
            report = replace(report, elsewhere=self._elsewhere(report), another_kind=self._another_kind(report))
            report = replace(report, repeated=self._repeated(report), late_s=self._late_s())
            self._raise_device_error(report, running.returncode or 0)
            self._raise_damaged_among_threads(report.decode_errors + report.damaged_pictures > 0)
            damage = damage_of(self.path, self.probe, report, running.returncode or 0)
            if damage and not (self.keep_damaged and isinstance(damage, DamagedFilm) and report.duration_s):
                raise damage
            report = replace(report, damage=str(damage or "").replace(repr(self.path), "the film"))
            for reader in self.readers:
                if isinstance(reader, PicturePipeReader) and not (reader.in_step or damage):
                    raise DamagedFilm(f"the streams of {self.path!r} left ffmpeg with different numbers of pictures")
        return report

    def _raise_device_error(self, report: DecodeReport, returncode: int) -> None:
        """Raise `DeviceUnavailable` where the device gave no picture, or had to conceal what is damaged in some."""
        if self.device == "cpu" or not report.pictures_read:
            return
        if returncode not in (0, SIGKILL) and not report.frames:
            words = f"{self.device} cannot decode {self.path!r}: {last_words(report.log_tail)}"
            message = f"{words}. Nothing else decodes in its place: write decode: {{device: cpu}} for it"
            raise DeviceUnavailable(message, log_tail=report.log_tail)
        if report.decode_errors or report.damaged_pictures:
            words = (
                f"pictures of {self.path!r} are damaged, which {self.device} may conceal otherwise than the processor"
            )
            raise DeviceUnavailable(f"{words}. Run it with decode: {{device: cpu}}", log_tail=report.log_tail)

    def _raise_damaged_among_threads(self, is_damaged: bool) -> None:
        if is_damaged and self.threads == "checked" and self.device == "cpu" and not by_one_thread(self.probe.video):
            raise DamagedAmongThreads

    def _lost_pages(self, report: DecodeReport) -> int:
        """How many pages of pictures are missing within Ogg; at least one picture of each comes out wrong, or never."""
        if self.probe.container != "ogg" or not report.pictures_read:
            return 0
        with open_film(self.path) as fd:
            return lost_picture_pages(fd)

    def _elsewhere(self, report: DecodeReport) -> float:
        """The share of a transport stream in which other streams come in place of those that were read."""
        new = any(f"New {kind} stream" in report.log_tail for kind in ("video", "audio"))
        kinds = [(self.probe.video, self.probe.picture_ids), (self.probe.audio, self.probe.sound_ids)]
        read = [(ids[info.index], {*ids.values()} - {ids[info.index]}) for info, ids in kinds if info and ids]
        if self.probe.container != "mpegts" or not (new or any(others for _, others in read)):
            return 0.0
        with open_film(self.path) as fd:
            return max(share_elsewhere(fd, pid, None if new else others) for pid, others in read)

    def _another_kind(self, report: DecodeReport) -> float:
        """The share of a transport stream in which what is read is of another kind, where many packets gave nothing.

        Where the fields of pictures come apart every second packet gives none.
        """
        video, audio = self.probe.video, self.probe.audio
        packets = report.packets.get(video.index, 0) if video and report.pictures_read else 0
        pids: list[int] = []
        if video and report.frames_decoded < (1 - MISSING_BYTES) * packets:
            pids += [self.probe.picture_ids[video.index]] if video.index in self.probe.picture_ids else []
        if audio and report.sound_errors > MISSING_BYTES * report.sound_packets:
            pids += [self.probe.sound_ids[audio.index]] if audio.index in self.probe.sound_ids else []
        if self.probe.container != "mpegts" or not pids:
            return 0.0
        with open_film(self.path) as fd:
            return max(share_of_another_kind(fd, pid) for pid in pids)

    def _repeated(self, report: DecodeReport) -> float:
        """The share of a transport stream's packets that come once more, where something of it does not decode."""
        if self.probe.container != "mpegts" or not (report.decode_errors + report.damaged_pictures):
            return 0.0
        with open_film(self.path) as fd:
            return share_repeated(fd)

    def _late_s(self) -> float:
        picture = next((reader for reader in self.readers if isinstance(reader, PicturePipeReader)), None)
        if not self.is_film or picture is None or not picture.frames:
            return 0.0
        return pictures_late_s(self.path, self.probe, picture.start_s)

    def _pause_s(self, counted: Counters) -> float:
        """How long pictures or sound pause, where ffmpeg takes it for jumps; near a film's end these are too few."""
        if counted.pause_s or not counted.turned or self.probe.jump_s is not None:
            return counted.pause_s
        return longest_pause_s(self.path, self.probe)

    def _back_s(self, counted: Counters) -> float:
        """By how much the clock surely goes back: a picture that is moved by less may have a rounded time."""
        video = self.probe.video
        rounded_s = min(ROUNDED_S, 0.5 / (video.fps or 1)) + float(video.time_base) if video else 0.0
        moved_s = counted.moved_s if counted.moved_s > rounded_s else 0.0
        return max(moved_s, counted.back_s if self.probe.container == "mpegts" else 0.0)

    def _report(self, running: Ffmpeg | None) -> DecodeReport:
        wall_s = time.monotonic() - self.started
        if running is None:
            return DecodeReport(ffmpeg_version=version(), wall_s=wall_s)
        counted, usage = running.counters, running.usage
        picture = next((reader for reader in self.readers if isinstance(reader, PicturePipeReader)), None)
        sounds = [reader for reader in self.readers if isinstance(reader, SoundPipeReader)]
        video = self.probe.video.index if self.probe.video and picture else -1
        audio = self.probe.audio.indexes if self.probe.audio and sounds else ()
        sound_outputs = range(len(self.readers) - len(sounds), len(self.readers))
        return DecodeReport(
            frames=picture.frames if picture else 0,
            frames_decoded=counted.decoded.get(video, 0),
            decode_errors=counted.errors.get(video, 0),
            damaged_pictures=counted.damaged,
            packets=dict(counted.packets),
            squeezed=picture.squeezed if picture else 0,
            lost_packets=counted.lost.get(video, 0),
            hole_s=picture.hole_s(counted.lost.get(video, 0)) if picture else 0.0,
            sound_hole_s=max((reader.silent / reader.wish.sample_rate for reader in sounds), default=0.0),
            pause_s=self._pause_s(counted),
            back_s=self._back_s(counted),
            lost_sound_s=max((reader.lost / reader.wish.sample_rate for reader in sounds), default=0.0),
            jumped_s=max((reader.jumped / reader.wish.sample_rate for reader in sounds), default=0.0),
            sound_packets=sum(counted.decoded.get(index, 0) for index in audio),
            sound_errors=sum(counted.errors.get(index, 0) for index in audio),
            picture_end_s=picture.end_s if picture else 0.0,
            picture_times=picture.times_digest if picture else "",
            sound_end_s=max((reader.end_s for reader in sounds), default=0.0),
            pictures_read=picture is not None,
            sound_read=bool(sounds),
            user_s=usage.user_s,
            sys_s=usage.sys_s,
            sound_share=sound_share(running.threads.seconds(), audio, sound_outputs),
            wall_s=wall_s,
            peak_rss_bytes=usage.peak_rss_bytes,
            ffmpeg_version=version(),
            device=self.device if picture else "cpu",
            log_tail=running.log_tail,
        )


def _close_all(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())
