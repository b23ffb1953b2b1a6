"""What this process takes from its environment, and the processes that it starts: what they find, may do, and end with.

`python -m` puts the folder it starts in before everything else that is imported: a file beside somebody's films that is
called like a library would be executed (`module_command`).

A film is hostile until proven otherwise, and a decoder is a million lines of C that read it. Whatever of it runs in a
process of its own (ffmpeg) is started with (`start_confined`):

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
import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from cinelake.errors import may_be_secret
from cinelake.storage.interrupts import interrupts_held

Made = TypeVar("Made")
HERE = str(Path(__file__).parents[2])
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_PLAIN = re.compile(
    r"PATH|LANG|LC_\w+|TZ|TMPDIR|HOME|PYTHON\w+|LD_\w+|DYLD_\w+|GLIBC_TUNABLES|MALLOC_\w+"
    r"|(?:OMP|OPENBLAS|MKL|NUMEXPR|CINELAKE)_\w+|IMAGEIO_FFMPEG_EXE|FFREPORT|AV_LOG_\w+"
    r"|(?:CUDA|NVIDIA|LIBVA|VDPAU|VK|MESA|LIBGL|DRI|INTEL|AMD)_\w+"
)
"""What a program needs of its surroundings: language, libraries, threads, drivers of devices."""
MEMORY_BYTES = 24 << 30
"""Address space of one ffmpeg: what it maps, many times of what it touches. Two threads' arenas and a ring of 8K
pictures take 3 GiB, each further thread reserves up to 0.2 GiB."""
OPEN_FILES = 256
"""Descriptors that one ffmpeg may have open; it needs a dozen."""
THREADS = "CINELAKE_THREADS"
"""How many threads one inference has; a pool sets it in its processes, where nobody else did."""
OPENCV_THREADS = "OPENCV_FOR_THREADS_NUM"
"""OpenCV's own name for how many threads it has; a pool sets it likewise. What it makes is the same with any number."""
LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/nix/store")
"""Where a dynamically linked program finds its libraries."""
DEVICES = ("/dev/null", "/dev/urandom")
"""What any program may open."""
LOADERS = ("/lib64/ld-linux*.so*", "/lib/ld-linux*.so*", "/lib/ld-musl*.so*", "/lib/*-linux-gnu*/ld-linux*.so*")
"""The program interpreters that the kernel executes for a dynamically linked program."""


def cache_folder() -> Path:
    """Where exported networks are kept: `CINELAKE_CACHE`, else `~/.cache/cinelake`. Deleting it loses nothing."""
    return Path(os.environ.get("CINELAKE_CACHE") or Path.home() / ".cache" / "cinelake")


def plain_environment() -> dict[str, str]:
    """This process's environment without what may be a secret, for programs that read strangers' files.

    Known names are kept, and no others: a key of a bucket, a database's password or a server's word may have any name.
    """
    return {name: value for name, value in os.environ.items() if _PLAIN.fullmatch(name) and not may_be_secret(name)}


@contextmanager
def environment_variables(variables: Mapping[str, str], *, restore_all: bool = False) -> Iterator[None]:
    """Set environment variables while the context lasts; they are as before at its end, set or not.

    restore_all: so are all others, which a library that is used within may set on its own.
    """
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in {*before, *os.environ} if restore_all else variables:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)


def module_command(name: str, *words: str) -> list[str]:
    """The command that runs a module by this Python, without the folder it starts in among those it imports from."""
    return [sys.executable, "-P", "-m", name, *words]


def import_path() -> dict[str, str]:
    """What a process needs in its environment to import this code, and else what this process would."""
    return {"PYTHONPATH": os.pathsep.join([HERE, *filter(None, sys.path)])}


def start_child(command: Sequence[str], *, by: signal.Signals = signal.SIGTERM, **popen: Any) -> subprocess.Popen[Any]:
    """Start a process that receives the signal `by` when this process has ended, however it did.

    popen: further arguments of `subprocess.Popen`, which this raises the errors of. In a session of its own, which no
    terminal interrupts, the process hears SIGINT, also where this one ignores it.
    """
    hears = bool(popen.get("start_new_session"))

    def prepare() -> None:
        die_with_parent(by)
        if hears:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    return in_lasting_thread(partial(subprocess.Popen, list(command), preexec_fn=prepare, **popen))


def die_with_parent(by: signal.Signals = signal.SIGTERM) -> None:
    """This process receives a signal when the thread that started it has ended: see `in_lasting_thread`."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)


def die_with(parent: int) -> None:
    """This process is killed when its parent, the process of this id, has ended, and ends at once where it has already.

    Called in the child: between its start and this call the parent may have been killed.
    """
    die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def in_lasting_thread(start: Callable[[], Made]) -> Made:
    """What `start` returns or raises, called in a thread that lives as long as this process.

    To Linux the parent of a process is the thread that started it (`PR_SET_PDEATHSIG` in `prctl(2)`): one that a
    passing thread started would be killed at that thread's end. It inherits the caller's mask of signals.
    """
    made: Future[Made] = Future()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with interrupts_held():  # raised while this waits, it would leave a process that nobody knows
        _lasting_thread().put((made, start, blocked))
        return made.result()


@cache
def _lasting_thread() -> SimpleQueue[tuple[Future[Any], Callable[[], Any], set[int]]]:
    """Where that thread, which is started by the first call, takes what it calls."""
    calls: SimpleQueue[tuple[Future[Any], Callable[[], Any], set[int]]] = SimpleQueue()

    def call_them() -> None:
        while True:
            made, start, blocked = calls.get()
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            try:
                made.set_result(start())
            except BaseException as error:  # noqa: BLE001 - handed on: raised in the thread that made the call
                made.set_exception(error)
            del made, start  # what was made would live on until the next call
            signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())  # another thread is to take them

    threading.Thread(target=call_them, name="starts processes", daemon=True).start()
    return calls


os.register_at_fork(after_in_child=_lasting_thread.cache_clear)  # a fork has none of its parent's threads


def why_died(exitcode: int) -> str:
    """What a process's end most likely means; below zero it is the signal that ended it."""
    if exitcode == -signal.SIGKILL:
        advice = "Give the engine fewer workers, or the entry more `memory_gb`"
        return f"it was killed from outside, most likely by the system for want of memory. {advice}"
    if exitcode in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS):
        return f"a library crashed ({signal.Signals(-exitcode).name}), which may be for want of memory"
    return f"signal {signal.Signals(-exitcode).name}" if exitcode < 0 else f"exit code {exitcode}"


@cache
def landlock_version() -> int:
    """The version of the kernel's Landlock interface, 0 where it is missing or switched off."""
    from py_landlock import LandlockError, get_abi_version

    try:
        return int(get_abi_version())
    except (LandlockError, OSError, NotImplementedError):  # how py-landlock says that the kernel has none; doctor tells
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


@cache
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
