"""The stack machine of pickles, with the instructions that build data and no others.

Of all names that a pickle may ask for it knows those that tensors and arrays need, each replaced by a harmless function
of this file; nothing is ever imported or called on a pickle's behalf. See `importers.eluv.pickles` for the files.
"""

from __future__ import annotations

import io
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cinelake.errors import ModelUnusable

MAX_INSTRUCTIONS = 2_000_000
MAX_DIMENSIONS = 8
SLACK_BYTES = 64 << 20
COPIES = 8
"""What is built may take this many times the file's size (texts become bytes, bytes arrays), and the slack."""

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
class Storage:
    """Numbers that tensors are views of; `data` comes later in files of `torch.save`."""

    dtype: np.dtype[Any]
    count: int
    data: npt.NDArray[Any] | None = None


@dataclass
class Tensor:
    """A view of a storage."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass
class NumpyPart:
    """An array or a type whose state comes with BUILD."""

    dtype: np.dtype[Any] | None = None
    array: npt.NDArray[Any] | None = None


@dataclass(frozen=True)
class _Name:
    """A global that is known; `call` is what stands for it, None where it is only passed on."""

    name: str
    call: Callable[..., Any] | None = None


class Budget:
    """What may still be built."""

    def __init__(self, where: str, size: int):
        self.where, self.left, self.instructions = where, size * COPIES + SLACK_BYTES, MAX_INSTRUCTIONS

    def take(self, size: int) -> None:
        """So many bytes more. Raises `ModelUnusable` where that is too much."""
        self.left -= size
        if size < 0 or self.left < 0:
            raise refusal(self.where, "it asks for more memory than a file of its size can need")

    def step(self) -> None:
        """One instruction more. Raises `ModelUnusable` where that is too much."""
        self.instructions -= 1
        if self.instructions < 0:
            raise refusal(self.where, f"it has more than {MAX_INSTRUCTIONS} instructions")


def refusal(where: str, why: str) -> ModelUnusable:
    """The error for a pickle that is not read."""
    return ModelUnusable(f"{where}: {why}. Only plain data, tensors and arrays are read from pickles; nothing was run")


class Machine:
    """Runs one pickle up to its STOP; `nested` reads one within it, `stored` is told of every storage it refers to."""

    def __init__(
        self,
        source: io.BytesIO,
        budget: Budget,
        nested: Callable[[bytes], Any],
        stored: Callable[[str, Storage], None] | None = None,
    ):
        self.source, self.budget, self.nested, self.stored = source, budget, nested, stored
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.known: dict[str, Storage] = {}

    def run(self) -> Any:
        """What the pickle builds; where it ends, the source stands. Raises `ModelUnusable`."""
        for opcode, argument, _ in pickletools.genops(self.source):
            self.budget.step()
            if opcode.name == "STOP":
                return self.stack.pop()
            act = getattr(self, f"_op_{_SAME.get(opcode.name, opcode.name).lower()}", None)
            if act is None:
                raise refusal(self.budget.where, f"instruction {opcode.name} makes more than data")
            act(argument)
        raise refusal(self.budget.where, "it ends before its STOP")

    # --- data

    def _op_nothing(self, _: Any) -> None:
        """PROTO, FRAME."""

    def _op_value(self, value: Any) -> None:
        self.stack.append(value)

    def _op_none(self, _: Any) -> None:
        self.stack.append(None)

    def _op_newtrue(self, _: Any) -> None:
        self.stack.append(True)

    def _op_newfalse(self, _: Any) -> None:
        self.stack.append(False)

    def _op_mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def _op_empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def _op_empty_list(self, _: Any) -> None:
        self.stack.append([])

    def _op_empty_tuple(self, _: Any) -> None:
        self.stack.append(())

    def _op_dict(self, _: Any) -> None:
        items = self._marked()
        self.stack.append({})
        self._set(items)

    def _op_list(self, _: Any) -> None:
        self.stack.append(self._marked())

    def _op_tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._marked()))

    def _op_tuple1(self, _: Any) -> None:
        self.stack[-1:] = [(self.stack[-1],)]

    def _op_tuple2(self, _: Any) -> None:
        self.stack[-2:] = [tuple(self.stack[-2:])]

    def _op_tuple3(self, _: Any) -> None:
        self.stack[-3:] = [tuple(self.stack[-3:])]

    def _op_setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def _op_setitems(self, _: Any) -> None:
        self._set(self._marked())

    def _op_append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def _op_appends(self, _: Any) -> None:
        self._extend(self._marked())

    def _op_pop(self, _: Any) -> None:
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

    def _op_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def _op_stack_global(self, _: Any) -> None:
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

    def _op_reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Name) or function.call is None or not isinstance(arguments, tuple):
            raise refusal(self.budget.where, "it calls something that is not known")
        self.stack.append(function.call(*arguments))

    def _op_build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, NumpyPart) or not isinstance(state, tuple):
            raise refusal(self.budget.where, "it sets the state of something that is not known")
        if target.array is None and target.dtype is not None:
            target.dtype = target.dtype.newbyteorder(">" if state[1] == ">" else "<")
        else:
            _version, shape, dtype, is_fortran, data = state
            target.array = self._from_buffer(data, dtype, shape, "F" if is_fortran else "C").array

    def _op_binpersid(self, _: Any) -> None:
        self.stack.append(self._persistent(self.stack.pop()))

    def _persistent(self, about: Any) -> Storage:
        """`('storage', type, key, device, count[, view])`, as `torch.save` names a storage."""
        if self.stored is None or not isinstance(about, tuple) or len(about) < 5 or about[0] != "storage":
            raise refusal(self.budget.where, "it refers to something outside of itself")
        _, kind, key, _, count, *view = about
        if not isinstance(kind, _Name) or kind.name.removeprefix("torch.") not in STORAGES or (view and view[0]):
            raise refusal(self.budget.where, "it has a storage of a kind that is not read")
        if not isinstance(key, str) or type(count) is not int or count < 0:
            raise refusal(self.budget.where, "a storage's name or length is none")
        if key not in self.known:
            self.known[key] = Storage(STORAGES[kind.name.removeprefix("torch.")], count)
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

    def _loaded(self, data: Any) -> Storage:
        if not isinstance(data, bytes):
            raise refusal(self.budget.where, "a storage is made from something that is no bytes")
        found = self.nested(data)
        if not isinstance(found, Storage):
            raise refusal(self.budget.where, "a tensor's storage holds something else")
        return found

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
        whole = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= MAX_DIMENSIONS
        numbers = [offset, *size, *stride] if whole else [-1]
        if not isinstance(storage, Storage) or not all(type(n) is int and 0 <= n < 1 << 40 for n in numbers):
            raise refusal(self.budget.where, "a tensor's storage, size or stride is none")
        return Tensor(storage, offset, size, stride)

    def _new_array(self, *_: Any) -> NumpyPart:
        return NumpyPart()

    def _dtype(self, code: Any, *_: Any) -> NumpyPart:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            raise refusal(self.budget.where, f"it has an array of {str(code)[:40]!r}, which are no plain numbers")
        return NumpyPart(dtype=np.dtype(code))

    def _from_buffer(self, data: Any, dtype: Any, shape: Any, order: Any) -> NumpyPart:
        known = isinstance(dtype, NumpyPart) and dtype.dtype is not None and isinstance(data, bytes | bytearray)
        if not known or not isinstance(shape, tuple) or len(shape) > MAX_DIMENSIONS or order not in ("C", "F"):
            raise refusal(self.budget.where, "an array's numbers, type or shape are none")
        self.budget.take(len(data))
        return NumpyPart(array=np.frombuffer(bytes(data), dtype.dtype).reshape(shape, order=order).copy())


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
