"""Names that may be used: of films, of tables, and those the lake keeps for itself; and how many of a name."""

from __future__ import annotations

import re

MOVIE_ID = re.compile(r"[a-z0-9_]{1,96}")


TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


RESERVED = ("failures", "quality", "published")
"""Folders of the lake that are no table of films."""


def counted(count: int, what: str) -> str:
    """`1 film`, `12 films`."""
    return f"{count} {what}{'' if count == 1 else 's'}"
