"""Worked questions: a file of SQL each, `NAME.sql`, that `cinelake query --question NAME` asks.

The first line is the question in words, a line `-- set:` lists the variables that may be set. In the plain DuckDB
shell: `.read views.sql`, `SET VARIABLE film = '…'` where a question has one, then `.read cinelake/questions/NAME.sql`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cinelake.errors import UnknownName, UsageError

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class QualityQuestion:
    """One question. asks: in words. sql: its query. variables: name → meaning."""

    name: str
    asks: str
    sql: str
    variables: Mapping[str, str]

    def tables(self, known: Collection[str]) -> list[str]:
        """Which of the known tables it reads."""
        return sorted(set(re.findall(r"(?:FROM|JOIN)\s+(\w+)", self.sql)) & set(known))

    def check_variables(self, given: Collection[str]) -> None:
        """Raise `UnknownName` for a variable that the question does not have."""
        for name in given:
            if not self.variables:
                raise UsageError(f"question {self.name!r} has nothing to set. Received: {name!r}")
            if name not in self.variables:
                raise UnknownName("variable", name, self.variables)


@cache
def known_questions() -> dict[str, QualityQuestion]:
    """Name → question."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.sql"))}


def find_question(name: str) -> QualityQuestion:
    """The question of this name. Raises `UnknownName` with close matches."""
    if name not in known_questions():
        raise UnknownName("question", name, known_questions())
    return known_questions()[name]


def _read(path: Path) -> QualityQuestion:
    lines = path.read_text(encoding="utf-8").splitlines()
    notes = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    sql = "\n".join(line for line in lines if not line.startswith("--"))
    declared = next((note.removeprefix("set:") for note in notes if note.startswith("set:")), "")
    variables = dict(re.findall(r"(\w+), ([^;]+)", declared))
    return QualityQuestion(path.stem, notes[0], sql, variables)
