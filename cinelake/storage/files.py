"""Files that several processes share: locked by one, written whole or not at all, and whose owner has ended.

A lock (flock) ends with the process that holds it. What is written whole lies under a temporary name in the same folder
and is then renamed: a reader sees the old file or the new one, never a part of either, even after the writer was
killed. What a killed writer left carries the writer's process in its name, and the next write of the same target
removes it.

A process id alone does not tell who made an unfinished file or folder: two containers that share a lake have one
kernel, often one host name, and the same ids for different processes. So a name also holds which boot of which space of
process ids it is from, and when the process began. Of a process in another space of this kernel only a lock tells
whether it lives (`owned_folder`): the kernel drops it with the process. What is in doubt stays.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import sqlite3
import stat
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cinelake.errors import UsageError

FOLDER_LOCK = ".lock"
"""The file in a folder that is locked; it exists while a process holds or waits for the lock."""
WAITS_S = 0.2
"""How often a process that was told that it waits looks whether the lock is free."""
NOT_LOCKED_YET = ".new"
"""The suffix of a folder whose owner does not hold its lock yet."""
NAME_CHARS = 32
"""How much of the target's name the temporary name repeats: a file's name has 255 bytes at most."""
BESIDE_DATABASES = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a file that it works on."""


@contextmanager
def alone(path: Path, busy: str | None = None, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of a folder, or of a file that is made for it in a folder that exists.

    Waits for whoever holds it; with `busy` raises `UsageError` with these words instead. `on_wait` is called once
    before waiting, and may raise. The lock may be released by another thread than the one that took it.
    """
    from filelock import FileLock, Timeout

    is_folder = path.is_dir()
    file = path / FOLDER_LOCK if is_folder else path
    lock = FileLock(file, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=busy is None and on_wait is None)
    except Timeout as error:
        if on_wait is None:
            raise UsageError(str(busy)) from error
        on_wait()
        lock.acquire(poll_interval=WAITS_S)
    try:
        yield
    finally:
        if is_folder:
            file.unlink(missing_ok=True)  # a process that waits for a removed lock file makes a new one
        lock.release()


class Owner(NamedTuple):
    """A process, as names have it. boot, space: in hexadecimal digits. started: in ticks of the kernel, so too."""

    host: str
    boot: str
    space: str
    pid: str
    started: str


def owner_name() -> str:
    """A name that no one else uses, with this process in it: `HOST-BOOT-SPACE-PID-START-RANDOM`."""
    return "-".join([*_this_process(os.getpid()), uuid.uuid4().hex[:8]])


def process_mark(pid: int) -> str:
    """When a process began, and in which boot and space of process ids; empty where it has ended."""
    started = _started(str(pid))
    return started and f"{started} {_boot()} {_space()}"


def has_mark(pid: int, mark: str) -> bool:
    """Whether a process lives and began as its mark says, be it by `process_mark` or by that of an earlier release."""
    return bool(mark) and mark in (process_mark(pid), _earlier_mark(pid))


def _earlier_mark(pid: int) -> str:
    """The mark that the first releases wrote: ticks in decimal digits, the boot in full, the space as a link's text.

    A server that stays, or `cinelake up`, may run for longer than the release that started it is installed.
    """
    started = _started(str(pid))
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return started and f"{int(started, 16)} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


@contextmanager
def owned_folder(parent: Path, prefix: str = "") -> Iterator[Path]:
    """A new folder by `owner_name` whose lock (flock) is held within, where its file system has locks.

    It stays where it is: removed by its owner, or by `sweep_abandoned` once that has ended. prefix: goes before the
    name, where the parent is not a room of the project's own; others cannot look into the folder then.
    """
    folder = parent / f"{prefix}{owner_name()}"
    unlocked = folder.with_name(folder.name + NOT_LOCKED_YET)
    unlocked.mkdir(0o700 if prefix else 0o777, parents=True)
    descriptor = os.open(unlocked, os.O_RDONLY)
    try:
        with suppress(OSError):  # NFS locks no folder: there only what is of this space is ever found abandoned
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            unlocked.rename(folder)
        except OSError:  # a full disk: what nobody has used is taken away here, not by whoever sweeps next
            unlocked.rmdir()
            raise
        yield folder
    finally:
        os.close(descriptor)


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """An `owned_folder` among temporary files, removed at the end; those of processes that were killed go before."""
    temporary = Path(tempfile.gettempdir())
    sweep_abandoned(temporary, prefix)
    with owned_folder(temporary, prefix) as folder:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def short_temporary_folder(prefix: str) -> Iterator[Path]:
    """As `temporary_folder`, with a name short enough for paths of sockets; who owns it, a folder within says.

    It lies in `/tmp`, whatever folder the environment names for temporary files, and is closed to other users.
    """
    short = Path("/tmp")
    for left in short.glob(f"{prefix}????????"):
        with suppress(OSError):  # another user's
            owners = [inner for inner in left.iterdir() if _owner_in(inner.name)]
            if owners and all(map(is_abandoned, owners)):
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=short))
    try:
        with owned_folder(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_planted(folder: Path) -> bool:
    """Whether a folder lies where everybody may make one, as among temporary files, and is a link or another user's.

    Its owner can exchange what lies in it, and others can guess its name.
    """
    around = folder.parent.stat().st_mode
    if not (around & stat.S_ISVTX and around & stat.S_IWOTH):
        return False
    found = folder.lstat()
    return not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid()


def sweep_abandoned(parent: Path, prefix: str = "") -> int:
    """Remove the folders of owners that have ended, with this prefix; returns how many."""
    swept = 0
    for folder in parent.iterdir() if parent.is_dir() else ():
        if folder.name.startswith(prefix) and is_abandoned(folder, folder.name.removeprefix(prefix)):
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    return swept


def is_abandoned(path: Path, name: str | None = None) -> bool:
    """Whether the process that made a file or folder on this host has ended. name: by `owner_name`, if not the path's.

    In another space of this kernel, that is known of a folder whose lock is free. What is left from before this boot,
    or by a version that named no space, is abandoned where nothing has touched it since.
    """
    name = (name or path.name).removesuffix(NOT_LOCKED_YET)
    owner, me = _owner_in(name), _this_process(os.getpid())
    if owner is None:
        return False
    if owner.boot != me.boot:
        return owner.host == me.host and _is_from_before_boot(path)
    if owner.space == me.space and _sees_its_own_space():
        return _started(owner.pid) != owner.started
    return path.is_dir() and not path.name.endswith(NOT_LOCKED_YET) and _is_unlocked(path)


def _owner_in(name: str) -> Owner | None:
    match name.rsplit("-", 5):
        case [host, boot, space, pid, started, _] if pid.isdigit():
            return Owner(host, boot, space, pid, started)
    match name.rsplit("-", 2):
        case [host, pid, _] if pid.isdigit():
            return Owner(host, "", "", pid, "")  # before spaces were told apart
    return None


@cache
def _this_process(pid: int) -> Owner:
    """This process; pid: its id, which changes when it forks."""
    return Owner(socket.gethostname(), _boot(), _space(), str(pid), _started("self"))


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:12]
    except OSError:
        return "0"


def _space() -> str:
    try:
        return f"{Path('/proc/self/ns/pid').stat().st_ino:x}"
    except OSError:
        return "0"


def _started(pid: str) -> str:
    """When a process began; empty where it has ended, or was killed and nobody has waited for it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{int(fields[19]):x}"


def _sees_its_own_space() -> bool:
    """Whether `/proc` shows the processes of this process's own space."""
    try:
        return Path("/proc/self").readlink().name == str(os.getpid())
    except OSError:
        return False


def _is_from_before_boot(path: Path) -> bool:
    """Whether neither a path nor anything below it was changed since this machine was started."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    try:
        return all(each.lstat().st_mtime < booted for each in (path, *path.rglob("*")))
    except OSError:
        return False  # it is being changed


def _is_unlocked(folder: Path) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


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


def finished_entries(folder: Path) -> list[Path]:
    """What a folder holds, in order of names, but for what writers of `unfinished_file` left when they were killed."""
    unfinished = tuple(".part" + beside for beside in ("", *BESIDE_DATABASES))
    return sorted(each for each in folder.iterdir() if not (each.name[:1] == "." and each.name.endswith(unfinished)))


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
