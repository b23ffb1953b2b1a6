"""The files of a folder or a glob on this machine: each of them is a film, or skipped with the reason."""

from __future__ import annotations

import contextlib
import glob
import heapq
import os
import stat
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cinelake.catalogue.names import movie_id_of
from cinelake.catalogue.sidecars import Skipped, sort_out, suffix_of
from cinelake.errors import ManifestError, Problem
from cinelake.storage.store import is_file

BESIDE_FILM = ".cinelake"
"""How folders end in which the tables and pages of one film are kept beside it: they hold no films, and are passed over
without a word."""
ANYTHING = ("*", "**")
"""Parts of a glob that are never taken for the name of something that is there."""


class Part(NamedTuple):
    """One part of a place, and whether it is a pattern."""

    text: str
    is_pattern: bool


def files_at(place: str, base: Path, only: str | None) -> tuple[list[str], list[Skipped]]:
    """Paths of the files that may be films (broken links too: they are reported), and what was skipped.

    place: a folder, a file or a glob. only: of a glob, only the files with this `movie_id`, unless there are none.
    Raises `ManifestError` where there is no such place, or it cannot be read.
    """
    parts = parts_of(PurePosixPath(place).parts, lambda *names: os.path.lexists(base.joinpath(*names)))
    fixed = base.joinpath(*(part.text for part in takewhile(lambda part: not part.is_pattern, parts)))
    if any(part.is_pattern for part in parts):
        if not os.path.isdir(fixed):  # noqa: PTH112 - a name may be too long for a file's
            raise _no_place(place, fixed)
        return _matching(parts, base, only)
    if os.path.isdir(fixed):  # noqa: PTH112 - as above
        return _in_folder(fixed)
    if not os.path.lexists(fixed):
        raise _no_place(place, fixed)
    return [str(fixed.absolute())], []


def parts_of(names: tuple[str, ...], is_there: Callable[..., bool]) -> list[Part]:
    """The parts of a place; `films [1080p]` is the folder of that name where there is one, else a pattern.

    is_there: whether something has the name that these parts make.
    """
    parts: list[Part] = []
    for number, name in enumerate(names):
        open_before = any(part.is_pattern for part in parts)
        is_name = not open_before and name not in ANYTHING and glob.has_magic(name) and is_there(*names[: number + 1])
        parts.append(Part(name, glob.has_magic(name) and not is_name))
    return parts


def pattern_of(parts: list[Part]) -> str:
    """The parts as one glob, in which names that are no patterns are escaped."""
    first, *rest = [part.text if part.is_pattern else glob.escape(part.text) for part in parts]
    return "/".join(["" if first == "/" else first, *rest])


def suffix_asked(parts: list[Part]) -> str:
    """The suffix that a glob's last part names (`*.ac3`), in lower case; '' where it is part of the pattern."""
    suffix = suffix_of(parts[-1].text)
    return "" if glob.has_magic(suffix) else suffix


def _in_folder(folder: Path) -> tuple[list[str], list[Skipped]]:
    files, skipped = [], []
    for entry in _scan(folder):
        if entry.name.startswith("."):
            skipped.append(Skipped(entry.path, "hidden"))
        elif is_file(entry) or not (reason := _other_kind(entry.path)):
            files.append(entry.path)
        elif not (entry.name.endswith(BESIDE_FILM) and reason == "folder"):
            skipped.append(Skipped(entry.path, reason))
    films, others = sort_out(sorted(files))
    return films, [*skipped, *others]


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder.absolute()) as entries:
            return list(entries)
    except OSError as error:
        message = f"the folder cannot be read: {error.strerror or error}"
        raise ManifestError([Problem(str(folder), 0, "catalogue.films", message)]) from error


def _matching(parts: list[Part], base: Path, only: str | None) -> tuple[list[str], list[Skipped]]:
    """Files that a glob matches; `**` goes into folders, so that only without it a folder is something skipped."""
    pattern, again = pattern_of(parts), set[str]()
    shown, every = _globbed(pattern, base, again, hidden=False), _globbed(pattern, base, set(), hidden=True)
    start, named = base.absolute(), sum(1 for _ in takewhile(lambda part: not part.is_pattern, parts))
    hidden = {name for name in every - shown if not _is_beside_film(name, named)}
    skipped = [Skipped(os.path.join(start, name), "hidden") for name in hidden]  # noqa: PTH118 (10,000 names: as text)
    names = sorted(name for name in shown if not _is_beside_film(name, named))
    names = [name for name in names if movie_id_of(name.rpartition("/")[2]) == only] or names if only else names
    paths = [os.path.join(start, name) for name in names]  # noqa: PTH118 (10,000 names: as text)
    once = _each_folder_once(paths, base)
    linked = {os.path.join(start, name) for name in again}  # noqa: PTH118 (10,000 names: as text)
    skipped += [Skipped(path, "seen_before") for path in linked | (set(paths) - set(once))]
    files, goes_in = [], any(part.text == "**" for part in parts)
    for path in once:
        reason = _other_kind(path)
        if not reason:
            files.append(path)
        elif reason == "no_file" or not goes_in:
            skipped.append(Skipped(path, reason))
    films, others = sort_out(files, suffix_asked(parts))
    return films, [*skipped, *others]


def _globbed(pattern: str, base: Path, again: set[str], hidden: bool) -> set[str]:
    """What a glob matches from `base`; `**` goes into each folder once, by its shortest path.

    Python's own goes into a link to a folder above it forty times, and with two such links for ever. again: takes the
    links that lead to folders that were reached before. hidden: whether names that begin with a dot match as others do.
    """
    parts = pattern.split("/")
    if "**" not in parts:
        return set(glob.glob(pattern, root_dir=base, include_hidden=hidden))  # noqa: PTH207 (Path.glob takes hidden)
    head, rest = "/".join(parts[: parts.index("**")]), "/".join(parts[parts.index("**") + 1 :]) or "*"
    tops = {"/"} if head == "" and pattern.startswith("/") else _globbed(head, base, again, hidden) if head else {""}
    found: set[str] = set()
    for folder in _folders_under(base, tops, again, hidden):
        inside = _globbed(rest, base / folder, later := set[str](), hidden)
        found |= {f"{folder}{name}" for name in inside}
        again |= {f"{folder}{name}" for name in later}
    return found


def _folders_under(base: Path, tops: set[str], again: set[str], hidden: bool) -> list[str]:
    """These folders and all within them, as prefixes of names: `` for `base`, `s1/`; each once, those by links last."""
    waiting = [(len(top), top.rstrip("/") + "/" if top else "") for top in tops]
    heapq.heapify(waiting)
    reached: dict[str, str] = {}
    while waiting:
        _, folder = heapq.heappop(waiting)
        if not _is_first_way(folder, base, reached):
            again.add(folder.rstrip("/"))
            continue
        with contextlib.suppress(OSError), os.scandir(base / folder) as entries:
            for entry in entries:
                if (hidden or not entry.name.startswith(".")) and _is_folder(entry):
                    inner = f"{folder}{entry.name}/"
                    heapq.heappush(waiting, (len(inner), inner))
    return list(reached.values())


def _is_first_way(folder: str, base: Path, reached: dict[str, str]) -> bool:
    """Whether a folder is not `reached` by another way: real path → the way, which this notes. Asked shortest first."""
    return reached.setdefault(os.path.realpath(base / folder), folder) == folder


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or leads to one; a link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_beside_film(name: str, named: int) -> bool:
    """Whether a path is such a folder or lies in one, beyond the first parts, which a person has named."""
    return f"{BESIDE_FILM}/" in f"{name}/" and any(part.endswith(BESIDE_FILM) for part in name.split("/")[named:])


def _each_folder_once(paths: list[str], base: Path) -> list[str]:
    """The paths without those that reach a folder a second time, through a link (`**` follows links)."""
    reached: dict[str, str] = {}
    folders = sorted({path.rpartition("/")[0] for path in paths}, key=lambda name: (len(name), name))
    kept = {folder for folder in folders if _is_first_way(folder, base, reached)}
    return [path for path in paths if path.rpartition("/")[0] in kept]


def _other_kind(path: str) -> str:
    """`folder`, or `no_file` for a pipe or device; empty for a file, also one that is not there (a missing film)."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 (10,000 of them)
    except OSError:
        return ""
    if stat.S_ISREG(mode):
        return ""
    return "folder" if stat.S_ISDIR(mode) else "no_file"


def _no_place(place: str, folder: Path) -> ManifestError:
    message = f"expected a folder, a file or a glob, received {place!r}: there is no {folder}"
    return ManifestError([Problem(str(folder), 0, "catalogue.films", message)])
