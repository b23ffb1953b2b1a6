"""What the command prints for people: two consoles, tables, and errors in red."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from cli.terminal import is_plain

PIPE_WIDTH = 220
"""Columns of text where the output is no terminal."""
GAP = 2
"""Columns of text between those of a table."""
MAX_PART = 16
"""Words are no longer than this; what is, as a digest, may be broken in two."""
CONTROLS = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What steers a terminal or the direction of its text, and what UTF-8 cannot write; a line's end is none of it."""


def readable(text: str) -> str:
    """Text from outside (names of files, titles, errors) as a person may read it: control characters are escaped."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Screen(Console):
    """Rich's console, on which nothing that is printed can steer the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Every text that is printed passes here; what is built of `Text` is made by `plain`."""
        return super().render_str(readable(text), **options)


def _console(*, stderr: bool = False, file: IO[str] | None = None) -> Console:
    stream = file or (sys.stderr if stderr else sys.stdout)
    width = None if stream.isatty() else PIPE_WIDTH
    return Screen(stderr=stderr, file=file, highlight=False, emoji=False, width=width)


out = _console(stderr=False)
err = _console(stderr=True)


def warn(text: str) -> None:
    """A line that must be read, on standard error: standard output stays valid for machines."""
    err.print(f"! {text}", style="yellow", markup=False)


STATE_STYLE = {"fresh": "green", "stale": "yellow", "blocked": "magenta", "failed": "red"}


def print_json(value: Any) -> None:
    """JSON on standard output, for machines: never wrapped or coloured."""
    sys.stdout.write(json_text(value, ascii_only=is_plain(sys.stdout)) + "\n")


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    """A value as JSON; of its characters only those are escaped that steer a terminal, so that it reads the same."""
    text = json.dumps(_finite(value), indent=1, ensure_ascii=ascii_only, default=str)
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _finite(value: Any) -> Any:
    """The value with null for numbers that JSON does not have: a score that the films do not define is NaN here."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, file: IO[str] | None = None) -> None:
    """A plain table, on standard output or in a file; names and values are text, so that none can carry markup.

    Where the columns are too many for the screen, each row is printed below the other, one value a line.
    """
    console = _console(file=file) if file else out
    heads = [plain(column) for column in columns]
    texts = [[value if isinstance(value, Text) else plain(value) for value in row] for row in rows]
    widths = _widths(console, [*zip(heads, *texts, strict=True)])
    if widths is None:
        for row in texts:
            console.print(_grid([Text(), Text()], [*zip(heads, row, strict=True)], [None, None], show_header=False))
            console.print()
    else:
        console.print(_grid(heads, texts, widths))


def _grid(
    heads: Sequence[Text], rows: Iterable[Sequence[Text]], widths: Sequence[int | None], *, show_header: bool = True
) -> _WithoutTrailingBlanks:
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0), show_header=show_header)
    for head, width in zip(heads, widths, strict=True):
        grid.add_column(head, overflow="fold", width=width)
    for row in rows:
        grid.add_row(*row)
    return _WithoutTrailingBlanks(grid)


class _WithoutTrailingBlanks:
    """A grid whose lines end with their last word: what is read from a pipe or copied from a screen."""

    def __init__(self, grid: Table):
        self._grid = grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self._grid, options, pad=False):
            while line and not line[-1].text.rstrip(" "):
                line.pop()
            yield from line[:-1]
            yield from (Segment(last.text.rstrip(" "), last.style) for last in line[-1:])
            yield Segment.line()


def _widths(console: Console, columns: Sequence[Sequence[Text]]) -> list[int] | None:
    """How wide each column is drawn: no word breaks where the room is enough, else ids and paths alone; None: too many.

    The widest columns give way first.
    """
    room = console.width - GAP * (len(columns) - 1)
    sizes = [[Measurement.get(console, console.options, text) for text in column] for column in columns]
    lines = [max(size.maximum for size in column) for column in sizes]
    words = [max(size.minimum for size in column) for column in sizes]
    parts = [max(map(_longest_part, column)) for column in columns]
    for least, most in ((words, lines), (parts, words)):
        if sum(least) <= room:
            level = next(n for n in range(max(most, default=0), -1, -1) if sum(_between(least, n, most)) <= room)
            return _between(least, level, most)
    return None


def _between(least: Sequence[int], level: int, most: Sequence[int]) -> list[int]:
    return [max(low, min(level, high)) for low, high in zip(least, most, strict=True)]


def _longest_part(text: Text) -> int:
    """The length of what is not broken: a word, or a part of an id or path that is no longer than a word."""
    return max(min(MAX_PART, cell_len(part)) for part in re.split(r"[\s/_]+", text.plain))


def plain(value: Any) -> Text:
    """Any value as text without markup, and with control characters escaped: a title may hold those of a terminal."""
    return Text(readable(str(value)))


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
