"""The files of a lake's folder as DuckDB reaches them: by `lake://shots/*.parquet`, to read and nothing else.

DuckDB's own lists of allowed paths permit writing too (2.0: `COPY … (USE_TMP_FILE false)`), so a connection for
questions has no way to the disk but this one.
"""

from __future__ import annotations

import datetime
import io
import os
import stat
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

from cinelake.query.guard import PREFIX


class LakeFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec is not type-checked here
    """A folder's files, read-only. Whatever else a file system can do, fsspec refuses as not implemented."""

    protocol = PREFIX.removesuffix("://")
    cachable = False

    def __init__(self, root: str):
        super().__init__()
        self.root = Path(root)

    def open(self, path: str, mode: str = "rb", **_: Any) -> _File:
        """A file to read. Raises `PermissionError` for any other mode, and for what lies outside the folder."""
        if mode != "rb":
            raise PermissionError("questions write nothing")
        found = self._below_root(path)
        if not found.resolve().is_relative_to(self.root.resolve()):
            raise PermissionError(f"{_relative(path)} is a link to a file outside the lake")
        file = io.FileIO(found, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # a pipe opens at once
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise PermissionError(f"{_relative(path)} is no file")
        return _File(file)

    def glob(self, path: str, **_: Any) -> list[str]:
        """The files that a pattern fits, in order of their names."""
        pattern = _relative(path)
        return sorted(str(file.relative_to(self.root)) for file in self.root.glob(pattern)) if pattern else []

    def unstrip_protocol(self, name: str) -> str:
        """The name as DuckDB opens it."""
        return f"{PREFIX}{name}"

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size in bytes and type."""
        found = self._below_root(path).stat()
        kind = "directory" if stat.S_ISDIR(found.st_mode) else "file"
        return {"name": path, "size": found.st_size, "type": kind}

    def modified(self, path: str) -> datetime.datetime:
        """When the file was written."""
        return datetime.datetime.fromtimestamp(self._below_root(path).stat().st_mtime, datetime.UTC)

    def _below_root(self, path: str) -> Path:
        return self.root / _relative(path)


class _File:
    """A file to read at any place from any thread, closed when DuckDB lets go of it.

    DuckDB reads a place by `seek`, then `read`, from several threads at once and without a lock: a thread's `seek`
    holds for its own next `read`, whatever others do in between. A `read` without one goes on where the last ended.
    """

    def __init__(self, file: io.FileIO):
        self._file = file
        self._cursor = [0]
        self._own = threading.local()
        self._lock = threading.Lock()

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place; returns its offset in bytes."""
        if whence != os.SEEK_SET:
            position += self.tell() if whence == os.SEEK_CUR else self._size()
        self._own.cursor = self._cursor = [position]
        return position

    def tell(self) -> int:
        """The offset in bytes at which this thread reads next."""
        return self._next()[0]

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes, fewer only at the end; all that remain for -1."""
        cursor, self._own.cursor = self._next(), None
        with self._lock if cursor is self._cursor else nullcontext():
            start = cursor[0]
            data = self._read_at(start, size if size >= 0 else max(self._size() - start, 0))
            cursor[0] = start + len(data)
        return data

    def _next(self) -> list[int]:
        return getattr(self._own, "cursor", None) or self._cursor

    def _read_at(self, start: int, size: int) -> bytes:
        data = os.pread(self._file.fileno(), size, start)
        while len(data) < size and (more := os.pread(self._file.fileno(), size - len(data), start + len(data))):
            data += more
        return data

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def seekable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Close the file; again does nothing."""
        self._file.close()

    def __del__(self) -> None:
        self._file.close()


def _relative(path: str) -> str:
    """The path in the folder. Raises `PermissionError` where it leads out of it."""
    relative = path.removeprefix(PREFIX).lstrip("/")
    if ".." in relative.split("/"):
        raise PermissionError(f"{relative} is outside the lake")
    return relative
