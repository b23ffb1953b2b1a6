"""A new server's database is laid out by a kept schema, which is what Prefect's own migrations make."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from flows import empty_database
from flows.empty_database import SCHEMA, lay_out_database, schema_by_migrations


def of(file, question):
    with closing(sqlite3.connect(file)) as database:
        return database.execute(question).fetchall()


def test_the_tables_are_there_at_the_version_of_the_last_migration(tmp_path):
    lay_out_database(tmp_path / "prefect.db")
    tables = {name for (name,) in of(tmp_path / "prefect.db", "select name from sqlite_master where type = 'table'")}
    assert {"flow_run", "task_run", "log"} <= tables and len(tables) > 30
    assert len(of(tmp_path / "prefect.db", "select * from alembic_version")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["prefect.db"]


def test_a_database_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / "prefect.db").write_bytes(b"somebody's")
    lay_out_database(tmp_path / "prefect.db")
    assert (tmp_path / "prefect.db").read_bytes() == b"somebody's"


def test_another_version_of_prefect_migrates_by_itself(tmp_path, monkeypatch):
    migrated = []
    monkeypatch.setattr(empty_database, "version", lambda _: "0.0.1")
    monkeypatch.setattr(empty_database, "_migrate", lambda: migrated.append(True))
    lay_out_database(tmp_path / "prefect.db")
    assert migrated == [True]


@pytest.mark.slow
def test_the_kept_schema_is_what_the_migrations_make():
    assert clauses(schema_by_migrations()) == clauses(SCHEMA.read_text())


def clauses(schema):
    """What a schema says; the migrations put a table's constraints in an order that is another each time."""
    return sorted(line.strip().rstrip(",") for line in schema.splitlines())
