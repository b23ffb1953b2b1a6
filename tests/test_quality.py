"""The quality gates: style, types, layers, and what the rooms may hold."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PRODUCT = ("cinelake", "models", "tasks", "report", "export", "importers", "flows", "cli", "schema")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True)


def test_the_style_is_clean() -> None:
    found = _run("ruff", "check", ".")
    assert found.returncode == 0, found.stdout[-4000:]


def test_the_types_are_clean() -> None:
    found = _run("mypy")
    assert found.returncode == 0, found.stdout[-4000:]


def test_the_layers_hold_without_exceptions() -> None:
    found = _run("lint-imports")
    assert found.returncode == 0, found.stdout[-4000:]
    assert "ignore_imports" not in (ROOT / "pyproject.toml").read_text()


def test_no_test_imports_ray_before_it_runs() -> None:
    """Its import settles how a process identifies itself to Ray; all that runs in it later would be refused."""
    early = re.compile(r"^(?:import|from) ray\b", re.M)
    assert not [str(path) for path in (ROOT / "tests").rglob("*.py") if early.search(path.read_text())]


def _git(*command: str) -> str:
    return subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_git_ignores_no_source_file() -> None:
    """A room named like a folder of a user's project (`labels/`) once lost its `__init__` on the way to a clone."""
    ignored = _git("ls-files", "--others", "--ignored", "--exclude-standard", "--", "*.py").split()
    assert not [path for path in ignored if not path.startswith((".", "demo/"))]


def test_no_list_of_packages_names_a_host() -> None:
    lists = [*ROOT.glob("requirements/*"), *ROOT.glob("infra/**/requirements*")]
    assert not [path.name for path in lists if "://" in path.read_text() or "index-url" in path.read_text()]


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## Unreleased\n+(?:### .*\n+)?- ", text, re.M)


def test_every_change_has_a_line_in_the_changelog() -> None:
    """What is committed after the changelog's latest line is a change that nobody is told of."""
    latest = _git("log", "-1", "--format=%H", "--", "CHANGELOG.md")
    without = _git("log", "--format=%h %s", f"{latest}..HEAD", "--", *PRODUCT)
    assert not without, f"add a line under Unreleased for:\n{without}"


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().split()) < 600
