"""Some of a film's pictures, decoded: those that a task chooses, each as it is in the whole film.

The film is first surveyed undecoded (`packets`); the packets of what is wanted, and of what that refers to, go through
a pipe to the ffmpeg that decodes all films, confined as ever. Whatever is not as the survey has it (a picture that is
damaged, missing, shown at another time, or another one when it is decoded again) ends the choice with `NotToBeSpared`:
all pictures are then to be decoded, and judged.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from cinelake.errors import DamagedFilm
from cinelake.media.batches import Batch, FrameBatch
from cinelake.media.decode_check import DecodeReport, damage_of
from cinelake.media.ffmpeg import version
from cinelake.media.packets import NotToBeSpared, PacketSurvey, survey_packets, write_packets
from cinelake.media.reader import Reading, read_film
from cinelake.spec.arrays import Bools
from cinelake.spec.film import MAX_PIXELS, Declared, Probe
from cinelake.spec.task import Stream, VideoStream

MOST_STARTS = 8
"""How many decoders may begin anew, each of which reads the file from its beginning; where more would have to, one
decodes all pictures that others refer to."""

SKIPPED_S = 600.0
"""How long no packet may be wanted: between two places of a large film on a slow disk."""

Take = Callable[[FrameBatch], None]


@dataclass
class ChosenPictures:
    """A film of whose pictures some need not be decoded; made by `open_choice`.

    times_s, durations_s: (n,) of all its pictures. size_bytes: (n,) of their packets. is_spare: (n,) whether no other
    refers to the picture. is_leading: (n,) whether it is decoded after one that is shown later. decoded: how many
    pictures were decoded so far, some perhaps twice.
    """

    path: str
    probe: Probe
    survey: PacketSurvey
    stream: VideoStream
    until: float
    max_pixels: int = MAX_PIXELS
    on_progress: Callable[[float], None] | None = None
    decoded: int = 0
    readings: list[Reading] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sums: npt.NDArray[np.int64] = np.full(len(self.survey), -1)
        edges = self.survey.seconds(np.append(self.survey.ticks, self.survey.end_tick))
        self.times_s: npt.NDArray[np.float64] = edges[:-1]
        self.durations_s: npt.NDArray[np.float64] = np.diff(edges)
        self.size_bytes, self.is_spare, self.is_leading = (
            self.survey.size_bytes,
            self.survey.is_spare,
            self.survey.is_leading,
        )

    def __len__(self) -> int:
        return len(self.survey)

    def decode(self, wanted: Bools, take: Take) -> None:
        """Decode the wanted pictures, and what must be for their sake; `take` gets all of these, in order.

        wanted: (n,). Raises `NotToBeSpared` where they do not decode as they ought to, and what `read_film` raises.
        """
        parts = self.survey.runs(self.survey.needed_for(wanted))
        if len(parts) > MOST_STARTS:
            parts = self.survey.runs(self.survey.needed_for(wanted | ~self.is_spare))
        for given in parts:
            self._decode(given, take)

    def _decode(self, given: Bools, take: Take) -> None:
        """Decode these pictures by one decoder."""
        sink = _Sink(self, np.flatnonzero(given), take)
        left_s = max(1.0, self.until - time.monotonic())
        try:
            with _piped(self, given) as fd:
                reading = read_film(
                    self.path,
                    _of_pipe(self.probe),
                    [sink],
                    deadline_s=left_s,
                    stall_s=min(left_s, SKIPPED_S),
                    max_pixels=self.max_pixels,
                    on_progress=self.on_progress,
                    fd=fd,
                )
        except DamagedFilm as damage:  # whether the film is, a decode of all pictures says
            raise NotToBeSpared("a part of its pictures does not decode by itself") from damage
        for error in reading.errors.values():
            raise error
        self.readings.append(reading)
        self.decoded += reading.frames
        bad = reading.decode_errors + reading.damaged_pictures
        if bad or reading.squeezed or sink.done != int(given.sum()):
            raise NotToBeSpared(f"{bad or int(given.sum()) - sink.done} of the pictures first decoded are damaged")

    def report(self) -> DecodeReport:
        """What was decoded, as a report on the film. Raises the typed error of a film that shows to be not whole."""
        assert self.probe.video is not None
        sums = {name: sum(getattr(one, name) for one in self.readings) for name in ("user_s", "sys_s", "wall_s")}
        report = DecodeReport(
            frames=len(self),
            frames_decoded=self.decoded,
            packets={self.probe.video.index: len(self)},
            picture_end_s=float(self.times_s[-1] + self.durations_s[-1]),
            pictures_read=True,
            peak_rss_bytes=max(one.peak_rss_bytes for one in self.readings),
            ffmpeg_version=version(),
            log_tail="\n".join(one.log_tail for one in self.readings if one.log_tail),
            **sums,
        )
        if damage := damage_of(self.path, self.probe, report, 0):
            raise damage
        return report


def open_choice(
    path: str,
    probe: Probe,
    stream: VideoStream,
    *,
    deadline_s: float,
    max_pixels: int = MAX_PIXELS,
    on_progress: Callable[[float], None] | None = None,
) -> ChosenPictures:
    """Survey the film at `path`. Raises `NotToBeSpared` where all its pictures must be decoded."""
    survey = survey_packets(path, probe, deadline_s=deadline_s)
    return ChosenPictures(path, probe, survey, stream, time.monotonic() + deadline_s, max_pixels, on_progress)


class _Sink:
    """Gives decoded pictures the numbers that they have in the film."""

    name = "choice"

    def __init__(self, film: ChosenPictures, frames: npt.NDArray[np.int64], take: Take):
        self.film, self.frames, self.take = film, frames, take
        self.streams: Mapping[str, Stream] = {"pictures": film.stream}
        self.done = self.late = 0

    def on_batches(self, batches: Mapping[str, Batch]) -> None:
        batch = batches["pictures"]
        assert isinstance(batch, FrameBatch)
        frames = self.frames[self.done : self.done + len(batch)]
        survey = self.film.survey
        ticks = np.rint(batch.times_s / float(survey.time_base)).astype(np.int64)
        if not self.done:  # a pipe's time begins anywhere: with its first packet, the first that decodes, or the file's
            self.late = int(ticks[0]) - int(survey.ticks[frames[0]])
        if len(frames) != len(batch) or (survey.ticks[frames] + self.late != ticks).any():
            raise NotToBeSpared("its pictures are not shown when its packets say")
        self._check_again(batch, frames)
        self.done += len(batch)
        self.take(FrameBatch(frames, self.film.times_s[frames], self.film.durations_s[frames], batch.pixels))

    def _check_again(self, batch: FrameBatch, frames: npt.NDArray[np.int64]) -> None:
        """What was decoded before, from another start, must come out the same."""
        assert batch.pixels is not None
        sums = np.array([zlib.adler32(picture) for picture in batch.pixels], np.int64)
        known = self.film.sums[frames]
        if ((known >= 0) & (known != sums)).any():
            raise NotToBeSpared("its pictures differ with where decoding begins")
        self.film.sums[frames] = sums

    def finish(self, report: DecodeReport) -> None:
        """Nothing is left to do."""


@contextlib.contextmanager
def _piped(film: ChosenPictures, given: Bools) -> Iterator[int]:
    """The end of a pipe to read the given packets from. Raises what writing them raised."""
    read, write = os.pipe()
    failed: list[BaseException] = []

    def feed() -> None:
        try:
            write_packets(film.path, film.probe, film.survey, given, f"/dev/fd/{write}")
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits for this one
            failed.append(error)
        finally:
            os.close(write)

    feeder = threading.Thread(target=feed, name="packets", daemon=True)
    feeder.start()
    try:
        yield read
    finally:
        os.close(read)
        feeder.join(10)
    if failed:
        raise failed[0]


def _of_pipe(probe: Probe) -> Probe:
    """The probe of what comes out of the pipe: one stream, of unknown length."""
    assert probe.video is not None
    video = replace(probe.video, index=0, duration_s=None, frame_count=None)
    return replace(
        probe,
        container="nut",
        duration_s=None,
        declared_s=None,
        start_time_s=0.0,
        video=video,
        audio=None,
        clock_streams=(),
        picture_ids={},
        sound_ids={},
        declared=Declared(),
        held_s=None,
    )
