"""Ctrl-C, where it must not come in the middle."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType


@contextmanager
def interrupts_held() -> Iterator[None]:
    """A Ctrl-C inside is raised at the end; a second one at once.

    For imports while other threads import, for forks, and for what is written to MLflow. Raised within, it may leave
    a lock held for ever: Python's of imports ("Exception ignored in _get_module_lock"), that of logging, which a fork
    takes ("… in _releaseLock"), or SQLite's, by a session that nobody closes. The run would then never end.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt
