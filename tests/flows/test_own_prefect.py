"""A new Prefect server finds its database laid out, where this machine has made one of its version before."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from flows.own_prefect import lay_out_database


@pytest.fixture
def known(tmp_path, monkeypatch):
    """The cache's database, with one table that no migration makes."""
    monkeypatch.setenv("CINELAKE_CACHE", str(tmp_path / "cache"))
    from flows.own_prefect import _known_file

    _known_file().parent.mkdir()
    with closing(sqlite3.connect(_known_file())) as database:
        database.execute("create table of_this_machine (a)")
    _known_file().chmod(0o600)
    return _known_file()


def tables(file):
    with closing(sqlite3.connect(file)) as database:
        return {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}


def test_what_the_machine_knows_is_copied(known, tmp_path):
    lay_out_database(tmp_path / "prefect.db")
    assert tables(tmp_path / "prefect.db") == {"of_this_machine"}


def test_a_database_that_is_there_is_left_alone(known, tmp_path):
    (tmp_path / "prefect.db").write_bytes(b"somebody's")
    lay_out_database(tmp_path / "prefect.db")
    assert (tmp_path / "prefect.db").read_bytes() == b"somebody's"


@pytest.mark.slow
def test_a_machine_that_knows_none_lays_one_out_and_keeps_it_for_the_next_server(tmp_path):
    command = [
        sys.executable,
        "-c",
        "import sys; from flows.own_prefect import *; lay_out_database(Path(sys.argv[1]))",
    ]
    environment = {**os.environ, "CINELAKE_CACHE": str(tmp_path / "cache"), "PREFECT_HOME": str(tmp_path / "home")}
    subprocess.run([*command, tmp_path / "prefect.db"], env=environment, check=True)
    (kept,) = (tmp_path / "cache").glob("prefect-*.db")
    assert "flow_run" in tables(tmp_path / "prefect.db") & tables(kept)


@pytest.mark.slow
def test_one_is_kept_once_prefect_is_installed_and_only_its_owner_can_change_it(tmp_path):
    command = [sys.executable, "-m", "flows.own_prefect", "database"]
    environment = {**os.environ, "CINELAKE_CACHE": str(tmp_path), "PREFECT_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    (kept,) = tmp_path.glob("prefect-*.db")
    assert "flow_run" in tables(kept) and kept.stat().st_mode & 0o777 == 0o600 and not done.stderr


def test_a_cache_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    environment = {**os.environ, "CINELAKE_CACHE": str(tmp_path / "file" / "cache")}
    command = [sys.executable, "-m", "flows.own_prefect", "database"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr.startswith("The first run will lay out Prefect's database itself")
