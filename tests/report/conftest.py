"""A project of two films whose tables are made up, and its site."""

import shutil
from pathlib import Path

import pytest

from benchmarks._made_films import make_films

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Two films of a minute with twenty shots; the title of the first is a script."""
    folder = tmp_path_factory.mktemp("report")
    make_films(folder, {"evil": EVIL, "plain": "A plain film"}, seconds=60, shots=20)
    return folder


@pytest.fixture
def project(made_once, tmp_path) -> Path:
    """A copy of it to change."""
    return Path(shutil.copytree(made_once, tmp_path / "project"))
