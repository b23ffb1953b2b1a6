"""Text from outside in Markdown, which is read as it is written: no link, picture, table or HTML is made of it."""

from __future__ import annotations

import re

_ACTS = re.compile(r"[\\`*_\[\]<>&|~#!@]|(?<=:)/|(?<=www)\.", re.IGNORECASE)
"""What begins a link, a picture, HTML, a table or a mark; an address (a page's, a person's) becomes a link, too."""


def as_text(text: str) -> str:
    """The text for a paragraph, an item or a cell of a table: one line in which nothing acts (GFM, CommonMark 2.4)."""
    return _ACTS.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))
