"""Reads pickles of plain data and arrays without executing anything, and without PyTorch.

    pickle.dump of dicts of tensors or arrays     every protocol; tensors hold `torch.save` files inside
    torch.save                                    the zip form (since 1.6) and the one before it

They are read in a process of their own, with little memory and a deadline (`cinelake.lake.pickles.child`). What comes
back is JSON and the numbers of arrays. One process reads all files; one that a file killed is replaced.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import io
import json
import math
import os
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.pickles import child
from cinelake.lake.pickles.child import HEADER
from cinelake.lake.pickles.unpickler import TOO_MUCH
from cinelake.storage.processes import import_path, module_command, plain_environment

MAX_FILE_BYTES = 4 << 30
DEADLINE_S = 60
BYTES_PER_S = 10_000_000
"""The deadline of a pickle: `DEADLINE_S`, and a second more for each of so many bytes."""


def read_pickle(path: Path) -> Any:
    """What the file holds: dicts, lists, tuples, texts, numbers, and arrays for its tensors.

    Raises `ModelUnusable` for everything else, naming the global that the pickle asked for; nothing is executed.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise _refused(str(path), f"it has {size} bytes, more than {MAX_FILE_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read: {error.strerror or error}") from error
    return read_pickle_bytes(data, str(path))


def read_pickle_bytes(data: bytes, where: str = "the pickle") -> Any:
    """The same from bytes."""
    about, numbers = _READER.request(data, where)
    if "refused" in about:
        raise _refused(where, about["refused"])
    return _decoded(about["value"], io.BytesIO(numbers))


def _refused(where: str, why: str) -> ModelUnusable:
    """The error for a pickle that is not read."""
    return ModelUnusable(f"{where}: {why}. Only plain data, tensors and arrays are read from pickles; nothing was run")


class _Reader:
    """The process that reads, started when it is first needed and whenever it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        """Who started it: after a fork, the child starts one of its own."""

    def request(self, data: bytes, where: str) -> tuple[dict[str, Any], bytes]:
        """The reply for one pickle: its content as JSON, and the numbers of all arrays. Raises `ModelUnusable`."""
        deadline_s = DEADLINE_S + len(data) // BYTES_PER_S
        with self._lock:
            if self._process is None or self._owner != os.getpid():
                self._start()
            try:
                self._stream.write(HEADER.pack(len(data), deadline_s))
                self._stream.write(data)
                self._stream.flush()
                text_bytes, number_bytes = HEADER.unpack(self._stream.read(HEADER.size))
                about: dict[str, Any] = json.loads(self._read(text_bytes))
                return about, self._read(number_bytes)
            except (OSError, EOFError, struct.error) as error:
                raise _refused(where, _why_died(self.stop(), deadline_s)) from error
            except BaseException:  # the rest of a half-read reply cannot be skipped
                self.stop()
                raise

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = module_command(child.__name__, str(theirs.fileno()))
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**plain_environment(), **import_path(), "OPENBLAS_NUM_THREADS": "1"},  # threads would take memory
                start_new_session=True,
            )
        self._owner = os.getpid()
        with ours:
            self._stream = ours.makefile("rwb")

    def _read(self, size: int) -> bytes:
        content: bytes = self._stream.read(size)
        if len(content) < size:
            raise EOFError
        return content

    def stop(self) -> int:
        """End the process; returns its exit code, below zero the signal that ended it."""
        if self._process is None or self._owner != os.getpid():
            return 0
        with contextlib.suppress(OSError):
            self._stream.close()
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._process = None
        return code


def _why_died(code: int, deadline_s: int) -> str:
    if code == -signal.SIGALRM:
        return f"it is not read within {deadline_s} s"
    if code == child.OUT_OF_MEMORY:
        return TOO_MUCH
    return f"the process that read it died ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"


_READER = _Reader()
atexit.register(_READER.stop)


def _decoded(value: Any, numbers: io.BytesIO) -> Any:
    """A value as `child.ValueEncoder` encoded it; the numbers of its arrays come one after another."""
    if not isinstance(value, list):
        return value
    kind, *parts = value
    if kind == "bytes":
        return base64.b64decode(parts[0])
    if kind == "array":
        dtype, *shape = parts
        size = math.prod(shape) * np.dtype(dtype).itemsize
        return np.frombuffer(numbers.read(size), dtype).reshape(shape).copy()
    if kind == "dict":
        return {key: _decoded(part, numbers) for key, part in parts}
    items = [_decoded(part, numbers) for part in parts]
    return tuple(items) if kind == "tuple" else items
