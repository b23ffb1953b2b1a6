"""The one place where any exception of a task becomes a typed failure, so that other tasks and films go on."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from cinelake.errors import CinelakeError, FilmError, StorageError, TaskFailed, WorkerLost


@contextmanager
def typed_failures(doing: str) -> Iterator[None]:
    """Let `FilmError` and `StorageError` pass; turn everything else that a task raises into `TaskFailed`."""
    try:
        yield
    except (FilmError, StorageError):
        raise
    except MemoryError as error:
        raise WorkerLost(f"{doing}: out of memory. Give the engine fewer workers or more memory.") from error
    except CinelakeError as error:
        raise TaskFailed(f"{doing}: {error}", log_tail=traceback.format_exc()) from error
    except Exception as error:  # a task may raise anything: this boundary keeps it from the other films
        message = f"{doing}: {type(error).__name__}: {error}. This is a bug of the task or a case it does not know."
        raise TaskFailed(message, log_tail=traceback.format_exc()) from error
