"""Files that lie beside a film and belong to it: `night.srt` and `night.en.vtt` to `night.mp4`.

A task that reads some declares their suffixes (`beside=(".srt", ".vtt")`); their contents then enter its key, so that
one that changes, comes or goes makes the table stale, and nothing else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

SIDECARS = (
    *(".srt", ".vtt", ".ass", ".ssa", ".sub", ".idx", ".nfo", ".json", ".csv", ".txt", ".xml", ".md", ".parquet"),
    *(".yaml", ".yml", ".jpg", ".jpeg", ".png", ".webp", ".pdf", ".sha1", ".sha256", ".md5", ".torrent"),
    *(".part", ".crdownload", ".download", ".tmp", ".aria2", ".ytdl"),
)
"""Files beside films that are not films: subtitles, notes, pictures, unfinished downloads."""
_TAGS = re.compile(r"(\.[A-Za-z][A-Za-z0-9-]*)*")


def sidecars_of(
    paths: Iterable[str], suffixes: Sequence[str], names_in: Callable[[str], Iterable[str]]
) -> dict[str, list[str]]:
    """Film's path → paths of its sidecars, by name; films without any are left out. Each folder is listed once.

    names_in: names of the files in a folder, such as `names_here`.
    """
    stems: dict[str, dict[str, list[str]]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        stems.setdefault(folder, {}).setdefault(os.path.splitext(name)[0], []).append(path)  # noqa: PTH122 (10,000 of them)
    by_film: dict[str, list[str]] = {}
    for folder, by_stem in stems.items():
        for name in sorted(names_in(folder)):
            if name.lower().endswith(tuple(suffixes)):
                for path in _films_of(name, by_stem):
                    by_film.setdefault(path, []).append(f"{folder}/{name}")
    return by_film


def sidecar_name(path: str, sidecar: str | Path) -> str:
    """What a sidecar's name adds to the film's stem: `.en.srt`."""
    return str(sidecar).rpartition("/")[2].removeprefix(Path(path).stem)


def without_sidecars(paths: Collection[str]) -> list[str]:
    """The paths without those that belong to another of them: `night.srt` to `night.mp4`."""
    films = {os.path.splitext(path)[0] for path in paths if suffix_of(path) not in SIDECARS}  # noqa: PTH122 (10,000 of them)
    return [path for path in paths if suffix_of(path) not in SIDECARS or not _belongs_to(path, films)]


def suffix_of(path: str) -> str:
    """A path's suffix in lower case."""
    return os.path.splitext(path)[1].lower()  # noqa: PTH122 (10,000 of them)


def _belongs_to(sidecar: str, stems: set[str]) -> bool:
    """`night.srt`, `night.en.srt` and `night-poster.jpg` belong to a film with the stem `night`."""
    start = sidecar.rfind("/") + 1
    return any(sidecar[:i] in stems for i in range(start, len(sidecar)) if sidecar[i] in ".-")


def names_here(folder: str) -> list[str]:
    """Names of the files in a folder of this machine; empty where it does not exist."""
    try:
        with os.scandir(folder or ".") as entries:
            return [entry.name for entry in entries if entry.is_file()]
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
