"""`pickle.Unpickler` of data alone: whatever a pickle asks for is a harmless object of this file, or refused.

A pickle is a program for a stack machine. Of all instructions only those that build data are let through, and of all
names that it may ask for only those that tensors and arrays need; nothing is imported or called on a pickle's behalf.
What it builds is bounded: instructions, bytes, dimensions.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_INSTRUCTIONS = 2_000_000
MAX_DIMENSIONS = 8
SLACK_BYTES = 64 << 20
COPIES = 8
"""What is built may take this many times the file's size (texts become bytes, bytes arrays), and the slack; the process
may take twice that, with the file itself and what is in transit."""
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


class Refused(Exception):
    """A pickle that is not read, and why."""


class Inert:
    """What represents a foreign object on a pickle's stack; BUILD cannot change it."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise Refused("it sets the state of something that is not known")


class TensorStorage(Inert):
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

    def __init__(self, storage: TensorStorage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]):
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
    """An array whose numbers come with its state or are already present."""

    __slots__ = ("array", "budget")

    def __init__(self, budget: Budget, array: npt.NDArray[Any] | None = None):
        self.budget, self.array = budget, array

    def __setstate__(self, state: Any) -> None:
        _version, shape, dtype, is_fortran, data = state
        self.array = _from_buffer(self.budget, data, dtype, shape, "F" if is_fortran else "C").array


class Ordered(dict[Any, Any]):
    """An `OrderedDict`. Its attribute `_metadata`, versions of layers in a `state_dict` of PyTorch, is left out."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict) or set(state) != {"_metadata"}:
            raise Refused("it sets attributes of an OrderedDict that are not known")


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
        """Spend bytes. Raises `Refused` where that is too much."""
        self.bytes_left -= size
        if size < 0 or self.bytes_left < 0:
            raise Refused(TOO_MUCH)

    def step(self) -> None:
        """Spend one instruction or value. Raises `Refused` where that is too much."""
        self.instructions_left -= 1
        if self.instructions_left < 0:
            raise Refused(f"it has more than {MAX_INSTRUCTIONS} instructions")


class DataUnpickler(pickle.Unpickler):
    """Builds data; `nested` reads a pickle within it, `stored` is called for every storage that it refers to."""

    def __init__(
        self,
        data: bytes,
        budget: Budget,
        nested: Callable[[bytes], Any],
        stored: Callable[[str, TensorStorage], None] | None,
    ):
        super().__init__(io.BytesIO(data), fix_imports=False, encoding="latin1")
        self._budget, self._nested, self._stored = budget, nested, stored
        self._storages: dict[str, TensorStorage] = {}
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

    def persistent_load(self, pid: Any) -> TensorStorage:
        """`('storage', type, key, device, count[, view])`, as `torch.save` names a storage."""
        if self._stored is None or not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise Refused("it refers to something outside of itself")
        _, kind, key, _, count, *view = pid
        if not isinstance(kind, Known) or kind.name.removeprefix("torch.") not in STORAGES or (view and view[0]):
            raise Refused("it has a storage of a kind that is not read")
        if not isinstance(key, str) or type(count) is not int or count < 0:
            raise Refused("a storage's name or length is invalid")
        if key not in self._storages:
            self._storages[key] = TensorStorage(STORAGES[kind.name.removeprefix("torch.")], count)
            self._stored(key, self._storages[key])
        return self._storages[key]

    def _ordered(self, *arguments: Any) -> Ordered:
        if arguments:
            raise Refused("an OrderedDict is made from something")
        return Ordered()

    def _no_bytes(self, *arguments: Any) -> bytes:
        """How the first protocols write empty bytes."""
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

    def _loaded(self, data: Any) -> TensorStorage:
        if not isinstance(data, bytes):
            raise Refused("a storage is made from something other than bytes")
        storage = self._nested(data)
        if not isinstance(storage, TensorStorage):
            raise Refused("a tensor's storage holds something else")
        return storage

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
        is_view = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= MAX_DIMENSIONS
        numbers = [offset, *size, *stride] if is_view else [-1]
        if not isinstance(storage, TensorStorage) or not all(type(n) is int and 0 <= n < 1 << 40 for n in numbers):
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
