"""MLflow's database is made whole or not at all: who makes it may be killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cinelake.storage.processes import import_path
from cinelake.tracking.store import connect, made_alone

KILLED_AMONG_MIGRATIONS = """
import os, signal, sys
from sqlalchemy import Engine, event
from cinelake.tracking.store import connect

altered = []

@event.listens_for(Engine, "after_cursor_execute")
def die(connection, cursor, statement, *rest):
    altered.extend([statement] if statement.lstrip().startswith("ALTER TABLE") else [])
    if len(altered) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

connect(sys.argv[1])
"""


@pytest.mark.slow
def test_a_process_killed_among_the_migrations_leaves_nothing_that_the_next_cannot_open(tmp_path: Path) -> None:
    uri, migration = f"sqlite:///{tmp_path}/mlflow.db", random.randint(1, 5)
    command = [sys.executable, "-c", KILLED_AMONG_MIGRATIONS, uri, str(migration)]
    assert subprocess.run(command, env=os.environ | import_path()).returncode == -signal.SIGKILL
    connect(uri).create_experiment("scenes")
    assert [file.name for file in tmp_path.iterdir()] == ["mlflow.db"]


@pytest.mark.slow
def test_a_server_s_first_experiment_keeps_its_files_where_the_server_does(tmp_path: Path) -> None:
    uri, files = f"sqlite:///{tmp_path}/mlflow.db", f"{tmp_path}/{random.randint(1, 999)}"
    with made_alone(uri, files):
        pass
    assert connect(uri).get_experiment("0").artifact_location == f"{files}/0"
