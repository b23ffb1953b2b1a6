"""Processes that this one starts: modules that find what this one finds and end with it, and what ended them.

`python -m` puts the folder it starts in before everything else that is imported: a file beside somebody's films that is
called like a library would be executed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

HERE = str(Path(__file__).parents[2])
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def module_command(name: str, *words: str) -> list[str]:
    """The command that runs a module by this Python, without the folder it starts in among those it imports from."""
    return [sys.executable, "-P", "-m", name, *words]


def import_path() -> dict[str, str]:
    """What a process needs in its environment to import this code, and else what this process would."""
    return {"PYTHONPATH": os.pathsep.join([HERE, *filter(None, sys.path)])}


def die_with_parent(by: signal.Signals = signal.SIGTERM) -> None:
    """For `preexec_fn`: the process receives this signal when the thread that started it has ended, however it did."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)


def why_died(exitcode: int) -> str:
    """What a process's end most likely means; below zero it is the signal that ended it."""
    if exitcode == -signal.SIGKILL:
        advice = "Give the engine fewer workers, or the entry more `memory_gb`"
        return f"it was killed from outside, most likely by the system for want of memory. {advice}"
    if exitcode in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS):
        return f"a library crashed ({signal.Signals(-exitcode).name}), which may be for want of memory"
    return f"signal {signal.Signals(-exitcode).name}" if exitcode < 0 else f"exit code {exitcode}"
