"""The process in which pickles are read: it replies to each with its content, as JSON and raw arrays.

Nothing in a pickle is executed (see `cinelake.lake.pickles.unpickler`), and should the bounds there fail, the system
limits the process's memory and time, and lets it write no file, run no program and connect nowhere.
`cinelake.lake.pickles.reader` starts it. It imports nothing but NumPy.
"""

from __future__ import annotations

import base64
import gc
import io
import json
import os
import pickle
import pickletools
import resource
import signal
import socket
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cinelake.lake.pickles.unpickler import (
    COPIES,
    DATA_INSTRUCTIONS,
    SLACK_BYTES,
    Budget,
    DataUnpickler,
    NumpyArray,
    Refused,
    Tensor,
    TensorStorage,
)
from cinelake.storage.processes import confine_this_process

MAX_DEPTH = 8
NESTED = 2
"""Pickles within pickles: a tensor's storage in a plain pickle is one."""
MAGIC = 0x1950A86A20F9469CFC6C
"""How a file of `torch.save` begins in the form before the zip (torch/serialization.py)."""
HEADER = struct.Struct("<QQ")
"""Before a request: the pickle's bytes and the deadline in seconds. Before a reply: bytes of JSON and of arrays."""

ENCRYPTED = 0x1
"""The flag of a zip file's encrypted part (APPNOTE.TXT, 4.4.4)."""
OUT_OF_MEMORY = 12
"""The exit code of this process when it is out of memory (ENOMEM)."""
_DAMAGED = (pickle.UnpicklingError, zipfile.BadZipFile, struct.error, ValueError, TypeError, LookupError, EOFError,
            AttributeError, ArithmeticError, RuntimeError, OSError, zlib.error)  # fmt: skip
"""What the readers of the standard library raise for files that are damaged."""


class Stream:
    """Pickles that follow one another in some bytes, and what is between them."""

    def __init__(self, data: bytes, budget: Budget, nested: Callable[[bytes], Any]):
        self._source, self._budget, self._nested = io.BytesIO(data), budget, nested

    def load(self, stored: Callable[[str, TensorStorage], None] | None = None) -> Any:
        """The next pickle. Raises `Refused` and what `pickle.Unpickler` raises."""
        start = self._source.tell()
        end = self._end_of_pickle()
        self._source.seek(start)
        return DataUnpickler(self._source.read(end - start), self._budget, self._nested, stored).load()

    def _end_of_pickle(self) -> int:
        for opcode, _, _ in pickletools.genops(self._source):
            self._budget.step()
            if opcode.name not in DATA_INSTRUCTIONS:
                raise Refused(f"instruction {opcode.name} makes more than data")
        return self._source.tell()

    def read(self, size: int) -> bytes:
        """The next bytes."""
        self._budget.take(size)
        return self._source.read(size)


def read(data: bytes, budget: Budget, depth: int = 0) -> Any:
    """What a pickle, or a file of `torch.save`, holds."""
    if depth > NESTED:
        raise Refused(f"pickles are nested more than {NESTED} deep")

    def nested(part: bytes) -> Any:
        return read(part, budget, depth + 1)

    if data[:4] == b"PK\x03\x04":
        return _read_zip(data, budget, nested)
    stream = Stream(data, budget, nested)
    first = stream.load()
    return _read_legacy(stream) if type(first) is int and first == MAGIC else first


def _read_zip(data: bytes, budget: Budget, nested: Callable[[bytes], Any]) -> Any:
    """`torch.save` since 1.6: `NAME/data.pkl` beside `NAME/data/KEY`, never compressed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {info.filename.split("/", 1)[-1]: info for info in archive.infolist()}
        if any(info.flag_bits & ENCRYPTED for info in entries.values()):
            raise Refused("its parts are encrypted, as torch.save never does")
        if "data.pkl" not in entries:
            raise Refused("it is a zip file without a data.pkl, which torch.save writes into each")
        if any(info.compress_type != zipfile.ZIP_STORED or info.file_size > len(data) for info in entries.values()):
            raise Refused("its parts are compressed, as torch.save never does")
        if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
            raise Refused("its numbers are big-endian")

        def stored(key: str, storage: TensorStorage) -> None:
            info = entries[f"data/{key}"]
            budget.take(info.file_size)
            storage.fill(archive.read(info))

        return Stream(archive.read(entries["data.pkl"]), budget, nested).load(stored)


def _read_legacy(stream: Stream) -> Any:
    """`torch.save` before the zip: magic, protocol, system, the object, the storages' keys, their numbers."""
    storages: dict[str, TensorStorage] = {}
    stream.load()
    system = stream.load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("its numbers are big-endian")
    value = stream.load(storages.__setitem__)
    for key in stream.load():
        storage = storages[key]
        (count,) = struct.unpack("<q", stream.read(8))
        if count != storage.count:
            raise Refused(f"a storage has {count} numbers, its header says {storage.count}")
        storage.fill(stream.read(count * storage.dtype.itemsize))
    return value


class ValueEncoder:
    """Encodes a value as JSON, with its arrays beside it: `[kind, …]` for all that JSON itself does not have."""

    def __init__(self, budget: Budget):
        self._budget = budget
        self.arrays: list[npt.NDArray[Any]] = []

    def encode(self, value: Any, depth: int = 0) -> Any:
        """Tensors as arrays, in dicts, lists and tuples that are not too deep. Raises `Refused` for all else."""
        self._budget.step()
        if depth > MAX_DEPTH:
            raise Refused(f"its data are nested more than {MAX_DEPTH} deep")
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, bytes):
            return ["bytes", base64.b64encode(value).decode()]
        if isinstance(value, dict):
            return ["dict", *([self._key(key), self.encode(part, depth + 1)] for key, part in value.items())]
        if isinstance(value, list | tuple):
            return [type(value).__name__, *(self.encode(part, depth + 1) for part in value)]
        array = value.read() if isinstance(value, Tensor) else value.array if isinstance(value, NumpyArray) else None
        if array is None:
            kind = "storage" if isinstance(value, TensorStorage) else type(value).__name__.lower()
            raise Refused(f"it holds a {kind} where data should be")
        self._budget.take(array.nbytes)
        self.arrays.append(np.array(array, order="C"))
        return ["array", array.dtype.str, *array.shape]

    def _key(self, key: Any) -> str | int:
        if not isinstance(key, str | int):
            raise Refused(f"a key of a dict is a {type(key).__name__}, expected a text")
        return key


def reply(data: bytes) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
    """The content of a pickle and its arrays, or why it is refused."""
    budget = Budget(len(data))
    encoder = ValueEncoder(budget)
    try:
        return {"value": encoder.encode(read(data, budget))}, encoder.arrays
    except Refused as refused:
        return {"refused": str(refused)}, []
    except _DAMAGED as error:
        return {"refused": f"it is damaged or no pickle ({type(error).__name__}: {str(error)[:200]})"}, []


def serve(connection: socket.socket) -> None:
    """Reply until the other end is closed; the process's memory and time are limited anew for each pickle."""
    with connection.makefile("rwb") as stream:
        while header := stream.read(HEADER.size):
            size, deadline_s = HEADER.unpack(header)
            signal.alarm(deadline_s)
            _limit_memory(2 * (size * COPIES + SLACK_BYTES))
            about, arrays = reply(stream.read(size))
            text = json.dumps(about).encode()
            stream.write(HEADER.pack(len(text), sum(array.nbytes for array in arrays)) + text)
            for array in arrays:
                stream.write(array.reshape(-1).view(np.uint8).data)
            stream.flush()
            signal.alarm(0)
            del about, arrays, text
            gc.collect()  # an unpickler and its stand-ins refer to one another


def _limit_memory(extra_bytes: int) -> None:
    """Limit this process to so many bytes more than it has now; beyond, it gets a `MemoryError`."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, maximum = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * os.sysconf("SC_PAGE_SIZE") + extra_bytes
    resource.setrlimit(
        resource.RLIMIT_AS, (limit if maximum == resource.RLIM_INFINITY else min(limit, maximum), maximum)
    )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    confine_this_process([sys.prefix, sys.base_prefix, "/proc/self"])
    gc.freeze()  # what is imported stays, and need not be looked at after each pickle
    try:
        serve(socket.socket(fileno=int(sys.argv[1])))
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
