"""Large pictures leave ffmpeg bare, in a pipe of their own, and are read from it straight into their batch's memory.

In a container each would be copied three times more: into its packet by ffmpeg, and out of it here. Nothing in such a
pipe says where a picture begins or when it is shown: all have one size, and picture n is the n-th of the clock.

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
    """Reads bare pictures. count: how many are there whole; on_batch is called whenever a batch has become full."""

    def __init__(self, fd: int, memory: BatchMemory, on_batch: Callable[[], None]):
        super().__init__("pictures", fd)
        self._memory, self._on_batch = memory, on_batch
        self._filled: dict[int, npt.NDArray[np.uint8]] = {}
        self.count = 0

    def drain(self) -> None:
        """Fill batch after batch; a picture that the pipe's end cuts off does not count: ffmpeg's end says why."""
        size, read = math.prod(self._memory.shape[1:]), 0
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

    def batch(self, number: int, count: int) -> npt.NDArray[np.uint8]:
        """The first `count` pictures of a batch, once."""
        return self._filled.pop(number)[:count]  # a part even where it is all: what is taken again may be written
