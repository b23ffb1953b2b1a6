"""One process at a time, by a lock of the file system that goes with the process that held it (flock)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cinelake.errors import UsageError


@contextmanager
def alone(place: Path, busy: str | None = None) -> Iterator[None]:
    """Hold the lock of a folder, or of a file that is made for it in a folder that is there.

    Waits for whoever holds it; with `busy` raises `UsageError` with these words instead.
    """
    lock = os.open(place, os.O_RDONLY if place.is_dir() else os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(lock, busy)
        yield
    finally:
        os.close(lock)


def _take(lock: int, busy: str | None) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
    except BlockingIOError as error:
        raise UsageError(str(busy)) from error
