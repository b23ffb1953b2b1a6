"""Files that lie beside a film and belong to it: `night.srt` and `night.en.vtt` to `night.mp4`.

A task that reads some declares their suffixes (`beside=(".srt", ".vtt")`); their contents then enter its key, so that
one that changes, comes or goes makes the table stale, and nothing else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_TAGS = re.compile(r"(\.[A-Za-z][A-Za-z0-9-]*)*")


def sidecars_of(paths: Iterable[str], suffixes: Sequence[str]) -> dict[str, list[Path]]:
    """Film's path → its sidecars, by name; films without any are left out. Each folder is listed once."""
    stems: dict[str, dict[str, list[str]]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        stems.setdefault(folder, {}).setdefault(os.path.splitext(name)[0], []).append(path)  # noqa: PTH122 (10,000 of them)
    found: dict[str, list[Path]] = {}
    for folder, by_stem in stems.items():
        for name in _files(folder, tuple(suffixes)):
            for path in _films_of(name, by_stem):
                found.setdefault(path, []).append(Path(folder, name))
    return found


def sidecar_name(path: str, sidecar: Path) -> str:
    """What a sidecar's name adds to the film's stem: `.en.srt`."""
    return sidecar.name.removeprefix(Path(path).stem)


def _files(folder: str, suffixes: tuple[str, ...]) -> list[str]:
    try:
        with os.scandir(folder or ".") as entries:
            return sorted(e.name for e in entries if e.name.lower().endswith(suffixes) and e.is_file())
    except OSError:
        return []


def _films_of(name: str, by_stem: dict[str, list[str]]) -> list[str]:
    """The films with the longest stem that the name continues with tags: `a.b.srt` is of `a.b.mp4`, not of `a.mp4`."""
    rest = os.path.splitext(name)[0]  # noqa: PTH122 (10,000 of them)
    tags = ""
    while rest:
        if rest in by_stem and _TAGS.fullmatch(tags):
            return by_stem[rest]
        rest, dot, tag = rest.rpartition(".")
        tags = f"{dot}{tag}{tags}"
    return []
