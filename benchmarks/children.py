"""Commands in processes of their own, and what they cost; imports little, so as to add nothing to what it measures."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MIB = 1 << 20


class CommandFailed(RuntimeError):
    """A measured command did not end well."""


@dataclass(frozen=True)
class Cost:
    """What a command took, with all processes that it started and waited for, and what it printed."""

    wall_s: float
    cpu_s: float
    peak_rss_mib: float
    stdout: str
    stderr: str

    @property
    def answer(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.stdout)


def python(*arguments: str) -> list[str]:
    """A command of this Python."""
    return [sys.executable, *arguments]


def cinelake(*arguments: str) -> list[str]:
    """The installed command `cinelake`."""
    return [str(Path(sys.executable).parent / "cinelake"), *arguments]


def compiled_once() -> dict[str, str]:
    """The environment in which Python keeps what it compiles, as it does by itself: a start would take 0.2 s longer."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def cost_of(command: Sequence[str], pass_fds: Sequence[int] = ()) -> Cost:
    """Run a command to its end and measure it. Raises `CommandFailed` with its last words.

    pass_fds: descriptors that it inherits.

    Peak memory is that of the largest single process, and never below our own: a child begins as our copy.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=ROOT,
            env=compiled_once(),
            pass_fds=pass_fds,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output, errors = _text(stdout), _text(stderr)
    if process.returncode:
        raise CommandFailed(f"{' '.join(command[:6])} gave {process.returncode}: {errors[-2000:] or output[-2000:]}")
    return Cost(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output, errors)


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode(errors="replace"))


@dataclass(frozen=True)
class Peak:
    """The most a process tree held at one time. parts_mib: of that the command itself, and all below it."""

    rss_mib: float
    parts_mib: tuple[float, float]
    wall_s: float


def peak_of(command: Sequence[str], times_a_second: float = 20) -> Peak:
    """Run a command and watch the resident memory of it and all below it. Raises `CommandFailed`."""
    import psutil

    started, parts = time.perf_counter(), (0.0, 0.0)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT, env=compiled_once()
        )
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            parts = max(parts, _resident(watched), key=sum)
            time.sleep(1 / times_a_second)
        words = _text(output)
    if process.returncode:
        raise CommandFailed(f"{' '.join(command[:6])} gave {process.returncode}: {words[-2000:]}")
    return Peak(sum(parts), parts, time.perf_counter() - started)


def _resident(process: Any) -> tuple[float, float]:
    """MiB of a process and of all below it; nothing of those that have just ended."""
    import psutil

    rss_mib = [0.0, 0.0]
    with contextlib.suppress(psutil.NoSuchProcess):
        for place, one in enumerate([process, *process.children(recursive=True)]):
            with contextlib.suppress(psutil.NoSuchProcess):
                rss_mib[min(place, 1)] += one.memory_info().rss / MIB
    return rss_mib[0], rss_mib[1]
