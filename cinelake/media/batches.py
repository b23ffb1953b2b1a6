"""What a stream task receives, pictures with exact times or sound, and the queue out of which it receives it.

A consumer has a thread and a bounded queue of its own, so that none waits for another. One that raises is dropped, with
what it raised; so is one that makes no progress for `stall_s` while others wait for room in its queue. A merely slow
one slows the reading down.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from cinelake.errors import DecodeTimeout
from cinelake.spec.task import Stream

if TYPE_CHECKING:
    from cinelake.media.decode_check import DecodeReport

QUEUE_BYTES = 48 << 20
"""How much a consumer's queue may hold; one batch always fits."""


@dataclass(frozen=True)
class FrameBatch:
    """Successive pictures of one stream, in order of presentation.

    frames: (n,) int64, 0-based numbers among all pictures of the film's video stream.
    times_s: (n,) float64, presentation times in seconds from the start of the film.
    durations_s: (n,) float64, how long each is shown (the last one: the nominal duration).
    pixels: (n, height, width, 3) uint8 for rgb24; (n, height, width) for gray;
        (n, height * 3 // 2, width) for yuv420p (planar I420); None for a `VideoClock`.
    """

    frames: npt.NDArray[np.int64]
    times_s: npt.NDArray[np.float64]
    durations_s: npt.NDArray[np.float64]
    pixels: npt.NDArray[np.uint8] | None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def nbytes(self) -> int:
        """Size of frames and pixels in bytes."""
        return self.frames.nbytes + (0 if self.pixels is None else self.pixels.nbytes)


@dataclass(frozen=True)
class SoundBatch:
    """Successive sound. samples: (n, channels) float32 in [-1, 1]; `start_s` is the time of the first."""

    start_sample: int
    start_s: float
    sample_rate: int
    samples: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def nbytes(self) -> int:
        """Size of the samples in bytes."""
        return self.samples.nbytes


Batch = FrameBatch | SoundBatch
Pixels = npt.NDArray[Any]


class Consumer(Protocol):
    """One task, or several that must see the same pictures in step."""

    name: str
    streams: Mapping[str, Stream]
    """What it wants, by labels of its own choice."""

    def on_batches(self, batches: Mapping[str, Batch]) -> None:
        """Take batches by label: pictures of one range of frames together, sound by itself."""

    def finish(self, report: DecodeReport) -> None:
        """Take the report; called only when the film was decoded to its end."""


class ConsumerQueue:
    """The queue and the thread of one consumer."""

    def __init__(self, consumer: Consumer, stall_s: float):
        self.consumer, self.stall_s = consumer, stall_s
        self.error: BaseException | None = None
        self.progress_at = time.monotonic()
        self._queue: deque[tuple[Callable[[], None], int]] = deque()
        self._bytes = 0
        self._closed = False
        self._finishing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=f"consumer-{consumer.name}", daemon=True)
        self._thread.start()

    @property
    def open(self) -> bool:
        """Does the consumer still take anything?"""
        return not self._closed

    def put(self, batches: Mapping[str, Batch], size: int, alive: Callable[[], bool]) -> None:
        """Queue batches; waits for room while `alive()`, and drops a consumer that hangs."""
        with self._changed:
            while self._queue and self._bytes + size > QUEUE_BYTES and not self._closed:
                if not alive():
                    return
                if self.stalled:
                    self._drop(DecodeTimeout(f"{self.consumer.name!r} made no progress for {self.stall_s:g} s"))
                self._changed.wait(0.2)
            self._add(lambda: self.consumer.on_batches(batches), size)

    @property
    def stalled(self) -> bool:
        """Has the consumer been in one call for longer than `stall_s`?"""
        return time.monotonic() - self.progress_at > self.stall_s

    def end(self, report: DecodeReport) -> None:
        """After what is queued, let the consumer take the report."""
        with self._changed:
            self._add(lambda: self._finish(report), 0)

    def wait(self, until: float) -> None:
        """Wait until the consumer has ended; it is dropped when it hangs, or at time `until`."""
        with self._changed:
            while not self._closed:
                if time.monotonic() > until or (self.stalled and not self._finishing):
                    self._drop(DecodeTimeout(f"{self.consumer.name!r} did not end in time"))
                self._changed.wait(0.2)

    def drop(self, error: BaseException | None = None) -> None:
        """Take no more and discard what is queued; the call that is under way may end."""
        with self._changed:
            self._drop(error)

    def join(self, timeout_s: float) -> None:
        """Wait for the call that is under way."""
        self._thread.join(timeout_s)

    def _finish(self, report: DecodeReport) -> None:
        self._finishing = True
        self.consumer.finish(report)
        self.drop()

    def _add(self, call: Callable[[], None], size: int) -> None:
        if not self._closed:
            if not self._queue:
                self.progress_at = time.monotonic()
            self._queue.append((call, size))
            self._bytes += size
            self._changed.notify_all()

    def _drop(self, error: BaseException | None) -> None:
        if not self._closed:
            self.error = error
        self._closed = True
        self._queue.clear()
        self._changed.notify_all()

    def _work(self) -> None:
        while call := self._next():
            try:
                call()
            except Exception as error:  # noqa: BLE001 - kept, and told of this consumer's tables alone
                self.drop(error)
            self.progress_at = time.monotonic()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            call, size = self._queue.popleft()
            self._bytes -= size
            self.progress_at = time.monotonic()
            self._changed.notify_all()
            return call
