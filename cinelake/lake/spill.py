"""Arrays that together do not fit memory: beyond a bound they lie in files without a name, mapped into memory.

Pages of such an array come from disk when they are read and may leave memory again at any time; the file goes when
the array does. Code that treats them film by film, or batch by batch, needs no other memory than for one of these.

The bound is `CINELAKE_TRAINING_GB` (10⁹ bytes), else a quarter of the memory that is free.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from cinelake.errors import UsageError
from cinelake.spec.arrays import Array
from cinelake.spec.example import Example
from cinelake.storage.processes import cache_folder

FREE_SHARE = 0.25
BYTES_PER_GB = 10**9


def bytes_in_memory() -> int:
    """How many bytes of arrays a training may hold in memory. Raises `UsageError`."""
    given = os.environ.get("CINELAKE_TRAINING_GB")
    if given is None:
        import psutil

        return int(psutil.virtual_memory().available * FREE_SHARE)
    try:
        return int(float(given) * BYTES_PER_GB)
    except ValueError as error:
        raise UsageError(f"CINELAKE_TRAINING_GB is {given!r}: give a number of 10⁹ bytes, such as 4") from error


class SpillBuffer:
    """Keeps films' arrays: in memory up to a bound, on disk beyond it."""

    def __init__(self, bound: int | None = None):
        self._left = bytes_in_memory() if bound is None else bound

    def keep(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """The same arrays; those that do not fit memory are on disk."""
        self._left -= sum(values.nbytes for values in arrays.values())
        if self._left >= 0:
            return arrays
        return {name: concatenate([values], bound=0) for name, values in arrays.items()}


def concatenate(parts: Sequence[Array], known: Sequence[Array] | None = None, *, bound: int | None = None) -> Array:
    """The parts concatenated along their first axis: on disk when one of them is, or when they exceed the bound.

    known: (T,) bool for each part, which of its rows to take; all unless given.
    """
    size = sum(part.nbytes for part in parts)
    if not is_on_disk(*parts) and size <= (bytes_in_memory() if bound is None else bound):
        return np.concatenate(parts if known is None else [p[k] for p, k in zip(parts, known, strict=True)])
    lengths = [len(part) for part in parts] if known is None else [int(chosen.sum()) for chosen in known]
    whole = _on_disk((sum(lengths), *parts[0].shape[1:]), np.result_type(*parts))
    ends = np.cumsum(lengths)
    for number, (part, end) in enumerate(zip(parts, ends, strict=True)):
        whole[end - lengths[number] : end] = part if known is None else part[known[number]]
    return whole


def is_on_disk(*arrays: Array) -> bool:
    """Whether any of the arrays is mapped from a file."""
    return any(isinstance(array, np.memmap) for array in arrays)


def _on_disk(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """A writable array of zeros in a file that has no name any more."""
    if 0 in shape:
        return np.zeros(shape, dtype)
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=cache_folder()) as file:
        return np.memmap(file, dtype, "w+", shape=shape)


def joined(examples: Sequence[Example], name: str, *, of: str = "features", known: bool = True) -> Array:
    """The examples concatenated along their steps, the first axis; only the known steps unless `known` is False.

    What does not fit memory is on disk (`cinelake.lake.spill`).
    """
    parts = [(example.features if of == "features" else example.targets)[name] for example in examples]
    return concatenate(parts, [example.targets["known"] for example in examples] if known else None)
