"""frames: pictures of a film as JPEG, sampled regularly and in the middle of every shot.

The task follows `shots`. Its output is a pure function of the film and of the table of shots, so that it is the
same whether shots arrive live, while the film is decoded, or all before the first picture: a live run keeps
candidates for the middle of the shots that are not yet decided, and a row waits until its shot is known (its JPEG
in memory, or on disk when many wait).

Reading order: colours, middles, waiting, and the task below.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.errors import InputChanged
from cinelake.media.batches import FrameBatch
from cinelake.spec.arrays import PixelArray
from cinelake.spec.contract import Column, Contract, Measure
from cinelake.spec.roles import FromStills, Pictures
from cinelake.spec.task import Field, Film, Params, VideoStream, task
from tasks.frames.colours import bgr_of, colours_of, luma_of
from tasks.frames.luma import measure
from tasks.frames.middles import MiddleCandidates, exact_length, middle_frame
from tasks.frames.stills import READS, labelled_pictures, of_still
from tasks.frames.waiting import JpegStore, WaitingRow, jpeg_of

ROWS_TOGETHER = 64
"""Rows of a record batch: a few megabytes of JPEG."""

FRAMES = Contract(
    table="frames",
    doc="Pictures as JPEG: `fps` of them a second and the middle one of every shot.",
    columns=[
        Column("frame", pa.int64(), "Number of the picture in the film, from 0.", at_least=0),
        Column("time_s", pa.float64(), "When it is shown, in seconds of presentation time."),
        Column("shot", pa.int32(), "The shot that it belongs to.", at_least=0),
        Column("is_middle", pa.bool_(), "Whether it is the one that stands for its shot (every shot has one)."),
        Column("width", pa.int32(), "Width of the JPEG in pixels.", at_least=1),
        Column("height", pa.int32(), "Height of the JPEG in pixels.", at_least=1),
        Column("entropy", pa.float32(), "Shannon entropy of the 256 levels of luma, in bits.", False, 0, 8),
        Column("brightness", pa.float32(), "Mean luma, 0 black to 1 white.", at_least=0, at_most=1),
        Column("sharpness", pa.float32(), "Variance of the Laplacian of luma at 320 × 180.", at_least=0),
        Column("jpeg", pa.binary(), "The picture as JPEG."),
    ],
    key=("frame",),
    measures=[
        Measure("black_share", "avg((brightness < 0.05)::INTEGER)", "Share of pictures with a mean luma below 0.05."),
        Measure("brightness", "avg(brightness)", "Mean luma."),
        Measure("sharpness", "median(sharpness)", "Median sharpness."),
    ],
)


class FramesParams(Params):
    """Parameters of `frames`."""

    fps: float = Field(1.0, gt=0)
    """Pictures a second: the first at or after each multiple of 1/fps."""
    max_width: int = Field(640, ge=16)
    """Pictures are made no wider than this; memory of a run grows with its square."""
    jpeg_quality: int = Field(85, ge=1, le=100)
    """Quality of the JPEG, 1 to 100."""


def reads(params: FramesParams) -> VideoStream:
    """Planar YUV in the film's own matrix and range: half the bytes of RGB; only what is kept becomes RGB."""
    return VideoStream(max_width=params.max_width, pixel_format="yuv420p")


@task(
    writes=FRAMES,
    reads=reads,
    params=FramesParams,
    version=1,
    follows=("shots",),
    roles=[Pictures("frame", "time_s", "jpeg", of_still), FromStills("pictures", READS, labelled_pictures)],
)
class SampleFrames:
    """Sample pictures regularly and in the middle of every shot; measure and compress them."""

    def __init__(self, params: FramesParams, film: Film) -> None:
        self.params, self.film = params, film
        self.colours = colours_of(film.probe.video if film.probe else None)
        self.shots: deque[tuple[int, int, int]] = deque()  # (shot, start, end), those not yet passed
        self.open_start = 0  # where the first undecided shot begins
        self.head = -1
        self.last_tick = -1
        self.candidates: MiddleCandidates | None = None
        self.middles: set[int] = set()  # of shots that are decided but whose pictures are still to come
        self.samples: dict[int, WaitingRow] = {}
        self.store = JpegStore()

    def on_rows(self, table: str, batch: pa.RecordBatch | None) -> None:
        """Shots that are decided."""
        if batch is None:
            return
        columns = (batch[name].to_pylist() for name in ("shot", "start_frame", "end_frame"))
        for shot, start, end in zip(*columns, strict=True):
            self.shots.append((shot, start, end))
            self.open_start = end
            if self.candidates is not None:
                self._settle(start, end)

    def _settle(self, start: int, end: int) -> None:
        """Take the middle of a decided shot from the candidates, or wait for its picture."""
        assert self.candidates is not None
        middle = middle_frame(start, end, self.candidates.exact)
        if middle > self.head:
            self.middles.add(middle)
        elif middle not in self.samples:
            if middle not in self.candidates.pictures:
                raise InputChanged(f"the middle, {middle}, of the shot {start}–{end} came after it was let go")
            self._sample(middle, *self.candidates.pictures[middle])
        self.candidates.forget(end)

    def on_batch(self, batch: FrameBatch) -> Iterator[pa.RecordBatch]:
        """Sample what is due, keep candidates, and emit the rows whose shot is known."""
        assert batch.pixels is not None
        if self.candidates is None and len(batch):
            self._start(batch.pixels[0].nbytes)
        for index in range(len(batch)):
            self._see(int(batch.frames[index]), float(batch.times_s[index]), batch.pixels[index])
        if self.candidates is not None:
            self.candidates.thin(self.open_start, self.head)
        yield from self._ready(ROWS_TOGETHER)

    def _start(self, picture_bytes: int) -> None:
        self.candidates = MiddleCandidates(exact_length(picture_bytes))
        for _, start, end in self.shots:
            self._settle(start, end)

    def _see(self, frame: int, time_s: float, seen: PixelArray) -> None:
        assert self.candidates is not None
        self.head = frame
        tick = int(np.floor(time_s * self.params.fps + 1e-6))
        is_due, is_candidate = tick > self.last_tick or frame in self.middles, frame >= self.open_start
        self.middles.discard(frame)
        self.last_tick = max(tick, self.last_tick)
        if is_due:
            self._sample(frame, time_s, seen)
        if is_candidate:
            self.candidates.add(frame, time_s, seen)

    def _sample(self, frame: int, time_s: float, picture: PixelArray) -> None:
        luma = luma_of(picture, self.colours)
        place = self.store.put(jpeg_of(bgr_of(picture, self.colours), self.params.jpeg_quality))
        size = (luma.shape[1], luma.shape[0])
        self.samples[frame] = WaitingRow(frame, time_s, measure(luma), size, place)

    def finish(self) -> Iterator[pa.RecordBatch]:
        """The rows that still wait."""
        yield from self._ready(1)
        if self.samples:
            first, count = min(self.samples), len(self.samples)
            raise InputChanged(f"no shot holds {count} of the pictures, from frame {first} on")

    def _ready(self, at_least: int) -> Iterator[pa.RecordBatch]:
        """Rows, in order, of the shots that are decided and whose pictures have all passed."""
        ready: list[dict[str, Any]] = []
        passed = min(self.head + 1, self.open_start)
        due = sorted(frame for frame in self.samples if frame < passed)
        if len(due) < at_least:
            return
        for frame in due:
            ready.append(self._row(self.samples.pop(frame)))
            if len(ready) == ROWS_TOGETHER:
                yield self._batch(ready)
                ready = []
        if ready:
            yield self._batch(ready)

    def _row(self, sample: WaitingRow) -> dict[str, Any]:
        assert self.candidates is not None
        while self.shots[0][2] <= sample.frame:
            self.shots.popleft()
        shot, start, end = self.shots[0]
        return {
            "frame": sample.frame,
            "time_s": sample.time_s,
            "shot": shot,
            "is_middle": sample.frame == middle_frame(start, end, self.candidates.exact),
            "width": sample.size[0],
            "height": sample.size[1],
            **sample.measures,
            "jpeg": self.store.take(sample.place),
        }

    def _batch(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        return FRAMES.batch(self.film.movie_id, **{name: [row[name] for row in rows] for name in rows[0]})
