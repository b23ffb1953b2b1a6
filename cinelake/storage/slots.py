"""A machine's processors as slots that processes take and give back, by locks that end with whoever holds them (flock).

A pool of processes has a slot for each. A process holds one while it works on a job; those that are free belong to
processes without a job, and may be borrowed for a part of another's work.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "CINELAKE_SLOTS"
"""Set in a pool's processes: the folder of its slots. Where it is not set, nothing can be borrowed."""


def make_slots(folder: Path, count: int) -> None:
    """Make so many slots in a folder."""
    for number in range(count):
        (folder / str(number)).touch()


def take_slot() -> int | None:
    """A free slot, as an open descriptor: closing it gives it back. None where none is free or there are no slots."""
    folder = os.environ.get(VARIABLE)
    for path in sorted(Path(folder).iterdir()) if folder and Path(folder).is_dir() else ():
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
        else:
            return descriptor
    return None


@contextmanager
def slot_held() -> Iterator[None]:
    """Hold a slot meanwhile, if one is free; work that has come goes on without one, too."""
    slot = take_slot()
    try:
        yield
    finally:
        if slot is not None:
            os.close(slot)
