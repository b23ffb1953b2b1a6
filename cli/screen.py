"""What the command prints for people: two consoles, tables, and errors in red."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.plain_signs import is_plain

PIPE_WIDTH = 220
"""Columns of text where the output is no terminal."""


def _console(*, stderr: bool = False, file: IO[str] | None = None) -> Console:
    stream = file or (sys.stderr if stderr else sys.stdout)
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(stderr=stderr, file=file, highlight=False, emoji=False, width=width)


out = _console(stderr=False)
err = _console(stderr=True)


def warn(text: str) -> None:
    """A line that must be read, on standard error: standard output stays valid for machines."""
    err.print(f"! {text}", style="yellow", markup=False)


def say_stopping(what_stays: str) -> Callable[[str | None], None]:
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


AGAIN = {True: "again ", False: ""}
STATE_STYLE = {"fresh": "green", "stale": "yellow", "blocked": "magenta", "failed": "red"}


def print_json(value: Any) -> None:
    """JSON on standard output, for machines: never wrapped or coloured."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=is_plain(sys.stdout), default=str) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, file: IO[str] | None = None) -> None:
    """A plain table, on standard output or in a file; names and values are text, so that none can carry markup."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(plain(column), overflow="fold")
    for row in rows:
        grid.add_row(*(value if isinstance(value, Text) else plain(value) for value in row))
    (_console(file=file) if file else out).print(grid)


def plain(value: Any) -> Text:
    """Any value as text without markup, and with control characters escaped: a title may hold those of a terminal."""
    text = str(value)
    return Text("".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text))


def first_line(text: str) -> str:
    """The first line of a message; empty for an empty message."""
    return next(iter(text.splitlines()), "")


def state(name: str) -> Text:
    """A state in its colour."""
    return Text(name, style=STATE_STYLE.get(name, ""))


def duration(seconds: float) -> str:
    """Seconds as people say them: 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
