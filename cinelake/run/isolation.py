"""The one place where any exception of a task becomes a typed failure, so that other tasks and films go on."""

from __future__ import annotations

import re
import socket
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from cinelake.errors import CinelakeError, DiskFull, FilmError, StorageError, TaskFailed, WorkerLost
from cinelake.storage.store import is_disk_full

NO_MEMORY = re.compile(r"bad_alloc|(out of|insufficient) memory|(failed to|cannot|unable to) allocate", re.IGNORECASE)
"""How libraries written in C++ report that memory ran out; Python itself has an exception for it."""


@contextmanager
def as_film_errors(doing: str) -> Iterator[None]:
    """Let `FilmError` and `StorageError` pass; turn everything else that a task raises into `TaskFailed`."""
    try:
        yield
    except (FilmError, StorageError):
        raise
    except MemoryError as error:
        raise _out_of_memory(doing, error) from error
    except CinelakeError as error:
        raise TaskFailed(f"{doing}: {error}", log_tail=traceback.format_exc()) from error
    except Exception as error:  # a task may raise anything: this boundary keeps it from the other films
        if is_disk_full(error):
            raise disk_full(doing, error) from error
        if NO_MEMORY.search(str(error)):
            raise _out_of_memory(doing, error) from error
        message = f"{doing}: {type(error).__name__}: {error}. This is a bug of the task or a case it does not know."
        raise TaskFailed(message, log_tail=traceback.format_exc()) from error


def disk_full(doing: str, error: Exception) -> DiskFull:
    """The error of a machine whose own disk has no room, in words."""
    place = f"the disk for temporary files on {socket.gethostname()} ({tempfile.gettempdir()}) is full"
    return DiskFull(f"{doing}: {place}: {error}. Free space there, or give it another TMPDIR.")


def _out_of_memory(doing: str, error: Exception) -> WorkerLost:
    detail = f" ({error})" if str(error) else ""
    return WorkerLost(f"{doing}: out of memory{detail}. Give the engine fewer workers, or the entry more `memory_gb`.")
