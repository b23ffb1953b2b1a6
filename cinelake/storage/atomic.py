"""Files that are written whole or not at all: under a temporary name in the same folder, then renamed.

A reader sees the old file or the new one, never a part of either; so does a reader after the writer was killed. What a
killed writer left beside a target carries the writer's process in its name, and the next write of the same
target removes it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cinelake.storage.owners import is_abandoned, owner_name

NAME_CHARS = 32
"""How much of the target's name the temporary name repeats: a file's name has 255 bytes at most."""
BESIDE_DATABASES = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a file that it works on."""


def write_whole(path: Path, content: bytes | str, *, durable: bool = False) -> None:
    """Replace a file's content in one atomic operation; text is written as UTF-8. See `written_whole`."""
    with written_whole(path, durable=durable) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def written_whole(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A path beside `path` to write to, which takes its place at the end; removed when the block raises.

    Nothing exists at the path that is yielded, so the file has the permissions that its writer gives it.
    durable: file and folder are flushed to the disk, so that the file also survives a loss of power.
    """
    with unfinished_file(path) as unfinished:
        yield unfinished
        if durable:
            replace_durably(unfinished, path)
        else:
            unfinished.replace(path)


@contextmanager
def unfinished_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, removed at the end if it still exists, as are those of killed writers."""
    stem = f".{path.name[:NAME_CHARS]}."
    _remove_abandoned(path.parent, stem)
    unfinished = path.with_name(f"{stem}{owner_name()}.part")
    try:
        yield unfinished
    finally:
        for beside in ("", *BESIDE_DATABASES):
            unfinished.with_name(unfinished.name + beside).unlink(missing_ok=True)


def copy_database(source: Path, path: Path) -> None:
    """Copy an SQLite database that others may have open, whole or not at all. Raises `sqlite3.Error`."""
    with written_whole(path) as unfinished, closing(sqlite3.connect(source)) as database:
        database.execute("VACUUM INTO ?", [str(unfinished)])


def _remove_abandoned(folder: Path, stem: str) -> None:
    try:
        entries = os.scandir(folder)
    except OSError:
        return  # the writer reports why that is not possible
    with entries:
        for entry in entries:
            owner, is_part, beside = entry.name.removeprefix(stem).rpartition(".part")
            is_unfinished = entry.name.startswith(stem) and is_part and beside in ("", *BESIDE_DATABASES)
            if is_unfinished and is_abandoned(Path(entry.path), owner):
                Path(entry.path).unlink(missing_ok=True)


def replace_durably(finished: Path, path: Path) -> None:
    """Rename a finished file onto `path`; the content is on the disk before, the name after."""
    flush_to_disk(finished)
    finished.replace(path)
    flush_to_disk(path.parent)


def flush_to_disk(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
