"""A process under the library of faults dies at the very call that it is told to die at, after half a write."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from _needed import need

from benchmarks._faults import compiled, death_at

WORK = """
import os, sys
file = os.open(sys.argv[1] + "/unfinished", os.O_WRONLY | os.O_CREAT)
os.write(file, b"ten bytes.")
os.fsync(file)
os.rename(sys.argv[1] + "/unfinished", sys.argv[1] + "/whole")
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    need("cc", "" if shutil.which("cc") or shutil.which("gcc") else "there is none")
    return compiled(tmp_path_factory.mktemp("faults"))


def worked(library: Path, folder: Path, call: int) -> tuple[int, int]:
    """Exit code of the work, killed at a call; how many calls it made."""
    fault = death_at(call, folder.with_name("count"), [folder])
    folder.mkdir()
    env = {**os.environ, **fault.env, "LD_PRELOAD": str(library)}
    done = subprocess.run([sys.executable, "-c", WORK, str(folder)], env=env, check=False, timeout=60)
    return done.returncode, fault.hits


def test_calls_are_counted_without_a_death(library: Path, tmp_path: Path) -> None:
    assert worked(library, tmp_path / "lake", 0) == (0, 3)
    assert (tmp_path / "lake" / "whole").read_bytes() == b"ten bytes."


@pytest.mark.parametrize(("call", "left"), [(1, b"ten b"), (2, b"ten bytes."), (3, b"ten bytes.")])
def test_a_process_dies_at_its_call(library: Path, tmp_path: Path, call: int, left: bytes) -> None:
    assert worked(library, tmp_path / "lake", call) == (-signal.SIGKILL, call)
    assert [file.name for file in (tmp_path / "lake").iterdir()] == ["unfinished"]
    assert (tmp_path / "lake" / "unfinished").read_bytes() == left


def test_a_library_of_an_earlier_source_is_not_used_again(library, tmp_path, monkeypatch):
    source = tmp_path / "faults.c"
    source.write_text("int nothing;\n")
    monkeypatch.setattr("benchmarks._faults.SOURCE", source)
    assert compiled(library.parent) != library
