"""Where files lie: a local folder or an object store, behind the few operations that the lake needs.

Everything goes through `pyarrow.fs`, so that `s3://bucket/lake` is a setting. A local folder takes a shorter way
where it is faster (`os.scandir`) or safer (`os.replace`, `fsync`).
"""

from __future__ import annotations

import datetime
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import fs

from cinelake.errors import StorageError
from cinelake.storage.files import owned_folder, replace_durably, sweep_abandoned

SCRATCH = "cinelake-scratch-"
"""What names of scratch folders for object stores begin with, among the machine's temporary files."""
GS_RETRIES = datetime.timedelta(seconds=15)
"""How long Google's client tries again; its default is a quarter of an hour."""


class FileStat(NamedTuple):
    """Size and modification time (ns) of a file: equal while it is the one that was indexed."""

    size: int
    mtime_ns: int


@dataclass(frozen=True)
class StorageLocation:
    """Where a lake is: a path or URI and, for a bucket, how to reach it.

    Credentials are named by environment variables; their values are read where they are used and kept nowhere.
    """

    uri: str
    region: str | None = None
    endpoint: str | None = None
    anonymous: bool = False
    access_key_env: str | None = None
    secret_key_env: str | None = None
    session_token_env: str | None = None

    def open(self) -> tuple[fs.FileSystem, str]:
        """The file system and the path in it. Raises `StorageError`."""
        with storage_errors(f"opening {self.uri}"):
            if self.uri.startswith("s3://"):
                return fs.S3FileSystem(**self._s3_options()), self.uri.removeprefix("s3://").rstrip("/")
            if self.uri.startswith("gs://"):  # credentials are those that the machine has for Google's services
                options = {**self._options(), "retry_time_limit": GS_RETRIES}
                return fs.GcsFileSystem(**options), self.uri.removeprefix("gs://").rstrip("/")
            try:
                filesystem, root = fs.FileSystem.from_uri(self.uri)
            except pa.ArrowInvalid as error:
                raise StorageError(f"{self.uri}: {error}. Name a folder, or s3://bucket/…, gs://bucket/…") from error
            return filesystem, str(root).rstrip("/")

    def _options(self) -> dict[str, Any]:
        secure = not (self.endpoint or "").startswith("http://")
        options = {"endpoint_override": self.endpoint.split("://")[-1]} if self.endpoint else {}
        return {**options, "scheme": "https" if secure else "http", "anonymous": self.anonymous}

    def _s3_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            **self._options(),
            "region": self.region,
            "access_key": _secret(self.access_key_env),
            "secret_key": _secret(self.secret_key_env),
            "session_token": _secret(self.session_token_env),
        }
        return {name: value for name, value in options.items() if value is not None}


def _secret(variable: str | None) -> str | None:
    if variable is None:
        return None
    if variable not in os.environ:
        raise StorageError(f"environment variable {variable} is not set: the manifest names it for a bucket")
    return os.environ[variable]


class Storage:
    """A root folder, local or on an object store."""

    def __init__(self, place: str | StorageLocation):
        self.place = StorageLocation(place) if isinstance(place, str) else place
        self.uri = uri = self.place.uri
        self.local: Path | None = None
        if "://" in uri and not uri.startswith("file://"):
            self.filesystem, self.root = self.place.open()
        else:
            self.local = Path(uri.removeprefix("file://")).absolute()
            self.filesystem, self.root = fs.LocalFileSystem(), str(self.local)

    def path(self, *parts: str) -> str:
        """The path of a file below the root, as `pyarrow.fs` wants it."""
        return "/".join([self.root, *parts])

    def folders(self) -> list[str]:
        """Names of the folders directly below the root."""
        with storage_errors(f"listing {self.uri}"):
            infos = self.filesystem.get_file_info(fs.FileSelector(self.root, allow_not_found=True))
        return sorted(info.base_name for info in infos if info.type == fs.FileType.Directory)

    def files(self, folder: str) -> dict[str, FileStat]:
        """Name → stamp of the Parquet files directly in a folder; empty when there is no such folder."""
        with storage_errors(f"listing {folder} in {self.uri}"):
            return dict(self._scan_local(folder) if self.local else self._scan_remote(folder))

    def _scan_local(self, folder: str) -> Iterator[tuple[str, FileStat]]:
        assert self.local is not None
        try:
            entries = os.scandir(self.local / folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        with entries:
            for entry in entries:
                if entry.name.endswith(".parquet") and is_file(entry):
                    stat = entry.stat()
                    yield entry.name, FileStat(stat.st_size, stat.st_mtime_ns)

    def _scan_remote(self, folder: str) -> Iterator[tuple[str, FileStat]]:
        selector = fs.FileSelector(self.path(folder), allow_not_found=True)
        for info in self.filesystem.get_file_info(selector):
            if info.base_name.endswith(".parquet"):
                yield info.base_name, FileStat(info.size, info.mtime_ns or 0)

    def stamp(self, *parts: str) -> FileStat | None:
        """The stamp of one file; None when it does not exist."""
        info = self.filesystem.get_file_info(self.path(*parts))
        return None if info.type == fs.FileType.NotFound else FileStat(info.size, info.mtime_ns or 0)

    def open_input_file(self, path: str) -> pa.NativeFile:
        """A file below the root, to read anywhere. Raises `OSError`, also for a pipe, which would never open."""
        return self.filesystem.open_input_file(self._checked(path))

    def open_input_stream(self, path: str) -> pa.NativeFile:
        """A file below the root, to read from its beginning. Raises as `open_input_file` does."""
        return self.filesystem.open_input_stream(self._checked(path))

    def _checked(self, path: str) -> str:
        if self.local and Path(path).is_fifo():
            raise OSError(errno.EINVAL, "expected a file, received a pipe", path)
        return path

    def publish(self, finished: Path, *parts: str) -> None:
        """Put a finished local file in place in one atomic operation. Raises `StorageError`.

        Local: fsync, `os.replace`, fsync of the folder. Object store: one upload to the final key.
        """
        with storage_errors(f"writing {'/'.join(parts)} in {self.uri}"):
            if self.local is None:
                # Closed by ourselves: `fs.copy_files` swallows an error that a store reports at the end
                path = self.path(*parts)
                with pa.memory_map(str(finished)) as file, self.filesystem.open_output_stream(path) as upload:
                    upload.write(file.read_buffer())
                finished.unlink()
                return
            target = self.local.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_durably(finished, target)

    def delete(self, *parts: str) -> None:
        """Remove one file, if it exists."""
        with storage_errors(f"deleting {'/'.join(parts)} in {self.uri}"):
            try:
                self.filesystem.delete_file(self.path(*parts))
            except FileNotFoundError:
                return

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private local folder for unfinished files: below `_tmp` on a local lake, so that renaming is atomic.

        Of a lake elsewhere it lies among temporary files, in no folder that users would share.
        """
        with ExitStack() as owned:
            with storage_errors(f"making a scratch folder for {self.uri}"):
                folder = owned.enter_context(owned_folder(*self._scratch_root()))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _scratch_root(self) -> tuple[Path, str]:
        """Where scratch folders are made, and what their names begin with."""
        return (self.local / "_tmp", "") if self.local else (Path(tempfile.gettempdir()), SCRATCH)

    def sweep(self) -> int:
        """Remove scratch folders whose process has ended; returns how many."""
        return sweep_abandoned(*self._scratch_root())

    def check_writable(self) -> None:
        """Raise `StorageError` now rather than after an hour's work when nothing can be written."""
        with self.scratch() as folder, storage_errors(f"writing to {self.uri}"):
            (folder / "probe").write_bytes(b"x")
            if self.local is None:
                self.publish(folder / "probe", "_tmp", folder.name)
                self.delete("_tmp", folder.name)


ADVICE = {
    errno.ENOSPC: "the disk is full: free space and run the same command again",
    errno.EDQUOT: "the disk quota is used up: free space and run the same command again",
    errno.EROFS: "mount the file system writable or name another lake",
    errno.EACCES: "check the owner and mode of the folder",
    errno.EPERM: "check the owner and mode of the folder",
}


def is_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a file; a link that leads round in a circle is none, and hides no other entry."""
    try:
        return entry.is_file()
    except OSError:
        return False


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error means that a disk, or a quota of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn an `OSError` of the lake's storage into a `StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "check that the place exists and can be reached")
        raise StorageError(f"{doing}: {error}. {advice[0].upper()}{advice[1:]}.") from error
