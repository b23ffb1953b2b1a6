"""Reads pickles of plain data and arrays without executing anything, and without PyTorch.

A pickle is a program for a stack machine. This machine knows the instructions that build data and the few names that
tensors and arrays need, each replaced by a harmless function of this file; whatever else a pickle names is refused,
and nothing is ever imported or called on its behalf. It reads

    pickle.dump of dicts of tensors or arrays     every protocol; tensors hold `torch.save` files inside
    torch.save                                    the zip form (since 1.6) and the one before it

What it builds is bounded: instructions, bytes, dimensions, pickles within pickles.
"""

from __future__ import annotations

import io
import math
import pickletools
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cinelake.errors import ModelUnusable

MAX_INSTRUCTIONS = 2_000_000
MAX_FILE_BYTES = 4 << 30
MAX_DIMENSIONS = 8
NESTED = 2
"""Pickles within pickles: a tensor's storage in a plain pickle is one."""
SLACK_BYTES = 64 << 20
COPIES = 8
"""What is built may take this many times the file's size (texts become bytes, bytes arrays), and the slack."""

MAGIC = 0x1950A86A20F9469CFC6C
"""How a file of `torch.save` begins in the form before the zip (torch/serialization.py)."""

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

_DTYPE = re.compile(r"[<>|=]?[?biuf][1248]?")


@dataclass
class _Storage:
    """Numbers that tensors are views of; `data` comes later in files of `torch.save`."""

    dtype: np.dtype[Any]
    count: int
    data: npt.NDArray[Any] | None = None


@dataclass
class _Tensor:
    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass
class _Numpy:
    """An array or a type whose state comes with BUILD."""

    dtype: np.dtype[Any] | None = None
    array: npt.NDArray[Any] | None = None


@dataclass(frozen=True)
class _Name:
    """A global that is known; `call` is what stands for it, None where it is only passed on."""

    name: str
    call: Callable[..., Any] | None = None


class _Budget:
    """What may still be built."""

    def __init__(self, where: str, size: int):
        self.where, self.left, self.instructions = where, size * COPIES + SLACK_BYTES, MAX_INSTRUCTIONS

    def take(self, size: int) -> None:
        self.left -= size
        if size < 0 or self.left < 0:
            raise refusal(self.where, "it asks for more memory than a file of its size can need")

    def step(self) -> None:
        self.instructions -= 1
        if self.instructions < 0:
            raise refusal(self.where, f"it has more than {MAX_INSTRUCTIONS} instructions")


def refusal(where: str, why: str) -> ModelUnusable:
    """The error for a pickle that is not read."""
    return ModelUnusable(f"{where}: {why}. Only plain data, tensors and arrays are read from pickles; nothing was run")


def read_pickle(path: Path) -> Any:
    """What the file holds: dicts, lists, tuples, texts, numbers, and arrays for its tensors.

    Raises `ModelUnusable` for everything else, naming the global that the pickle asked for; nothing is executed.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise refusal(str(path), f"it has {size} bytes, more than {MAX_FILE_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read: {error.strerror or error}") from error
    return read_pickle_bytes(data, str(path))


def read_pickle_bytes(data: bytes, where: str = "the pickle") -> Any:
    """The same from bytes."""
    budget = _Budget(where, len(data))
    try:
        return _plain(_read(data, budget, 0), budget, 0)
    except (zipfile.BadZipFile, ValueError, IndexError, TypeError, KeyError, struct.error, OverflowError) as error:
        raise refusal(where, f"it is damaged or no pickle ({type(error).__name__}: {str(error)[:200]})") from error


def _read(data: bytes, budget: _Budget, depth: int) -> Any:
    if depth > NESTED:
        raise refusal(budget.where, f"pickles are nested more than {NESTED} deep")
    if data[:4] == b"PK\x03\x04":
        return _read_zip(data, budget, depth)
    source = io.BytesIO(data)
    first = _Machine(source, budget, depth).run()
    return _read_legacy(source, budget, depth) if type(first) is int and first == MAGIC else first


def _read_zip(data: bytes, budget: _Budget, depth: int) -> Any:
    """`torch.save` since 1.6: `NAME/data.pkl` beside `NAME/data/KEY`, never compressed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {info.filename.split("/", 1)[-1]: info for info in archive.infolist()}
        if any(info.compress_type != zipfile.ZIP_STORED or info.file_size > len(data) for info in entries.values()):
            raise refusal(budget.where, "its parts are compressed, as torch.save never does")
        if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
            raise refusal(budget.where, "its numbers are big-endian")

        def stored(key: str, storage: _Storage) -> None:
            info = entries[f"data/{key}"]
            budget.take(info.file_size)
            storage.data = _numbers(archive.read(info), storage, budget)

        return _Machine(io.BytesIO(archive.read(entries["data.pkl"])), budget, depth, stored).run()


def _read_legacy(source: io.BytesIO, budget: _Budget, depth: int) -> Any:
    """`torch.save` before the zip: magic, protocol, system, the object, the storages' keys, their numbers."""
    storages: dict[str, _Storage] = {}
    _Machine(source, budget, depth).run()
    system = _Machine(source, budget, depth).run()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise refusal(budget.where, "its numbers are big-endian")
    found = _Machine(source, budget, depth, storages.__setitem__).run()
    for key in _Machine(source, budget, depth).run():
        storage = storages[key]
        (count,) = struct.unpack("<q", source.read(8))
        if count != storage.count:
            raise refusal(budget.where, f"a storage has {count} numbers, its header says {storage.count}")
        budget.take(count * storage.dtype.itemsize)
        storage.data = _numbers(source.read(count * storage.dtype.itemsize), storage, budget)
    return found


def _numbers(data: bytes, storage: _Storage, budget: _Budget) -> npt.NDArray[Any]:
    if len(data) != storage.count * storage.dtype.itemsize:
        raise refusal(budget.where, f"a storage of {storage.count} {storage.dtype} has {len(data)} bytes")
    return np.frombuffer(data, storage.dtype)


def _plain(value: Any, budget: _Budget, depth: int) -> Any:
    """Tensors as arrays, in dicts, lists and tuples that are not too deep."""
    budget.step()
    if depth > 8:
        raise refusal(budget.where, "its data are nested more than 8 deep")
    if isinstance(value, _Tensor):
        return _array(value, budget)
    if isinstance(value, dict):
        return {key: _plain(part, budget, depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(part, budget, depth + 1) for part in value)
    if isinstance(value, _Numpy) and value.array is not None:
        return value.array
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    raise refusal(budget.where, f"it holds a {type(value).__name__.strip('_').lower()} where data should be")


def _array(tensor: _Tensor, budget: _Budget) -> npt.NDArray[Any]:
    """A tensor's view of its storage, copied. Raises where it reaches beyond the storage."""
    storage, numbers = tensor.storage, math.prod(tensor.size)
    if storage.data is None:
        raise refusal(budget.where, "a tensor's numbers are not in the file")
    last = tensor.offset + sum((size - 1) * step for size, step in zip(tensor.size, tensor.stride, strict=True))
    if numbers and last >= storage.count:
        raise refusal(budget.where, f"a tensor reaches to number {last} of a storage of {storage.count}")
    budget.take(numbers * storage.dtype.itemsize)
    strides = [step * storage.dtype.itemsize for step in tensor.stride]
    start = storage.data[tensor.offset :] if numbers else storage.data[:0]
    return np.lib.stride_tricks.as_strided(start, tensor.size, strides, writeable=False).copy()


class _Machine:
    """Runs one pickle, up to its STOP; `stored` is told of every storage that the file refers to."""

    def __init__(
        self, source: io.BytesIO, budget: _Budget, depth: int, stored: Callable[[str, _Storage], None] | None = None
    ):
        self.source, self.budget, self.depth, self.stored = source, budget, depth, stored
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.known: dict[str, _Storage] = {}

    def run(self) -> Any:
        for opcode, argument, _ in pickletools.genops(self.source):
            self.budget.step()
            if opcode.name == "STOP":
                return self.stack.pop()
            act = getattr(self, f"_op_{_SAME.get(opcode.name, opcode.name)}", None)
            if act is None:
                raise refusal(self.budget.where, f"instruction {opcode.name} makes more than data")
            act(argument)
        raise refusal(self.budget.where, "it ends before its STOP")

    # --- data

    def _op_nothing(self, _: Any) -> None:
        """PROTO, FRAME."""

    def _op_value(self, value: Any) -> None:
        self.stack.append(value)

    def _op_NONE(self, _: Any) -> None:  # noqa: N802 - the instruction's name
        self.stack.append(None)

    def _op_NEWTRUE(self, _: Any) -> None:  # noqa: N802
        self.stack.append(True)

    def _op_NEWFALSE(self, _: Any) -> None:  # noqa: N802
        self.stack.append(False)

    def _op_MARK(self, _: Any) -> None:  # noqa: N802
        self.marks.append(len(self.stack))

    def _op_EMPTY_DICT(self, _: Any) -> None:  # noqa: N802
        self.stack.append({})

    def _op_EMPTY_LIST(self, _: Any) -> None:  # noqa: N802
        self.stack.append([])

    def _op_EMPTY_TUPLE(self, _: Any) -> None:  # noqa: N802
        self.stack.append(())

    def _op_DICT(self, _: Any) -> None:  # noqa: N802
        items = self._marked()
        self.stack.append({})
        self._set(items)

    def _op_LIST(self, _: Any) -> None:  # noqa: N802
        self.stack.append(self._marked())

    def _op_TUPLE(self, _: Any) -> None:  # noqa: N802
        self.stack.append(tuple(self._marked()))

    def _op_TUPLE1(self, _: Any) -> None:  # noqa: N802
        self.stack[-1:] = [(self.stack[-1],)]

    def _op_TUPLE2(self, _: Any) -> None:  # noqa: N802
        self.stack[-2:] = [tuple(self.stack[-2:])]

    def _op_TUPLE3(self, _: Any) -> None:  # noqa: N802
        self.stack[-3:] = [tuple(self.stack[-3:])]

    def _op_SETITEM(self, _: Any) -> None:  # noqa: N802
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def _op_SETITEMS(self, _: Any) -> None:  # noqa: N802
        self._set(self._marked())

    def _op_APPEND(self, _: Any) -> None:  # noqa: N802
        self._extend([self.stack.pop()])

    def _op_APPENDS(self, _: Any) -> None:  # noqa: N802
        self._extend(self._marked())

    def _op_POP(self, _: Any) -> None:  # noqa: N802
        self.stack.pop()

    def _op_memoize(self, number: Any) -> None:
        self.memo[len(self.memo) if number is None else int(number)] = self.stack[-1]

    def _op_recall(self, number: Any) -> None:
        self.stack.append(self.memo[int(number)])

    def _marked(self) -> list[Any]:
        at = self.marks.pop()
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def _set(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict) or len(items) % 2:
            raise refusal(self.budget.where, "items are set on something that is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int):
                raise refusal(self.budget.where, f"a key of a dict is a {type(key).__name__}, expected a text")
            self.stack[-1][key] = value

    def _extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise refusal(self.budget.where, "values are appended to something that is no list")
        self.stack[-1].extend(items)

    # --- names, and what stands for them

    def _op_GLOBAL(self, argument: str) -> None:  # noqa: N802
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def _op_STACK_GLOBAL(self, _: Any) -> None:  # noqa: N802
        name, module = self.stack.pop(), self.stack.pop()
        self._name(str(module), str(name))

    def _name(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        calls: dict[str, Callable[..., Any] | None] = {
            "collections.OrderedDict": self._ordered,
            "_codecs.encode": self._encoded,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch.storage._load_from_bytes": self._loaded,
            "__builtin__.bytes": self._no_bytes,
            "torch.Size": self._size,
            **{f"{core}.multiarray._reconstruct": self._new_array for core in ("numpy.core", "numpy._core")},
            **{f"{core}.numeric._frombuffer": self._from_buffer for core in ("numpy.core", "numpy._core")},
            "numpy.ndarray": None,
            "numpy.dtype": self._dtype,
        }
        if full not in calls and not (module == "torch" and name in STORAGES):
            raise refusal(self.budget.where, f"it asks for {full[:200]!r}")
        self.stack.append(_Name(full, calls.get(full)))

    def _op_REDUCE(self, _: Any) -> None:  # noqa: N802
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Name) or function.call is None or not isinstance(arguments, tuple):
            raise refusal(self.budget.where, "it calls something that is not known")
        self.stack.append(function.call(*arguments))

    def _op_BUILD(self, _: Any) -> None:  # noqa: N802
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, _Numpy) or not isinstance(state, tuple):
            raise refusal(self.budget.where, "it sets the state of something that is not known")
        if target.array is None and target.dtype is not None:
            target.dtype = target.dtype.newbyteorder(">" if state[1] == ">" else "<")
        else:
            _version, shape, dtype, is_fortran, data = state
            target.array = self._from_buffer(data, dtype, shape, "F" if is_fortran else "C").array

    def _op_BINPERSID(self, _: Any) -> None:  # noqa: N802
        self.stack.append(self._persistent(self.stack.pop()))

    def _persistent(self, about: Any) -> _Storage:
        """`('storage', type, key, device, count[, view])`, as `torch.save` names a storage."""
        if self.stored is None or not isinstance(about, tuple) or len(about) < 5 or about[0] != "storage":
            raise refusal(self.budget.where, "it refers to something outside of itself")
        _, kind, key, _, count, *view = about
        if not isinstance(kind, _Name) or kind.name.removeprefix("torch.") not in STORAGES or (view and view[0]):
            raise refusal(self.budget.where, "it has a storage of a kind that is not read")
        if not isinstance(key, str) or type(count) is not int or count < 0:
            raise refusal(self.budget.where, "a storage's name or length is none")
        if key not in self.known:
            self.known[key] = _Storage(STORAGES[kind.name.removeprefix("torch.")], count)
            self.stored(key, self.known[key])
        return self.known[key]

    def _ordered(self, *given: Any) -> dict[str, Any]:
        if given:
            raise refusal(self.budget.where, "an OrderedDict is made from something")
        return {}

    def _no_bytes(self, *given: Any) -> bytes:
        """How the first protocols write bytes of which there are none."""
        if given:
            raise refusal(self.budget.where, "bytes are made from something")
        return b""

    def _size(self, sizes: Any) -> tuple[Any, ...]:
        if not isinstance(sizes, tuple | list):
            raise refusal(self.budget.where, "a size is none")
        return tuple(sizes)

    def _encoded(self, text: Any, encoding: Any = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise refusal(self.budget.where, f"it encodes a text as {str(encoding)[:40]!r}")
        self.budget.take(len(text))
        return text.encode("latin1")

    def _loaded(self, data: Any) -> _Storage:
        if not isinstance(data, bytes):
            raise refusal(self.budget.where, "a storage is made from something that is no bytes")
        found = _read(data, self.budget, self.depth + 1)
        if not isinstance(found, _Storage):
            raise refusal(self.budget.where, "a tensor's storage holds something else")
        return found

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _Tensor:
        whole = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= MAX_DIMENSIONS
        numbers = [offset, *size, *stride] if whole else [-1]
        if not isinstance(storage, _Storage) or not all(type(n) is int and 0 <= n < 1 << 40 for n in numbers):
            raise refusal(self.budget.where, "a tensor's storage, size or stride is none")
        return _Tensor(storage, offset, size, stride)

    def _new_array(self, *_: Any) -> _Numpy:
        return _Numpy()

    def _dtype(self, code: Any, *_: Any) -> _Numpy:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            raise refusal(self.budget.where, f"it has an array of {str(code)[:40]!r}, which are no plain numbers")
        return _Numpy(dtype=np.dtype(code))

    def _from_buffer(self, data: Any, dtype: Any, shape: Any, order: Any) -> _Numpy:
        known = isinstance(dtype, _Numpy) and dtype.dtype is not None and isinstance(data, bytes | bytearray)
        if not known or not isinstance(shape, tuple) or len(shape) > MAX_DIMENSIONS or order not in ("C", "F"):
            raise refusal(self.budget.where, "an array's numbers, type or shape are none")
        self.budget.take(len(data))
        return _Numpy(array=np.frombuffer(bytes(data), dtype.dtype).reshape(shape, order=order).copy())


_SAME = {
    **dict.fromkeys(("PROTO", "FRAME"), "nothing"),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), "memoize"),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), "recall"),
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"), "value"),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), "value"),
    **dict.fromkeys(("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), "value"),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), "value"),
}
"""Instructions that do the same to the stack, once their argument is read."""
