"""What surrounds the work of tasks in a worker: whatever one raises becomes a typed failure, memory stays quiet, and
libraries start no threads of their own."""

from __future__ import annotations

import ctypes
import gc
import os
import re
import socket
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from cinelake.errors import CinelakeError, DiskFull, FilmError, StorageError, TaskFailed, WorkerLost
from cinelake.storage.processes import OPENCV_THREADS, environment_variables
from cinelake.storage.store import is_disk_full

ONE_THREAD = {OPENCV_THREADS: "1", "OPENBLAS_NUM_THREADS": "1"}
"""How many threads OpenCV, and the linear algebra that it brings with it, have where they are loaded meanwhile."""
PR_SET_THP_DISABLE, PR_GET_THP_DISABLE = 41, 42
NO_MEMORY = re.compile(r"bad_alloc|(out of|insufficient) memory|(failed to|cannot|unable to) allocate", re.IGNORECASE)
"""How libraries written in C++ report that memory ran out; Python itself has an exception for it."""


@contextmanager
def as_film_errors(doing: str) -> Iterator[None]:
    """Let `FilmError` and `StorageError` pass; turn everything else that a task raises into `TaskFailed`.

    This is the one place where that is done, so that other tasks and films go on.
    """
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


@contextmanager
def no_idle_threads() -> Iterator[None]:
    """OpenCV works in the thread that calls it; what it makes is the same with any number of threads.

    Its own would spin between the small pictures of a film that is decoded, beside ffmpeg's, for more than they do.
    """
    before = sys.modules["cv2"].getNumThreads() if "cv2" in sys.modules else 0
    if before:
        sys.modules["cv2"].setNumThreads(1)
    try:
        with environment_variables(ONE_THREAD):
            yield
    finally:
        if "cv2" in sys.modules:
            usual = int(os.environ.get(OPENCV_THREADS) or len(os.sched_getaffinity(0)))
            sys.modules["cv2"].setNumThreads(before or usual)


def _without_huge_pages(wanted: bool) -> bool:
    """Set whether this process goes without them; returns what was set. Other systems than Linux know no such wish."""
    if sys.platform != "linux":
        return False
    prctl = ctypes.CDLL(None).prctl
    before = bool(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1)
    prctl(PR_SET_THP_DISABLE, int(wanted), 0, 0, 0)
    return before
