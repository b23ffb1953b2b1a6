"""Looking at folders in which others are at work: what vanishes meanwhile is passed over."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def files_below(*folders: Path) -> list[Path]:
    """All files of the folders and of those within them."""
    walks = (os.walk(folder) for folder in folders)
    return [Path(place) / name for walk in walks for place, _, names in walk for name in names]


def bytes_below(*folders: Path) -> int:
    """How much the files of the folders hold."""
    total = 0
    for path in files_below(*folders):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def files_holding(words: Iterable[str], *folders: Path) -> list[Path]:
    """The files that hold one of these words."""
    sought, found = [word.encode() for word in words], []
    for path in files_below(*folders):
        with suppress(FileNotFoundError):
            content = path.read_bytes() if path.is_file() else b""
            found += [path] if any(word in content for word in sought) else []
    return found
