"""What a command says when it is stopped; imports nothing heavy, as Ctrl-C may come before anything else is there."""

from __future__ import annotations

import os
from collections.abc import Callable

AGAIN = {True: "again ", False: ""}


def say_stopping(what_stays: str = "what is finished stays") -> Callable[[str | None], None]:
    """For `interrupts_answered`: says at once that the command stops, what stays, and how to kill it.

    Written by the system call itself: a signal may come while Python or Rich is in the middle of a line of their own.
    """

    def say(reason: str | None) -> None:
        start = "\r\033[2K" if os.isatty(2) else ""
        if reason is None:
            line = "killed: the same command goes on with what is left"
        else:
            line = f"{f'{reason}: ' if reason else ''}stopping: {what_stays}; press Ctrl-C {AGAIN[not reason]}to kill"
        os.write(2, f"{start}{line}\n".encode())

    return say
