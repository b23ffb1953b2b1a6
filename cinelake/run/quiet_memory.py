"""Keeps the memory of a process quiet while it reads a film: no collections of what is there, no huge pages."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PR_SET_THP_DISABLE, PR_GET_THP_DISABLE = 41, 42


@contextmanager
def quiet_memory() -> Iterator[None]:
    """What exists already, modules above all, is left out of collections, and new memory comes in ordinary pages.

    A film's pictures and Arrow's buffers are new memory, for which NumPy and mimalloc ask for huge pages. A virtual
    machine that gives free memory back to its host does so in blocks of that size, so each is fetched from the host
    again: 64 MiB took 0.36 s of processor time, in ordinary pages 0.03 (where no host is asked, 0.01 and 0.03). A
    program that is started meanwhile inherits the latter (`prctl(2)`).
    """
    gc.freeze()
    before = _without_huge_pages(True)
    try:
        yield
    finally:
        _without_huge_pages(before)
        gc.unfreeze()


def _without_huge_pages(wanted: bool) -> bool:
    """Set whether this process goes without them; returns what was set. Other systems than Linux know no such wish."""
    if sys.platform != "linux":
        return False
    prctl = ctypes.CDLL(None).prctl
    before = bool(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1)
    prctl(PR_SET_THP_DISABLE, int(wanted), 0, 0, 0)
    return before
