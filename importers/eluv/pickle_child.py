"""The process in which pickles are read: it answers each with what it holds, as JSON and raw arrays.

A pickle is a program, run by `pickle.Unpickler`. Of all instructions only those that build data are let through, and of
all names that it may ask for only those that tensors and arrays need; each stands for a harmless object of this file,
so nothing is imported or called on a pickle's behalf. What a pickle builds is bounded: instructions, bytes,
dimensions, pickles within pickles; and should that not hold, by the system: the process's memory and its time.

Run as a file by `importers.eluv.pickles`, which knows the messages; imports nothing but NumPy.
"""

from __future__ import annotations

import base64
import gc
import io
import json
import math
import os
import pickle
import pickletools
import re
import resource
import signal
import socket
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_INSTRUCTIONS = 2_000_000
MAX_DIMENSIONS = 8
MAX_DEPTH = 8
NESTED = 2
"""Pickles within pickles: a tensor's storage in a plain pickle is one."""
SLACK_BYTES = 64 << 20
COPIES = 8
"""What is built may take this many times the file's size (texts become bytes, bytes arrays), and the slack; the process
may take twice that, with the file itself and what is in transit."""
MAGIC = 0x1950A86A20F9469CFC6C
"""How a file of `torch.save` begins in the form before the zip (torch/serialization.py)."""
HEADER = struct.Struct("<QQ")
"""Before a request: the pickle's bytes and the deadline in seconds. Before an answer: bytes of JSON and of arrays."""

OUT_OF_MEMORY = 12
"""The exit code of this process for want of memory (ENOMEM)."""
TOO_MUCH = "it asks for more memory than a file of its size can need"

STORAGES = {
    f"{kind}Storage": np.dtype(code)
    for kind, code in {
        "Float": "<f4",
        "Double": "<f8",
        "Half": "<f2",
        "Long": "<i8",
        "Int": "<i4",
        "Short": "<i2",
        "Char": "i1",
        "Byte": "u1",
        "Bool": "?",
    }.items()
}
DATA_INSTRUCTIONS = frozenset({
    "PROTO", "FRAME", "STOP", "MARK", "POP", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET",
    "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS",
    "EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPERSID",
})  # fmt: skip
"""REDUCE calls what `find_class` returned, BUILD sets the state of what that made: both are objects of this file."""
_DTYPE = re.compile(r"[<>|=]?[?biuf][1248]?")
_DAMAGED = (pickle.UnpicklingError, zipfile.BadZipFile, struct.error, ValueError, TypeError, LookupError, EOFError,
            AttributeError, ArithmeticError, RuntimeError, OSError)  # fmt: skip
"""What the readers of the standard library raise for files that are damaged."""


class Refused(Exception):
    """A pickle that is not read, and why."""


class Inert:
    """What stands on a pickle's stack for an object of elsewhere; BUILD cannot change it."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise Refused("it sets the state of something that is not known")


class Storage(Inert):
    """Numbers that tensors are views of; `data` comes later in files of `torch.save`."""

    __slots__ = ("count", "data", "dtype")

    def __init__(self, dtype: np.dtype[Any], count: int):
        self.dtype, self.count = dtype, count
        self.data: npt.NDArray[Any] | None = None

    def fill(self, data: bytes) -> None:
        """Set the numbers. Raises `Refused` where they are not as many as was declared."""
        if len(data) != self.count * self.dtype.itemsize:
            raise Refused(f"a storage of {self.count} {self.dtype} has {len(data)} bytes")
        self.data = np.frombuffer(data, self.dtype)


class Tensor(Inert):
    """A view of a storage."""

    __slots__ = ("offset", "size", "storage", "stride")

    def __init__(self, storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]):
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def read(self) -> npt.NDArray[Any]:
        """The view as an array. Raises `Refused` where it reaches beyond the storage."""
        storage, is_empty = self.storage, not math.prod(self.size)
        if storage.data is None:
            raise Refused("a tensor's numbers are not in the file")
        last = self.offset + sum((size - 1) * step for size, step in zip(self.size, self.stride, strict=True))
        if not is_empty and last >= storage.count:
            raise Refused(f"a tensor reaches to number {last} of a storage of {storage.count}")
        strides = [step * storage.dtype.itemsize for step in self.stride]
        start = storage.data[:0] if is_empty else storage.data[self.offset :]
        return np.lib.stride_tricks.as_strided(start, self.size, strides, writeable=False)


class NumpyType(Inert):
    """A type of plain numbers; its state is the byte order."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: np.dtype[Any]):
        self.dtype = dtype

    def __setstate__(self, state: Any) -> None:
        self.dtype = self.dtype.newbyteorder(">" if state[1] == ">" else "<")


class NumpyArray(Inert):
    """An array whose numbers come with its state, or did."""

    __slots__ = ("array", "budget")

    def __init__(self, budget: Budget, array: npt.NDArray[Any] | None = None):
        self.budget, self.array = budget, array

    def __setstate__(self, state: Any) -> None:
        _version, shape, dtype, is_fortran, data = state
        self.array = _from_buffer(self.budget, data, dtype, shape, "F" if is_fortran else "C").array


class Known(Inert):
    """A global that is known; `stand_in` is called in its place, None where it is only passed on."""

    __slots__ = ("name", "stand_in")

    def __init__(self, name: str, stand_in: Callable[..., Any] | None):
        self.name, self.stand_in = name, stand_in

    def __call__(self, *arguments: Any) -> Any:
        if self.stand_in is None:
            raise Refused("it calls something that is not known")
        return self.stand_in(*arguments)


class Budget:
    """What may still be built."""

    def __init__(self, size: int):
        self.bytes_left, self.instructions_left = size * COPIES + SLACK_BYTES, MAX_INSTRUCTIONS

    def take(self, size: int) -> None:
        """So many bytes more. Raises `Refused` where that is too much."""
        self.bytes_left -= size
        if size < 0 or self.bytes_left < 0:
            raise Refused(TOO_MUCH)

    def step(self) -> None:
        """One instruction or value more. Raises `Refused` where that is too much."""
        self.instructions_left -= 1
        if self.instructions_left < 0:
            raise Refused(f"it has more than {MAX_INSTRUCTIONS} instructions")


class DataUnpickler(pickle.Unpickler):
    """Builds data; `nested` reads a pickle within it, `stored` is called for every storage that it refers to."""

    def __init__(
        self, data: bytes, budget: Budget, nested: Callable[[bytes], Any], stored: Callable[[str, Storage], None] | None
    ):
        super().__init__(io.BytesIO(data), fix_imports=False, encoding="latin1")
        self._budget, self._nested, self._stored = budget, nested, stored
        self._storages: dict[str, Storage] = {}
        numpy_cores = ("numpy.core", "numpy._core")
        self._stand_ins: dict[str, Callable[..., Any] | None] = {
            "collections.OrderedDict": self._ordered,
            "_codecs.encode": self._encoded,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch.storage._load_from_bytes": self._loaded,
            "__builtin__.bytes": self._no_bytes,
            "torch.Size": self._size,
            **dict.fromkeys((f"{core}.multiarray._reconstruct" for core in numpy_cores), self._new_array),
            **dict.fromkeys((f"{core}.numeric._frombuffer" for core in numpy_cores), self._array),
            **dict.fromkeys(f"torch.{name}" for name in STORAGES),
            "numpy.ndarray": None,
            "numpy.dtype": self._dtype,
        }

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of a name. Raises `Refused` for all but those that tensors and arrays need."""
        full = f"{module}.{name}"
        if full not in self._stand_ins:
            raise Refused(f"it asks for {full[:200]!r}")
        return Known(full, self._stand_ins[full])

    def persistent_load(self, about: Any) -> Storage:
        """`('storage', type, key, device, count[, view])`, as `torch.save` names a storage."""
        if self._stored is None or not isinstance(about, tuple) or len(about) < 5 or about[0] != "storage":
            raise Refused("it refers to something outside of itself")
        _, kind, key, _, count, *view = about
        if not isinstance(kind, Known) or kind.name.removeprefix("torch.") not in STORAGES or (view and view[0]):
            raise Refused("it has a storage of a kind that is not read")
        if not isinstance(key, str) or type(count) is not int or count < 0:
            raise Refused("a storage's name or length is invalid")
        if key not in self._storages:
            self._storages[key] = Storage(STORAGES[kind.name.removeprefix("torch.")], count)
            self._stored(key, self._storages[key])
        return self._storages[key]

    def _ordered(self, *arguments: Any) -> dict[str, Any]:
        if arguments:
            raise Refused("an OrderedDict is made from something")
        return {}

    def _no_bytes(self, *arguments: Any) -> bytes:
        """How the first protocols write bytes of which there are none."""
        if arguments:
            raise Refused("bytes are made from something")
        return b""

    def _size(self, sizes: Any) -> tuple[Any, ...]:
        if not isinstance(sizes, tuple | list):
            raise Refused("a tensor's size is invalid")
        return tuple(sizes)

    def _encoded(self, text: Any, encoding: Any = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise Refused(f"it encodes a text as {str(encoding)[:40]!r}")
        self._budget.take(len(text))
        return text.encode("latin1")

    def _loaded(self, data: Any) -> Storage:
        if not isinstance(data, bytes):
            raise Refused("a storage is made from something other than bytes")
        storage = self._nested(data)
        if not isinstance(storage, Storage):
            raise Refused("a tensor's storage holds something else")
        return storage

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
        is_view = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= MAX_DIMENSIONS
        numbers = [offset, *size, *stride] if is_view else [-1]
        if not isinstance(storage, Storage) or not all(type(n) is int and 0 <= n < 1 << 40 for n in numbers):
            raise Refused("a tensor's storage, size or stride is invalid")
        return Tensor(storage, offset, size, stride)

    def _new_array(self, *_: Any) -> NumpyArray:
        return NumpyArray(self._budget)

    def _dtype(self, code: Any, *_: Any) -> NumpyType:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            raise Refused(f"it has an array of {str(code)[:40]!r}, which are no plain numbers")
        return NumpyType(np.dtype(code))

    def _array(self, data: Any, dtype: Any, shape: Any, order: Any) -> NumpyArray:
        return _from_buffer(self._budget, data, dtype, shape, order)


def _from_buffer(budget: Budget, data: Any, dtype: Any, shape: Any, order: Any) -> NumpyArray:
    is_known = isinstance(dtype, NumpyType) and isinstance(data, bytes | bytearray)
    if not is_known or not isinstance(shape, tuple) or len(shape) > MAX_DIMENSIONS or order not in ("C", "F"):
        raise Refused("an array's numbers, type or shape are invalid")
    budget.take(len(data))
    return NumpyArray(budget, np.frombuffer(bytes(data), dtype.dtype).reshape(shape, order=order))


class Stream:
    """Pickles that follow one another in some bytes, and what is between them."""

    def __init__(self, data: bytes, budget: Budget, nested: Callable[[bytes], Any]):
        self._source, self._budget, self._nested = io.BytesIO(data), budget, nested

    def load(self, stored: Callable[[str, Storage], None] | None = None) -> Any:
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
        if any(info.compress_type != zipfile.ZIP_STORED or info.file_size > len(data) for info in entries.values()):
            raise Refused("its parts are compressed, as torch.save never does")
        if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
            raise Refused("its numbers are big-endian")

        def stored(key: str, storage: Storage) -> None:
            info = entries[f"data/{key}"]
            budget.take(info.file_size)
            storage.fill(archive.read(info))

        return Stream(archive.read(entries["data.pkl"]), budget, nested).load(stored)


def _read_legacy(stream: Stream) -> Any:
    """`torch.save` before the zip: magic, protocol, system, the object, the storages' keys, their numbers."""
    storages: dict[str, Storage] = {}
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


class Answer:
    """A value as JSON, with its arrays beside it: `[kind, …]` for all that JSON itself does not have."""

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
        array = value.read() if isinstance(value, Tensor) else getattr(value, "array", None)
        if array is None:
            raise Refused(f"it holds a {type(value).__name__.lower()} where data should be")
        self._budget.take(array.nbytes)
        self.arrays.append(np.array(array, order="C"))
        return ["array", array.dtype.str, *array.shape]

    def _key(self, key: Any) -> str | int:
        if not isinstance(key, str | int):
            raise Refused(f"a key of a dict is a {type(key).__name__}, expected a text")
        return key


def answer(data: bytes) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
    """What is in a pickle, or why it is refused."""
    budget = Budget(len(data))
    built = Answer(budget)
    try:
        return {"value": built.encode(read(data, budget))}, built.arrays
    except Refused as refused:
        return {"refused": str(refused)}, []
    except _DAMAGED as error:
        return {"refused": f"it is damaged or no pickle ({type(error).__name__}: {str(error)[:200]})"}, []


def serve(connection: socket.socket) -> None:
    """Answer until the other end is closed; the process's memory and time are limited anew for each pickle."""
    with connection.makefile("rwb") as stream:
        while header := stream.read(HEADER.size):
            size, deadline_s = HEADER.unpack(header)
            signal.alarm(deadline_s)
            _limit_memory(2 * (size * COPIES + SLACK_BYTES))
            about, arrays = answer(stream.read(size))
            text = json.dumps(about).encode()
            stream.write(HEADER.pack(len(text), sum(array.nbytes for array in arrays)) + text)
            for array in arrays:
                stream.write(array.reshape(-1).view(np.uint8).data)
            stream.flush()
            signal.alarm(0)
            del about, arrays, text
            gc.collect()  # an unpickler and its stand-ins refer to one another


def _limit_memory(more: int) -> None:
    """Let this process take so many bytes more than it has: beyond, it gets a `MemoryError`."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * os.sysconf("SC_PAGE_SIZE") + more
    resource.setrlimit(resource.RLIMIT_AS, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        serve(socket.socket(fileno=int(sys.argv[1])))
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
