"""SQLite files that are caches in a lake: whoever made the lake made them too, so they are held against what we make.

A view in the place of a table may be without end, a trigger may do anything to what is written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from functools import lru_cache

_OBJECTS = "select type, name, tbl_name, sql from sqlite_schema"


def check_schema(connection: sqlite3.Connection, script: str) -> None:
    """Raise `sqlite3.DatabaseError` where a database has other tables, views or triggers than a script makes.

    Nothing that its file says is computed by functions that act on more than their arguments, from here on.
    """
    connection.execute("pragma trusted_schema = off")
    if frozenset(connection.execute(_OBJECTS)) != _made_by(script):
        raise sqlite3.DatabaseError("it has other tables, views or triggers than this version makes")


@lru_cache(maxsize=8)
def _made_by(script: str) -> frozenset[Iterable[str | None]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script)
        return frozenset(connection.execute(_OBJECTS))
