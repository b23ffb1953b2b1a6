"""A film's file while a step works on it: copied to this machine where it is not on its disk, the same to the end.

One folder holds the copies of all steps of a machine, of all runs, within a bound. Each copy has a folder
`staged-NUMBER-BYTES` of its own, made in the order of the steps' requests; a step has room when it and all that
requested room before it fit into the bound together, so that none starves. The owner of a folder holds a lock in it,
which ends with the process: a folder without one was left by a killed process, and the next request, or the next run,
removes it.

A copy has its film's name only when it is whole, and is compared with the store's size and ETag before it is used.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinelake.catalogue.sidecars import sidecar_name
from cinelake.errors import (
    DiskFull,
    FilmError,
    FilmMissing,
    InputChanged,
    StagingFull,
    StorageError,
    StoreUnavailable,
    UsageError,
)
from cinelake.spec.task import Film
from cinelake.storage.content import fingerprint
from cinelake.storage.files import alone, is_planted, written_whole
from cinelake.storage.objects import FilmStore, ObjectVersion, is_remote
from cinelake.storage.store import StorageLocation, is_disk_full, storage_errors

if TYPE_CHECKING:
    from cinelake.catalogue.films import CatalogueFilm
    from cinelake.manifest.document import Manifest


LOOK_EVERY_S = 0.5
COPY_BYTES = 8 * 2**20
COPIED_TOGETHER = 4
"""Ranges of one film that are copied at a time: a store serves one connection more slowly than a disk can write."""
HELD = "held"
_FOLDER = re.compile(r"staged-(\d{8,})-(\d+)")
_PLAIN_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}")
FileStamp = tuple[int, int]
"""Size and modification time (ns)."""
OnBytes = Callable[[int], None]
"""Called with how much of a film has been copied; 0 while it waits for room."""


@dataclass(frozen=True)
class Staging:
    """Where a step copies its film to, and from which store. Picklable; holds no credentials."""

    folder: str
    max_bytes: int
    place: StorageLocation


def staging_of(manifest: Manifest, path: str) -> Staging | None:
    """How the film at this path is copied; None where it is read in place."""
    settings = manifest.staging
    if not (settings.always or is_remote(path)):
        return None
    return Staging(str(settings.folder), settings.max_bytes, manifest.catalogue.place)


@contextmanager
def staged(staging: Staging, film: Film, on_bytes: OnBytes, *, with_beside: bool = False) -> Iterator[Film]:
    """The film as a file of this machine, while the context lasts; with the files beside it where these are needed.

    Raises `StagingFull`, `DiskFull`, `FilmMissing`, `FilmRefused`, `StoreUnavailable`, `InputChanged`; `StorageError`
    when the folder cannot be used or the store's options are wrong.
    """
    store = FilmStore(staging.place)
    beside = {path: store.version(path) for path in film.beside} if with_beside else {}
    size = film.size_bytes + sum(version.size for version in beside.values())
    if size > staging.max_bytes:
        raise StagingFull(
            f"{film.uri} has {size / 1e9:.3g} GB, and all copies together may take {staging.max_bytes / 1e9:.3g} GB "
            "here: raise `staging: {max_gb: …}`"
        )
    with _room(Path(staging.folder), size, staging.max_bytes, on_bytes) as folder:
        suffix = os.path.splitext(film.path)[1]  # noqa: PTH122 (an address, no path)
        local = folder / (film.movie_id + (suffix if _PLAIN_SUFFIX.fullmatch(suffix) else ""))
        _copy(store, film.path, local, film.size_bytes, on_bytes)
        copies = [folder / (film.movie_id + sidecar_name(film.path, path)) for path in beside]
        for (path, version), copy in zip(beside.items(), copies, strict=True):
            _copy(store, path, copy, version.size, lambda _: None)
        yield replace(film, path=str(local), beside=tuple(map(str, copies)))


@contextmanager
def at_hand(manifest: Manifest, film: CatalogueFilm) -> Iterator[CatalogueFilm]:
    """A film of the catalogue as a file of this machine, for commands that read it themselves."""
    staging = staging_of(manifest, film.path) if is_remote(film.path) else None
    if staging is None:
        yield film
        return
    about = Film(film.movie_id, film.path, film.uri, film.title, film.look().size)
    with staged(staging, about, lambda _: None) as copy:
        yield replace(film, path=copy.path)


def as_listed(error: FilmError, copy: Film, film: Film) -> FilmError:
    """The same error with the film's address where it names the copy."""
    names = {copy.path: film.uri or film.path, **dict(zip(copy.beside, film.beside, strict=False))}
    words, tail = str(error), error.log_tail
    for path, uri in names.items():
        words, tail = words.replace(path, uri), tail.replace(path, uri)
    error.args, error.log_tail = (words,), tail
    return error


def sweep_staged(folder: str) -> None:
    """Remove the copies of killed processes. Raises `StorageError`."""
    place = Path(folder)
    if place.is_dir():
        with storage_errors(f"sweeping {folder}"):
            if not is_planted(place):
                with alone(place):
                    _reserved(place)


# --- room


@contextmanager
def _room(folder: Path, size: int, max_bytes: int, on_bytes: OnBytes) -> Iterator[Path]:
    """A new folder with room for `size` bytes; waits until there is room."""
    with _disk_errors(f"copying a film to {folder} (`staging: {{folder: …}}`)"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_planted(folder):
            raise PermissionError(errno.EPERM, "another user has made this folder, or a link in its place", str(folder))
        number, mine, held = _reserve(folder, size)
    try:
        while not _has_room(folder, number, max_bytes):
            on_bytes(0)
            time.sleep(LOOK_EVERY_S)
        yield mine
    finally:
        with alone(folder):
            shutil.rmtree(mine, ignore_errors=True)
        held.close()


def _reserve(folder: Path, size: int) -> tuple[int, Path, ExitStack]:
    """Take the next number: its folder, and the lock that is held as long as this process lives."""
    with alone(folder):
        number = 1 + max(_reserved(folder), default=0)
        mine = folder / f"staged-{number:08d}-{size}"
        mine.mkdir()
        held = ExitStack()
        held.enter_context(alone(mine / HELD))
    return number, mine, held


def _has_room(folder: Path, number: int, max_bytes: int) -> bool:
    with alone(folder):
        return sum(size for other, size in _reserved(folder).items() if other <= number) <= max_bytes


def _reserved(folder: Path) -> dict[int, int]:
    """Number → bytes of all copies and of those that wait; folders without an owner are removed.

    The caller holds the folder's lock.
    """
    held = {}
    for entry in folder.iterdir():
        name = _FOLDER.fullmatch(entry.name)
        if name and _is_held(entry):
            held[int(name[1])] = int(name[2])
        elif name:
            shutil.rmtree(entry, ignore_errors=True)
    return held


def _is_held(entry: Path) -> bool:
    try:
        with alone(entry / HELD, "held"):
            return False
    except UsageError:
        return True
    except OSError:
        return False


# --- copying


def _copy(store: FilmStore, uri: str, to: Path, size: int, on_bytes: OnBytes) -> None:
    """Copy one object whole; `to` exists only when it is as the store has it. `size`: as it was planned."""
    before = store.version(uri)
    if before.size != size:
        raise InputChanged(f"{uri} was replaced after the run was planned: {size} bytes then, {before.size} now")
    with written_whole(to) as unfinished:
        try:
            with (
                _disk_errors(f"copying {uri} to {to.parent}"),
                store.open(uri) as source,
                unfinished.open("wb") as copy,
            ):
                _copy_ranges(store, uri, source, copy.fileno(), size, on_bytes)
        except StoreUnavailable as error:
            raise _why_broken(store, uri, before, error) from error
        if store.version(uri) != before or unfinished.stat().st_size != size:
            raise InputChanged(f"{uri} changed while it was copied")


def _copy_ranges(store: FilmStore, uri: str, source: Any, copy: int, size: int, on_bytes: OnBytes) -> None:
    def move(offset: int) -> int:
        with store.errors(uri):
            data = source.read_at(min(COPY_BYTES, size - offset), offset)
        written = os.pwrite(copy, data, offset)
        if written != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written

    done = 0
    with ThreadPoolExecutor(COPIED_TOGETHER) as pool:
        for written in pool.map(move, range(0, size, COPY_BYTES)):
            done += written
            on_bytes(done)


@contextmanager
def _disk_errors(doing: str) -> Iterator[None]:
    """A full disk concerns this machine only (`DiskFull`); a folder that cannot be used is a `StorageError`."""
    try:
        with storage_errors(doing):
            yield
    except StorageError as error:
        if is_disk_full(error.__cause__):
            words = "free space there, or name another `staging: {folder: …}`"
            raise DiskFull(f"{doing} on {socket.gethostname()}: the disk is full: {words}") from error
        raise


def _why_broken(store: FilmStore, uri: str, before: ObjectVersion, error: StoreUnavailable) -> FilmError:
    """A range that no longer exists means another object, not an unavailable store."""
    try:
        return error if store.version(uri) == before else InputChanged(f"{uri} changed while it was copied")
    except FilmError as now:
        return now


def stamp_film(film: Film) -> FileStamp:
    """The stamp of the film's file. Raises `FilmMissing` when it cannot be opened."""
    try:
        with Path(film.path).open("rb"):
            stat = Path(film.path).stat()
    except OSError as error:
        raise FilmMissing(f"{film.uri or film.path}: {error.strerror or error}. Was it moved?") from error
    return stat.st_size, stat.st_mtime_ns


def check_as_planned(film: Film) -> None:
    """Raise `InputChanged` when the film's content is not what the plan saw."""
    if fingerprint(film.path) != film.fingerprint:
        raise InputChanged(f"{film.uri or film.path} was replaced after the run was planned")


def check_unchanged(film: Film, before: FileStamp) -> None:
    """Raise `InputChanged` when the film's file is not the one whose decoding began."""
    if stamp_film(film) != before:
        raise InputChanged(f"{film.uri or film.path} changed while it was decoded")
