"""What the kernel keeps a decoder to, so that a flaw of its is no flaw of ours.

A film is hostile until proven otherwise, and a decoder is a million lines of C that read it. Whatever of it runs in a
process of its own (ffmpeg) is started with:

- Landlock (https://docs.kernel.org/userspace-api/landlock.html): it writes no file but those that it was started to
  write, reads none but its own program's libraries, executes nothing but itself, opens no TCP connection and sends no
  signal outside. Open descriptors are not concerned: they are how it gets the film and gives pictures.
- no new privileges (`prctl(2)`): a program with the set-user-id bit gains nothing by it.
- limits (`setrlimit(2)`): its memory, its open files, no core dump (which would hold pictures of the film).

A kernel without Landlock (before 5.13, or where it is switched off) has the other two; `cinelake doctor` says which
hold here. UDP is not Landlock's to forbid: ffmpeg's own allow-list of protocols and formats does that.
"""

from __future__ import annotations

import contextlib
import resource
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

MEMORY_BYTES = 24 << 30
"""Address space of one ffmpeg: what it maps, many times of what it touches. Two threads' arenas and a ring of 8K
pictures take 3 GiB, each further thread reserves up to 0.2 GiB."""

OPEN_FILES = 256
"""Descriptors that one ffmpeg may have open; it needs a dozen."""

LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/nix/store")
"""Where a dynamically linked program finds its libraries."""

DEVICES = ("/dev/null", "/dev/urandom")
"""What any program may open."""

LOADERS = ("/lib64/ld-linux*.so*", "/lib/ld-linux*.so*", "/lib/ld-musl*.so*", "/lib/*-linux-gnu*/ld-linux*.so*")
"""The program interpreters that the kernel executes for a dynamically linked program."""


@lru_cache(maxsize=1)
def landlock_version() -> int:
    """The version of the kernel's Landlock interface, 0 where it is missing or switched off."""
    from py_landlock import LandlockError, get_abi_version

    try:
        return int(get_abi_version())
    except (LandlockError, OSError, NotImplementedError):
        return 0


def start_confined(
    command: Sequence[str], makes: Sequence[Path], opens: Sequence[Path] = (), **popen: Any
) -> subprocess.Popen[bytes]:
    """Start `command` under the kernel's limits; `popen` are the further arguments of `subprocess.Popen`.

    makes: the files that it may write; they are made empty before. opens: devices, and folders that their drivers
    read; one that has any may map as much as it likes, as drivers do. Raises what `subprocess.Popen` raises.
    """
    for made in makes:
        made.touch()
    with ThreadPoolExecutor(1, "start-confined") as thread:
        process = thread.submit(_start, command, makes, opens, popen).result()
    _limit(process.pid, bounds_memory=not opens)
    return process


def confine_this_process(readable: Sequence[str | Path], executes: Sequence[str | Path] = ()) -> None:
    """Keep this process, which has one thread, from all but reading `readable` (files and folders), for good.

    executes: programs that it may run, which are kept to the same.
    """
    from py_landlock import AccessFs, Landlock
    from py_landlock.prctl import set_no_new_privs

    if not landlock_version():
        set_no_new_privs()
        return
    rules = Landlock(strict=False)
    for place in readable:
        listed = AccessFs.READ_DIR if Path(place).is_dir() else AccessFs(0)
        rules.add_path_rule(place, access=AccessFs.READ_FILE | listed)
    if executes:
        rules.add_path_rule(*executes, *_loaders(), access=AccessFs.READ_FILE | AccessFs.EXECUTE)
        rules.add_path_rule(*DEVICES, access=AccessFs.READ_FILE | AccessFs.WRITE_FILE)
    rules.apply()


def import_rules() -> None:
    """Load what `confine_this_process` needs, for processes that confine themselves again and again as forks."""
    import py_landlock.prctl  # noqa: F401 - loaded before forks, so that none of them has to

    landlock_version()
    _loaders()


@lru_cache(maxsize=1)
def _loaders() -> list[Path]:
    return [loader for pattern in LOADERS for loader in Path("/").glob(pattern[1:])]


def _start(
    command: Sequence[str], makes: Sequence[Path], opens: Sequence[Path], popen: dict[str, Any]
) -> subprocess.Popen[bytes]:
    """Bind this thread and what it starts, for good: it must end then."""
    _restrict_this_thread(Path(command[0]), makes, opens)
    return subprocess.Popen(command, **popen)


def _restrict_this_thread(program: Path, makes: Sequence[Path], opens: Sequence[Path]) -> None:
    from py_landlock import AccessFs, Landlock
    from py_landlock.prctl import set_no_new_privs

    if not landlock_version():
        set_no_new_privs()
        return
    rules = Landlock(strict=False)  # an older kernel takes the part that it knows
    rules.add_path_rule(*(place for place in LIBRARIES if Path(place).exists()), access=AccessFs.READ_FILE)
    for executed in (program, *_loaders()):
        rules.add_path_rule(executed, access=AccessFs.READ_FILE | AccessFs.EXECUTE)
    rules.add_path_rule(*DEVICES, access=AccessFs.READ_FILE | AccessFs.WRITE_FILE)
    rules.add_path_rule(*makes, access=AccessFs.READ_FILE | AccessFs.WRITE_FILE | AccessFs.TRUNCATE)
    for opened in opens:
        is_folder = opened.is_dir()
        use = AccessFs.READ_DIR if is_folder else AccessFs.WRITE_FILE | AccessFs.IOCTL_DEV
        rules.add_path_rule(opened, access=AccessFs.READ_FILE | use)
    rules.apply()


def _limit(pid: int, *, bounds_memory: bool) -> None:
    """Set the limits of a process that has just begun; one that has ended already needs none."""
    wanted = [(resource.RLIMIT_NOFILE, OPEN_FILES), (resource.RLIMIT_CORE, 0)]
    wanted += [(resource.RLIMIT_AS, MEMORY_BYTES)] if bounds_memory else []
    for which, most in wanted:
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, which)
            bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.prlimit(pid, which, (bound, bound))
