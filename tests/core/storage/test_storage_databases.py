"""Caches in SQLite that somebody else has made: other tables, views or triggers are never asked."""

import sqlite3
from contextlib import closing

import pytest

from cinelake.storage.databases import check_schema

SCRIPT = "begin immediate; create table cells (name text primary key); pragma user_version = 3; commit;"
OTHERS = (
    "create trigger t after insert on cells begin delete from cells; end",
    "create table more (x)",
    "drop table cells; create view cells as with recursive r(name) as (select 1 union all select name from r) "
    "select name from r",
    "drop table cells; create table cells (name text primary key, more as (upper(name)))",
)


@pytest.mark.parametrize("other", OTHERS, ids=["trigger", "table", "endless view", "computed column"])
def test_a_database_is_taken_only_with_the_tables_that_we_make(tmp_path, other):
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as connection:
        connection.executescript(SCRIPT)
        check_schema(connection, SCRIPT)
        connection.executescript(other)
        with pytest.raises(sqlite3.DatabaseError, match="other tables"):
            check_schema(connection, SCRIPT)
