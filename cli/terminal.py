"""What a terminal is sent before or without Rich: plain signs in any locale, and the line that answers Ctrl-C.

Imports nothing heavy: a Ctrl-C may come before anything else is there.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Callable
from typing import IO, Any

PLAIN = str.maketrans(
    {
        **dict.fromkeys("·−–—", "-"),
        **dict.fromkeys("“”", '"'),
        **dict.fromkeys("‘’", "'"),
        **{"×": "x", "…": "...", "→": "->", "←": "<-", "≥": ">=", "≤": "<=", "±": "+-", "\u00a0": " "},
    }
)
"""The signs of our own words in ASCII; Rich draws its boxes and bars in ASCII by itself."""
AGAIN = {True: "again ", False: ""}


def write_in_any_locale() -> None:
    """Make standard output and error write what their encoding lacks in plain signs, or as an escape (`\\u00fc`)."""
    codecs.register_error("cinelake-plain", _in_plain_signs)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="cinelake-plain")


def _in_plain_signs(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(PLAIN)
    return plain.encode("ascii", "backslashreplace").decode("ascii"), error.end


def is_plain(stream: IO[Any]) -> bool:
    """Whether a stream cannot hold every character, so that JSON for it has escapes instead."""
    return codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name not in ("utf-8", "utf-16", "utf-32")


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
