"""Films on object stores: names, sizes and times by listing, content by ranges. Nothing is downloaded here.

An address, `s3://bucket/folder/film.mp4` or `gs://…`, is taken as it stands, as the stores' own tools take it: `%20` in
it is no space. What is not an address is a path of this machine, so that a slow share is read in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, NamedTuple

from pyarrow import fs

from cinelake.errors import FilmError, FilmMissing, FilmRefused, StoreUnavailable
from cinelake.storage.content import BLOCK_BYTES, sampled_digest
from cinelake.storage.store import FileStat, StorageLocation

ASKED_TOGETHER = 32
"""Requests that planning has under way at a time: a store answers each in tens of milliseconds."""
_REMOTE = ("s3://", "gs://")
_ABSENT = ("NO_SUCH_KEY", "NO_SUCH_BUCKET", "RESOURCE_NOT_FOUND", "NotFound")
_REFUSED = (
    *("ACCESS_DENIED", "FORBIDDEN", "SIGNATURE_DOES_NOT_MATCH", "INVALID_ACCESS_KEY_ID", "INVALID_CLIENT_TOKEN_ID"),
    *("EXPIRED_TOKEN", "MISSING_AUTHENTICATION_TOKEN", "HTTP status 403", "HTTP status 401", "PermissionDenied"),
    *("Unauthenticated", "Permission denied"),
)
_AWAY = ("NETWORK_CONNECTION", "Unavailable", "CURL error")


class ObjectVersion(NamedTuple):
    """Size, time and ETag of an object: equal while it is the same one. `etag`: empty where the store has none."""

    size: int
    mtime_ns: int
    etag: str


def is_remote(path: str) -> bool:
    """Whether a film's path is an address on an object store."""
    return path.startswith(_REMOTE)


def holds_credentials(uri: str) -> bool:
    """Whether an address has a user before its bucket, as in `s3://KEY:SECRET@bucket`."""
    return re.match(r"[a-z][a-z0-9+.-]*://[^/]*@", uri, re.IGNORECASE) is not None


class FilmStore:
    """The stores that one catalogue's films are on. Folders are listed once; a store that went away is not tried again.

    place: how to reach them (its `uri` does not matter); without one only paths of this machine can be read.
    """

    def __init__(self, place: StorageLocation | None = None):
        self._place = place
        self._opened: dict[str, fs.FileSystem] = {}
        self._listed: dict[str, dict[str, FileStat]] = {}
        self._away: dict[str, str] = {}

    def in_folder(self, folder: str) -> dict[str, FileStat]:
        """Address → stamp of the files directly in a folder; empty without such a folder. Raises as `open` does."""
        if folder not in self._listed:
            self._listed[folder] = self._list(folder, recursive=False)
        return self._listed[folder]

    def below(self, folder: str) -> dict[str, FileStat]:
        """Address → stamp of the files in a folder and in all folders below. Raises as `open` does."""
        listed = self._list(folder, recursive=True)
        for uri, stamp in listed.items():
            self._listed.setdefault(folder_of(uri), {})[uri] = stamp
        return listed

    def look(self, uris: Iterable[str]) -> dict[str, FileStat | FilmError]:
        """Address → its stamp, or why it cannot be read. Folders of which several films are wanted are listed."""
        wanted: dict[str, list[str]] = {}
        for uri in uris:
            wanted.setdefault(folder_of(uri), []).append(uri)
        with ThreadPoolExecutor(ASKED_TOGETHER) as pool:
            stamps = pool.map(lambda item: self._look(*item), wanted.items())
            return {uri: stamp for part in stamps for uri, stamp in part.items()}

    def fingerprint(self, uri: str) -> str:
        """The fingerprint of a film's content, the same as of the same file here; reads 18 ranges of it."""
        with self.errors(uri), self.open(uri) as file:
            return sampled_digest(file.size(), lambda offset: bytes(file.read_at(BLOCK_BYTES, offset)))

    def version(self, uri: str) -> ObjectVersion:
        """What the film is now. Raises as `open` does."""
        stamp = self._stamp(uri)
        with self.open(uri) as file, self.errors(uri):
            etag: bytes = file.metadata().get("ETag", b"")
        return ObjectVersion(stamp.size, stamp.mtime_ns, etag.decode("ascii", "replace"))

    def _stamp(self, uri: str) -> FileStat:
        filesystem, path = self._at(uri)
        with self.errors(uri):
            info = filesystem.get_file_info(path)
        if info.type != fs.FileType.File:
            raise FilmMissing(f"{uri} is not there: was it moved?")
        return FileStat(info.size, info.mtime_ns or 0)

    def open(self, uri: str) -> Any:
        """The film as a file that is read by ranges. Raises `FilmMissing`, `FilmRefused`, `StoreUnavailable`."""
        filesystem, path = self._at(uri)
        with self.errors(uri):
            return filesystem.open_input_file(path)

    @contextmanager
    def errors(self, uri: str) -> Iterator[None]:
        """Turn what a file system raises into `FilmMissing`, `FilmRefused` or `StoreUnavailable`."""
        store = _scheme(uri)
        if store in self._away:
            raise StoreUnavailable(f"{uri} was not asked for, its store went away: {self._away[store]}")
        try:
            yield
        except OSError as error:
            words = str(error)
            if isinstance(error, FileNotFoundError) or any(sign in words for sign in _ABSENT):
                raise FilmMissing(f"{uri} is not there ({words}): was it moved?") from error
            if isinstance(error, PermissionError) or any(sign in words for sign in _REFUSED):
                raise FilmRefused(f"{uri} may not be read: {words}. Check the credentials that it needs") from error
            if any(sign in words for sign in _AWAY):
                self._away[store] = words
            raise StoreUnavailable(f"{uri} cannot be read now: {words}") from error

    def _look(self, folder: str, uris: list[str]) -> dict[str, FileStat | FilmError]:
        try:
            if len(uris) > 1 or folder in self._listed:
                listed = self.in_folder(folder)
                return {uri: listed.get(uri) or FilmMissing(f"{uri} is not there") for uri in uris}
            return {uris[0]: self._stamp(uris[0])}
        except FilmError as error:
            return dict.fromkeys(uris, error)

    def _list(self, folder: str, *, recursive: bool) -> dict[str, FileStat]:
        filesystem, path = self._at(folder)
        selector, infos = fs.FileSelector(path, recursive=recursive, allow_not_found=True), []
        with suppress(FilmMissing), self.errors(folder), suppress(NotADirectoryError):
            infos = filesystem.get_file_info(selector)
        start = _scheme(folder)
        return {f"{start}{i.path}": FileStat(i.size, i.mtime_ns or 0) for i in infos if i.type == fs.FileType.File}

    def _at(self, uri: str) -> tuple[fs.FileSystem, str]:
        """The file system and the path in it. Raises `StorageError` where the store's options are wrong."""
        store = _scheme(uri)
        if store not in self._opened:
            bucket = uri.removeprefix(store).partition("/")[0]
            place = replace(self._place or StorageLocation(""), uri=f"{store}{bucket}")
            self._opened[store] = place.open()[0] if store else fs.LocalFileSystem()
        return self._opened[store], uri.removeprefix(store).rstrip("/") if store else uri


def _scheme(uri: str) -> str:
    return next((scheme for scheme in _REMOTE if uri.startswith(scheme)), "")


def folder_of(uri: str) -> str:
    """The folder of an address, without a slash at its end."""
    return uri.rpartition("/")[0]
