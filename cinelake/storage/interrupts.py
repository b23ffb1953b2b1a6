"""Ctrl-C: where it must not come in the middle, and how it is answered at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

ANSWERED_WITHIN_S = 0.25
"""The main thread waits for others no longer than this at a time. Libraries in other languages (polars, which MLflow
imports) put a handler of SIGINT before Python's by which a system call that waits is taken up again, so that Python's
own would only run when the wait is over."""

KILLED = 130
"""The exit code of a command that was interrupted."""


class Answering:
    """A handler of SIGINT: the first says at once what happens and raises, the second ends the process at once.

    say: called with why the process stops, empty for Ctrl-C, then with None when it is killed; may only write.
    """

    def __init__(self, say: Callable[[str | None], None]):
        self._say = say
        self.came = 0
        self.reason = ""

    def note(self) -> None:
        """Answer, without raising."""
        self.came += 1
        self._say(self.reason if self.came == 1 else None)
        if self.came > 1:
            os._exit(KILLED)  # as any kill: the kernel ends what this process started, the next run goes on

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Called by Python when the signal has come."""
        self.note()
        raise KeyboardInterrupt(self.reason)


@contextmanager
def interrupts_answered(say: Callable[[str | None], None]) -> Iterator[None]:
    """A Ctrl-C inside is answered at once, and then raised; a second one ends the process (see `Answering`).

    One within another has its own words; the second Ctrl-C may come in either.
    """
    if not _is_ours(signal.getsignal(signal.SIGINT)):
        yield
        return
    answering, before = Answering(say), signal.getsignal(signal.SIGINT)
    if isinstance(before, Answering):
        answering.came = before.came
    signal.signal(signal.SIGINT, answering)
    try:
        yield
    finally:
        if isinstance(before, Answering):
            before.came = answering.came
        signal.signal(signal.SIGINT, before)


def interrupt(reason: str) -> None:
    """Do to the main thread what Ctrl-C does, for this reason; called from another thread."""
    handler = signal.getsignal(signal.SIGINT)
    answering = getattr(handler, "answering", handler)
    if isinstance(answering, Answering):
        answering.reason = reason
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def waited_for(is_over: Callable[[float], bool], timeout_s: float | None = None) -> bool:
    """Wait, for ever or so long, until something is over; False where it is not. A Ctrl-C meanwhile is answered.

    is_over: waits for at most the seconds that it is given, and says whether it is over.
    """
    ends = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left_s = ANSWERED_WITHIN_S if ends is None else min(ANSWERED_WITHIN_S, max(0.0, ends - time.monotonic()))
        if is_over(left_s):
            return True
        if ends is not None and time.monotonic() >= ends:
            return False


def joined(thread: threading.Thread, timeout_s: float | None = None) -> bool:
    """`thread.join`, with Ctrl-C answered meanwhile; whether the thread has ended."""

    def is_over(wait_s: float) -> bool:
        thread.join(wait_s)
        return not thread.is_alive()

    return waited_for(is_over, timeout_s)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """A Ctrl-C inside is raised at the end; a second one at once.

    For imports while other threads import, for forks, and for what is written to MLflow. Raised within, it may leave
    a lock held for ever: Python's of imports ("Exception ignored in _get_module_lock"), that of logging, which a fork
    takes ("… in _releaseLock"), or SQLite's, by a session that nobody closes. The run would then never end.
    """
    before = signal.getsignal(signal.SIGINT)
    if not _is_ours(before):
        yield
        return
    holding = _Holding(before if isinstance(before, Answering) else None)
    signal.signal(signal.SIGINT, holding)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if holding.came:
        raise KeyboardInterrupt(holding.answering.reason if holding.answering else "")


class _Holding:
    """The handler of `interrupts_held`; it answers, where Ctrl-C is answered."""

    def __init__(self, answering: Answering | None):
        self.answering = answering
        self.came = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came += 1
        if self.answering:
            self.answering.note()
        elif self.came > 1:
            signal.default_int_handler(number, frame)


def _is_ours(handler: object) -> bool:
    """Whether SIGINT is handled as Python or this module does, in the thread that receives it."""
    return (
        handler is signal.default_int_handler or isinstance(handler, Answering)
    ) and current_thread() is main_thread()
