"""Ctrl-C, where it must not come in the middle."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


@contextmanager
def interrupts_held() -> Iterator[None]:
    """For imports while other threads import, and for forks: a Ctrl-C inside is raised at the end.

    Raised within, it may leave a lock of Python's held for ever, that of imports ("Exception ignored in
    _get_module_lock") or that of logging, which a fork takes ("… in _releaseLock"): the run would never end.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt
