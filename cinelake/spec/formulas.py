"""Texts for spreadsheets, which compute what begins like a formula: such a text gets an apostrophe before it."""

from __future__ import annotations

import re
from typing import Any

FORMULAS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""What a text begins with that a spreadsheet takes for a formula."""
_GUARDED = re.compile(rf"'+[{re.escape(''.join(FORMULAS))}]")


def safe_text(value: Any) -> Any:
    """A value for CSV that no spreadsheet takes for a formula: text that begins like one gets an apostrophe before it.

    As OWASP advises (CSV Injection): `=`, `+`, `-`, `@`, also as wide characters, tab, carriage return, line feed. So
    does what looks as if it had got one: `unguarded` returns the text. Numbers stay numbers.
    """
    return f"'{value}" if isinstance(value, str) and (value.startswith(FORMULAS) or _GUARDED.match(value)) else value


def unguarded(text: str) -> str:
    """The text that `safe_text` was given."""
    return text[1:] if text.startswith("'") and _GUARDED.match(text) else text
