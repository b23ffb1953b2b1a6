"""Text from outside in Markdown, which is read as it is written: no link, picture, table or HTML is made of it."""

from __future__ import annotations

import math
import re
from typing import Any

_ACTS = re.compile(r"[\\`*_\[\]<>&|~#!@]|(?<=:)/|(?<=www)\.", re.IGNORECASE)
"""What begins a link, a picture, HTML, a table or a mark; an address (a page's, a person's) becomes a link, too."""
UNDEFINED = "–"
"""A score that the films do not define."""


def as_text(text: str) -> str:
    """The text for a paragraph, an item or a cell of a table: one line in which nothing acts (GFM, CommonMark 2.4)."""
    return _ACTS.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))


def as_cell(value: Any) -> str:
    """A value in a cell of a table: nothing for none, three digits of a score, a dash where it is undefined (NaN)."""
    if value is None:
        return ""
    if isinstance(value, float):
        return UNDEFINED if math.isnan(value) else f"{value:.3f}"
    return as_text(str(value))
