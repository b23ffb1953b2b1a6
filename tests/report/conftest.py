"""A project of two films whose tables are made up, and its site."""

import shutil
from pathlib import Path

import pytest
from _browser import complaints, open_browser, visit, why_not
from _needed import need

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


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window, for all tests of a file."""
    need("chromium", why_not())
    opened = open_browser()
    yield opened
    opened.quit()


@pytest.fixture
def film(browser, site):
    """The page of the plain film in the test file's own `site`, which reports no error of its scripts."""
    visit(browser, site / "films" / "plain" / "index.html")
    yield browser
    assert not complaints(browser)
