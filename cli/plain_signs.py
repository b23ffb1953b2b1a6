"""Output in any locale: where it has no sign for a character, a plain one stands, and nothing breaks."""

from __future__ import annotations

import codecs
import io
import sys
from typing import IO, Any

PLAIN = str.maketrans(
    {
        **dict.fromkeys("·−–—", "-"),
        **dict.fromkeys("“”", '"'),
        **dict.fromkeys("‘’", "'"),
        **{"×": "x", "…": "...", "→": "->", "←": "<-", "≥": ">=", "≤": "<=", "±": "+-", "\u00a0": " "},
    }
)
"""The signs of our own words in ASCII; Rich draws its boxes and bars in ASCII by itself."""


def write_in_any_locale() -> None:
    """Make standard output and error write what their encoding lacks in plain signs, or as an escape (`\\u00fc`)."""
    codecs.register_error("cinelake-plain", _in_plain_signs)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="cinelake-plain")


def _in_plain_signs(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(PLAIN)
    return plain.encode("ascii", "backslashreplace").decode("ascii"), error.end


def is_plain(stream: IO[Any]) -> bool:
    """Whether a stream cannot hold every character, so that JSON for it has escapes instead."""
    return codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name not in ("utf-8", "utf-16", "utf-32")
