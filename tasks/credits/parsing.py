"""Credits out of lines with their places: who did what, in two columns, in blocks, or in one line.

Lines that roll are laid out on one sheet by their speed; those of a page that stands are a sheet of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from tasks.credits.roles import is_person, is_role

SAME_LINE = 0.5
"""Boxes are of one line when their middles lie nearer than this part of their height."""
APART = 1.45
"""A gap this many times as wide as the usual step between lines parts two blocks."""
MOST_NAME = 60
"""More letters than this are a sentence, not a name."""
_IN_ONE_LINE = re.compile(
    r"(?P<role>.{2,40}?\bby)\s+(?P<by>\S.*)|(?P<named>[^:]{2,40}):\s+(?P<name>\S.*)|(?P<left>.{2,40}?)\s*(?:\.{3,}|…|_{3,})\s*(?P<right>\S.*)",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"[^\W\d_]{2}")
_RIGHTS = re.compile(r"©|\(\s*(?:c|cc|p)\s*\)|copyright\b|all rights\b", re.IGNORECASE)
"""How a line about rights begins."""
_NO_ROLE = re.compile(
    r"(?:.*\W)?(?:presents?|présente(?:nt)?|präsentier(?:t|en)|presentan?|presentano|apresentam?)\W*"
    r"|.*\b(?:support|assistance|participation|co-?operation|collaboration|association|partnership|contribution|help|aid)"
    r"\s*(?:of|from|by|with)\W*|(?:.*\W)?(?:supported|funded|financed|sponsored|co-?funded|made possible)\s*by\W*"
    r"|.*\b(?:soutien|participation|concours|aide|unterstützung|förderung|apoyo|colaboración|participación|sostegno|"
    r"contributo|collaborazione|apoio|colaboração)\s*(?:de|du|des|d['’]|von|vom|durch|der|di|del|della|dell['’]|do|da)\W*",
    re.IGNORECASE,
)
"""Headings that say nobody's role: of what follows that is the film's title, or who helped to pay for it."""


@dataclass(frozen=True)
class PlacedLine:
    """One line: its text ('' where it could not be read), when its box was measured, and the box, as fractions of the
    picture."""

    text: str
    start_s: float
    end_s: float
    time_s: float
    x: float
    y: float
    width: float
    height: float
    speed: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """How far down its middle is."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Credit:
    """Who did what. A name that stands in a list without a role is none."""

    role: str
    name: str
    start_s: float


def credits_of(lines: Sequence[PlacedLine]) -> list[Credit]:
    """All credits, in the order in which they are shown; one that is shown again, wherever, is told once."""
    found: list[Credit] = []
    for sheet in sheets(lines):
        found += (credit for credit in _of_sheet(sheet) if not _NO_ROLE.fullmatch(credit.role))
    return told_once(found)


def told_once(credits: Iterable[Credit]) -> list[Credit]:
    """The credits in the order in which they are shown; one that is shown again, wherever, is told once."""
    first: dict[tuple[str, str], Credit] = {}
    for credit in sorted(credits, key=lambda credit: credit.start_s):
        first.setdefault((credit.role.casefold(), credit.name.casefold()), credit)
    return list(first.values())


def credits_of_cards(lines: Sequence[PlacedLine]) -> list[Credit]:
    """What cards of an opening say, which have fewer lines than a page of credits.

    A title or a sign may stand in such a place too: only a line that can be nothing but a role makes a credit of what
    stands behind, beside or below it.
    """
    return told_once(credit for sheet in sheets(lines) for credit in _of_card(sheet))


def _of_card(card: Sequence[PlacedLine]) -> Iterator[Credit]:
    role = ""
    for row in rows_of(card):
        whole = replace(row[0], text=" ".join(line.text for line in row if line.text))
        one = next((c for c in in_one_line(whole) if is_role(c.role) and is_person(c.name)), None)
        if one:
            role = ""
            yield one
        elif len(row) == 2 and is_role(row[0].text) and is_person(row[1].text):
            role = row[0].text
            yield Credit(tidy(role), row[1].text, row[0].start_s)
        elif is_role(whole.text):
            role = whole.text
        elif role and is_person(whole.text):
            yield Credit(tidy(role), whole.text, whole.start_s)
        else:
            role = ""


def sheets(lines: Sequence[PlacedLine]) -> Iterator[list[PlacedLine]]:
    """Lines that belong together, their places on one sheet: a roll, or what stands on one page."""
    rolling = sorted((line for line in lines if line.speed < 0), key=lambda line: line.start_s)
    for roll in _groups(rolling):
        speed = float(np.median([line.speed for line in roll]))
        yield [replace(line, y=line.y - speed * line.time_s) for line in roll]
    for page in _groups(sorted((line for line in lines if line.speed >= 0), key=lambda line: line.start_s)):
        yield from _pages(page)


def _groups(lines: Iterable[PlacedLine]) -> Iterator[list[PlacedLine]]:
    """Lines that follow one another without a time in which none shows."""
    group: list[PlacedLine] = []
    end_s = -np.inf
    for line in lines:
        if group and line.start_s > end_s + 1.0:
            yield group
            group = []
        group.append(line)
        end_s = max(end_s, line.end_s)
    if group:
        yield group


def _pages(lines: Sequence[PlacedLine]) -> Iterator[list[PlacedLine]]:
    """Lines that stand, by the moment at which they appear."""
    for time_s in sorted({line.start_s for line in lines}):
        yield [line for line in lines if line.start_s == time_s]


def _of_sheet(sheet: Sequence[PlacedLine]) -> Iterator[Credit]:
    rows = rows_of(sheet)
    if len(rows) < 2 and len(sheet) < 2:
        yield from (credit for line in sheet for credit in in_one_line(line))
        return
    gutter = gutter_of(rows)
    for block in blocks_of(rows):
        yield from _in_columns(block, gutter) if gutter is not None else _in_block(block)


def rows_of(sheet: Sequence[PlacedLine]) -> list[list[PlacedLine]]:
    """Boxes at one height, from left to right; rows from top to bottom."""
    rows: list[list[PlacedLine]] = []
    for line in sorted(sheet, key=lambda line: line.middle):
        if rows and line.middle - rows[-1][0].middle < SAME_LINE * max(line.height, rows[-1][0].height):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.x) for row in rows]


def gutter_of(rows: Sequence[Sequence[PlacedLine]]) -> float | None:
    """Where the two columns part; None where there are no two columns.

    Roles end at one edge, or names begin at one: the gap that most rows of two boxes have in common.
    """
    pairs = [row for row in rows if len(row) == 2]
    if len(pairs) < 2 or 3 * len(pairs) < len(rows):
        return None
    gaps = [(row[0].right, row[1].x) for row in pairs]
    left, right = max(gap[0] for gap in gaps), min(gap[1] for gap in gaps)
    if left < right:
        return (left + right) / 2
    return float(np.median([(a + b) / 2 for a, b in gaps]))


def blocks_of(rows: Sequence[list[PlacedLine]]) -> Iterator[list[list[PlacedLine]]]:
    """Rows without a wider gap between them."""
    middles = [row[0].middle for row in rows]
    steps = [b - a for a, b in pairwise(middles)]
    usual = float(np.percentile(steps, 25)) if steps else 0.0
    block = [rows[0]]
    for row, step in zip(rows[1:], steps, strict=True):
        if step > APART * usual:
            yield block
            block = []
        block.append(row)
    yield block


def _in_columns(block: Sequence[Sequence[PlacedLine]], gutter: float) -> Iterator[Credit]:
    """Role on the left, name on the right; names without a role of their own have the one above."""
    role = ""
    for row in block:
        left = [line.text for line in row if line.x + line.width / 2 < gutter]
        right = [line for line in row if line.x + line.width / 2 >= gutter]
        across = len(row) == 1 and row[0].x < gutter - 0.02 and row[0].right > gutter + 0.02
        if across or not right:
            role = "" if across else " ".join(left)
            continue
        role = " ".join(left) if left else role
        if role and is_name(name := " ".join(line.text for line in right)):
            yield Credit(tidy(role), name, row[0].start_s)


def _in_block(block: Sequence[Sequence[PlacedLine]]) -> Iterator[Credit]:
    """The first line says what, those below it who; a block of one line is read as one."""
    lines = [replace(row[0], text=" ".join(line.text for line in row)) for row in block]
    single = [credit for line in lines for credit in in_one_line(line)]
    if len(lines) == 1 or single:
        yield from single
        return
    for line in lines[1:]:
        if is_name(line.text) and is_name(lines[0].text):
            yield Credit(tidy(lines[0].text), line.text, lines[0].start_s)


def in_one_line(line: PlacedLine) -> Iterator[Credit]:
    """`Directed by Ida Lund`, `Editor: Ida Lund`, `Editor .... Ida Lund`."""
    match = _IN_ONE_LINE.fullmatch(line.text)
    if match is None:
        return
    role = match["role"] or match["named"] or match["left"]
    name = match["by"] or match["name"] or match["right"]
    if is_name(role) and is_name(name):
        yield Credit(tidy(role), name, line.start_s)


def is_name(text: str) -> bool:
    """Whether a text may be a name or a role: letters, no sentence, no address, and nothing about rights."""
    is_else = "://" in text or _RIGHTS.match(text)
    return bool(_LETTERS.search(text)) and len(text) <= MOST_NAME and not is_else


def tidy(role: str) -> str:
    """A role without what leads from it to its name."""
    return role.strip(" .:…_-–—")
