"""Processes of this project import nothing from the folder that they are started in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cinelake.storage.child_processes import import_path, module_command


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A folder with a file that is called like a library, and says so when it is executed."""
    (tmp_path / "json.py").write_text("print('executed')\n")
    return tmp_path


def test_a_file_beside_the_films_is_not_imported(planted: Path) -> None:
    command = module_command("json.tool", "--help")
    done = subprocess.run(command, cwd=planted, env={**os.environ, **import_path()}, capture_output=True, text=True)
    assert done.returncode == 0 and "executed" not in done.stdout


def test_what_this_process_imports_is_found_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_a_user.py").write_text("print('found')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    env = {**os.environ, **import_path()}
    done = subprocess.run(module_command("of_a_user"), cwd="/", env=env, capture_output=True, text=True)
    assert done.stdout == "found\n"


def test_no_module_of_the_project_is_started_otherwise() -> None:
    root = Path(__file__).parents[3]
    files = [file for room in ("cinelake", "cli", "flows") for file in (root / room).rglob("*.py")]
    assert [file for file in files if 'sys.executable, "-m"' in file.read_text()] == []
