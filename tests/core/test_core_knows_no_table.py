"""The core asks what tasks and models declare: it calls none of them by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import cinelake
from cinelake.spec.model import known_models
from cinelake.spec.task import find_task, known_tasks

CORE = Path(cinelake.__file__).parent
WORDS = {
    ("labels/checks.py", "shots"): "a unit: spans given by shots, not by seconds",
    ("labels/store.py", "films"): "a field of a label version: rows of each film",
    ("manifest/document.py", "films"): "a project's name, where its folder's has no letter",
    ("manifest/films.py", "films"): "a key of the manifest's `catalogue`",
    ("media/pipe_readers.py", "sound"): "the name of a pipe",
    ("run/streams.py", "frames"): "a count in footers: frames that were decoded",
    ("spec/labels.py", "films"): "a shape of labels: one of a whole film",
}
"""(file, name) → why it is a word there and not the name of a table, task or model."""


def names() -> set[str]:
    """Names of all tasks, of the tables that they write, and of all kinds of models."""
    return {*known_tasks(), *(find_task(name).contract.table for name in known_tasks()), *known_models()}


def strings(path: Path) -> Iterator[str]:
    """The string literals of a file but for docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


def named() -> set[tuple[str, str]]:
    """(file, name) of all literals of the core that equal a name."""
    known = names()
    files = {path.relative_to(CORE).as_posix(): path for path in CORE.rglob("*.py")}
    return {(file, text) for file, path in files.items() for text in strings(path) if text in known}


def test_the_core_names_no_task_table_or_model() -> None:
    assert named() - set(WORDS) == set(), "ask for a role (cinelake.spec.roles) that the task declares"


def test_every_word_that_is_allowed_is_still_used() -> None:
    assert set(WORDS) - named() == set()


@pytest.mark.parametrize("text", ['x = "shots"', 'read(["shot", "shots"])', 'f(table="shots")', "f\"{x['shots']}\""])
def test_a_name_is_seen_wherever_it_stands(tmp_path: Path, text: str) -> None:
    (tmp_path / "file.py").write_text(f'"""About shots."""\n\n{text}\n')
    assert "shots" in set(strings(tmp_path / "file.py"))
