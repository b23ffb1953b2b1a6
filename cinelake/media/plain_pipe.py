"""Large pictures leave ffmpeg bare, in a pipe of their own, and are read from it straight into their batch's memory.

In a container each would be copied three times more: into its packet by ffmpeg, and out of it here. Nothing in such a
pipe says when a picture is shown: all have one size, and picture n is the n-th of the clock. Pictures in a format that
YUV4MPEG2 knows have its mark before each: ffmpeg writes those out of the decoder's memory, without making packets.

The pipe is a pair of sockets: the kernel has a pipe's pages one by one, and those of a socket by eight at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

PIPE_BYTES = 1 << 20
SOCKET_BYTES = 4 << 20
"""How much a plain pipe may hold. A system may grant less, and then counts what it takes for itself too."""
READ_BYTES = 2 << 20
"""The kernel gathers so much, or the rest of a batch, before it wakes the reader, who has to wait for Python then."""

Y4M_MARK = b"FRAME\n"
"""What stands before each picture in YUV4MPEG2 (the project MJPEG tools, yuv4mpeg(5))."""

SPARE_BATCHES, SPARE_BYTES = 4, 96 << 20
"""How many batches that nobody needs are kept for the next ones: so many in any case, more while they take no more.

What waits grows and shrinks with every shot: memory given back would come fresh from the kernel at the next."""
IDLE_REFERENCES = 2
"""What `sys.getrefcount` says of an array that only its list refers to (it counts its own argument)."""


class PipeThread(threading.Thread):
    """A thread that reads one pipe to its end, and closes it. `error` is what stopped it, other than the pipe's end."""

    def __init__(self, name: str, fd: int):
        super().__init__(name=name, daemon=True)
        self.fd = fd
        self.beat = time.monotonic()
        self.error: BaseException | None = None
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def run(self) -> None:
        """Read until the pipe ends."""
        try:
            self.drain()
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits for this one
            self.error = error
        finally:
            os.close(self.fd)

    @property
    def end_s(self) -> float:
        """When what was read ends, in seconds of the film; 0 where the pipe does not say it."""
        return 0.0

    def drain(self) -> None:
        """Take all that comes out of the pipe."""
        raise NotImplementedError


def plain_pipe() -> tuple[int, int]:
    """The ends of a pipe for large pictures, to read and to write, as descriptors that no other process inherits."""
    reading, writing = socket.socketpair()
    writing.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
    reading.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, READ_BYTES)
    reading.shutdown(socket.SHUT_WR)
    return reading.detach(), writing.detach()


class BatchMemory:
    """Memory for batches of one shape, used again once nobody looks at the batch: new memory costs as much as a copy.

    What is given out is referred to here and by whoever has it or a part of it (NumPy's parts refer to the whole), so
    its count of references says when it is free.
    """

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape
        self._spare = max(SPARE_BATCHES, SPARE_BYTES // max(1, math.prod(shape)))
        self._known: list[npt.NDArray[np.uint8]] = []

    def take(self) -> npt.NDArray[np.uint8]:
        """An array that nobody else has, its values undefined; of the others that are free, some are kept."""
        free = [index for index in range(len(self._known)) if sys.getrefcount(self._known[index]) == IDLE_REFERENCES]
        for index in reversed(free[self._spare :]):
            del self._known[index]
        if free:
            return self._known[free[0]]
        self._known.append(np.empty(self.shape, np.uint8))
        return self._known[-1]


class PlainPipe(PipeThread):
    """Reads bare pictures, or those of YUV4MPEG2. count: how many are there whole.

    shape: of a batch; on_batch is called whenever one has become full.
    """

    def __init__(self, fd: int, shape: tuple[int, ...], on_batch: Callable[[], None], in_y4m: bool = False):
        super().__init__("pictures", fd)
        self._picture, self._on_batch = shape[1:], on_batch
        self._mark = Y4M_MARK if in_y4m else b""
        self._memory = BatchMemory((shape[0], len(self._mark) + math.prod(self._picture)))
        self._filled: dict[int, npt.NDArray[np.uint8]] = {}
        self.count = 0

    def drain(self) -> None:
        """Fill batch after batch; a picture that the pipe's end cuts off does not count: ffmpeg's end says why."""
        if self._mark:
            self._skip_line()
        size, read = self._memory.shape[1], 0
        for number in itertools.count():
            pixels = self._filled[number] = self._memory.take()
            room = pixels.data.cast("B")
            while len(room):
                got = os.readv(self.fd, [room])
                if not got:
                    return
                self.beat = time.monotonic()
                read, room = read + got, room[got:]
                self.count = read // size
            self._on_batch()

    def _skip_line(self) -> None:
        """Read what stands before the first picture."""
        while os.read(self.fd, 1) not in (b"", b"\n"):
            self.beat = time.monotonic()

    def batch(self, number: int, count: int) -> npt.NDArray[np.uint8]:
        """The first `count` pictures of a batch, once. Raises `ValueError` where one does not begin with its mark."""
        pixels = self._filled.pop(number)[:count]  # a part even where it is all: what is taken again may be written
        ends = len(self._mark)
        if (pixels[:, :ends] != np.frombuffer(self._mark, np.uint8)).any():
            raise ValueError(f"a picture of batch {number} does not begin with {self._mark!r}")
        return pixels[:, ends:].reshape(count, *self._picture)
