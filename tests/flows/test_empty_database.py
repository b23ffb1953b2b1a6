"""A new Prefect server finds its database laid out: what is kept is what the migrations of its version make."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows import empty_database
from flows.empty_database import LAYOUT, lay_out_database, migrated_layout

KEPT = LAYOUT.read_text(encoding="utf-8")


def statements(layout: str) -> list[str]:
    """The words of a layout, whose indexes and constraints Prefect makes in any order."""
    return sorted(line.strip().rstrip(",") for line in layout.splitlines())


def test_a_database_has_the_tables_and_no_rows(tmp_path: Path) -> None:
    lay_out_database(tmp_path / "prefect.db")
    with closing(sqlite3.connect(tmp_path / "prefect.db")) as database:
        assert statements("\n".join(database.iterdump())) == statements(KEPT.split("\n", 1)[1])


def test_a_database_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "prefect.db").write_bytes(b"somebody's")
    lay_out_database(tmp_path / "prefect.db")
    assert (tmp_path / "prefect.db").read_bytes() == b"somebody's"


def test_prefect_of_another_version_makes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(empty_database, "version", lambda _package: "3.8.9")
    lay_out_database(tmp_path / "prefect.db")
    assert not list(tmp_path.iterdir())


def test_the_version_that_is_installed_is_the_one_that_is_kept() -> None:
    assert KEPT.startswith(empty_database._head() + "\n"), "python -m flows.empty_database > flows/empty_database.sql"


@pytest.mark.slow
def test_the_migrations_lay_out_what_is_kept() -> None:
    assert statements(migrated_layout()) == statements(KEPT)
