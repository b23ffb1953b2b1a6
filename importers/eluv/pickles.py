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
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cinelake.errors import ModelUnusable
from importers.eluv.pickle_machine import Budget, Machine, NumpyPart, Storage, Tensor, refusal

MAX_FILE_BYTES = 4 << 30
NESTED = 2
"""Pickles within pickles: a tensor's storage in a plain pickle is one."""
MAGIC = 0x1950A86A20F9469CFC6C
"""How a file of `torch.save` begins in the form before the zip (torch/serialization.py)."""


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
    budget = Budget(where, len(data))
    try:
        return _plain(_read(data, budget, 0), budget, 0)
    except (zipfile.BadZipFile, ValueError, IndexError, TypeError, KeyError, struct.error, OverflowError) as error:
        raise refusal(where, f"it is damaged or no pickle ({type(error).__name__}: {str(error)[:200]})") from error


def _read(data: bytes, budget: Budget, depth: int) -> Any:
    if depth > NESTED:
        raise refusal(budget.where, f"pickles are nested more than {NESTED} deep")
    if data[:4] == b"PK\x03\x04":
        return _read_zip(data, budget, depth)
    source = io.BytesIO(data)

    def nested(part: bytes) -> Any:
        return _read(part, budget, depth + 1)

    first = Machine(source, budget, nested).run()
    return _read_legacy(source, budget, nested) if type(first) is int and first == MAGIC else first


def _read_zip(data: bytes, budget: Budget, depth: int) -> Any:
    """`torch.save` since 1.6: `NAME/data.pkl` beside `NAME/data/KEY`, never compressed."""

    def nested(part: bytes) -> Any:
        return _read(part, budget, depth + 1)

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {info.filename.split("/", 1)[-1]: info for info in archive.infolist()}
        if any(info.compress_type != zipfile.ZIP_STORED or info.file_size > len(data) for info in entries.values()):
            raise refusal(budget.where, "its parts are compressed, as torch.save never does")
        if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
            raise refusal(budget.where, "its numbers are big-endian")

        def stored(key: str, storage: Storage) -> None:
            info = entries[f"data/{key}"]
            budget.take(info.file_size)
            storage.data = _numbers(archive.read(info), storage, budget)

        return Machine(io.BytesIO(archive.read(entries["data.pkl"])), budget, nested, stored).run()


def _read_legacy(source: io.BytesIO, budget: Budget, nested: Callable[[bytes], Any]) -> Any:
    """`torch.save` before the zip: magic, protocol, system, the object, the storages' keys, their numbers."""
    storages: dict[str, Storage] = {}
    Machine(source, budget, nested).run()
    system = Machine(source, budget, nested).run()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise refusal(budget.where, "its numbers are big-endian")
    found = Machine(source, budget, nested, storages.__setitem__).run()
    for key in Machine(source, budget, nested).run():
        storage = storages[key]
        (count,) = struct.unpack("<q", source.read(8))
        if count != storage.count:
            raise refusal(budget.where, f"a storage has {count} numbers, its header says {storage.count}")
        budget.take(count * storage.dtype.itemsize)
        storage.data = _numbers(source.read(count * storage.dtype.itemsize), storage, budget)
    return found


def _numbers(data: bytes, storage: Storage, budget: Budget) -> npt.NDArray[Any]:
    if len(data) != storage.count * storage.dtype.itemsize:
        raise refusal(budget.where, f"a storage of {storage.count} {storage.dtype} has {len(data)} bytes")
    return np.frombuffer(data, storage.dtype)


def _plain(value: Any, budget: Budget, depth: int) -> Any:
    """Tensors as arrays, in dicts, lists and tuples that are not too deep."""
    budget.step()
    if depth > 8:
        raise refusal(budget.where, "its data are nested more than 8 deep")
    if isinstance(value, Tensor):
        return _array(value, budget)
    if isinstance(value, dict):
        return {key: _plain(part, budget, depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(part, budget, depth + 1) for part in value)
    if isinstance(value, NumpyPart) and value.array is not None:
        return value.array
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    raise refusal(budget.where, f"it holds a {type(value).__name__.strip('_').lower()} where data should be")


def _array(tensor: Tensor, budget: Budget) -> npt.NDArray[Any]:
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
