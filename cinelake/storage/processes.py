"""What this process takes from its environment, and the processes that it starts: what they find, what ends them.

`python -m` puts the folder it starts in before everything else that is imported: a file beside somebody's films that is
called like a library would be executed.
"""

from __future__ import annotations

import ctypes
import functools
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
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

    popen: further arguments of `subprocess.Popen`, which this raises the errors of.
    """
    start = partial(subprocess.Popen, list(command), preexec_fn=partial(die_with_parent, by), **popen)
    return in_lasting_thread(start)


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


@functools.cache
def _lasting_thread() -> SimpleQueue[tuple[Future[Any], Callable[[], Any], set[int]]]:
    """Where that thread, which is started by the first call, takes what it calls."""
    calls: SimpleQueue[tuple[Future[Any], Callable[[], Any], set[int]]] = SimpleQueue()

    def call_them() -> None:
        while True:
            made, start, blocked = calls.get()
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            try:
                made.set_result(start())
            except BaseException as error:  # noqa: BLE001 - raised where the call was made
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
