"""One holder at a time, among processes and threads, by a lock that ends with the process that held it (flock)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cinelake.errors import UsageError

FOLDER_LOCK = ".lock"
"""The file in a folder that is locked; it exists while a process holds or waits for the lock."""
WAITS_S = 0.2
"""How often a process that was told that it waits looks whether the lock is free."""


@contextmanager
def alone(path: Path, busy: str | None = None, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of a folder, or of a file that is made for it in a folder that exists.

    Waits for whoever holds it; with `busy` raises `UsageError` with these words instead. `on_wait` is called once
    before waiting, and may raise. The lock may be released by another thread than the one that took it.
    """
    from filelock import FileLock, Timeout

    is_folder = path.is_dir()
    file = path / FOLDER_LOCK if is_folder else path
    lock = FileLock(file, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=busy is None and on_wait is None)
    except Timeout as error:
        if on_wait is None:
            raise UsageError(str(busy)) from error
        on_wait()
        lock.acquire(poll_interval=WAITS_S)
    try:
        yield
    finally:
        if is_folder:
            file.unlink(missing_ok=True)  # a process that waits for a removed lock file makes a new one
        lock.release()
