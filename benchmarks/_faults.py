"""A disk that fails, a disk that is full, a clock that is wrong, few handles: what a command runs under for a while.

Disk and clock are a small library before libc (`_faults.c`), compiled by the machine's C compiler; no file system of
the kernel is needed, and what was acknowledged before stays as it was.
"""

from __future__ import annotations

import errno
import random
import resource
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).with_name("_faults.c")
DAY_S = 86400
FAULTS = ("eio", "full", "clock", "handles")


@dataclass(frozen=True)
class Fault:
    """What a command is started with. count: the file that grows with every call that failed, where calls fail."""

    env: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], None] | None = None
    count: Path | None = None

    @property
    def hits(self) -> int:
        """How many calls failed; 1 for a fault that is there from the start."""
        if self.count is None:
            return 1
        return self.count.stat().st_size if self.count.exists() else 0


def drawn_fault(name: str, project: Path, dice: random.Random, library: Path) -> Fault:
    """A fault of this kind for a command in a project; how bad it is, is drawn."""
    if name == "handles":
        most = dice.choice((24, 40, 64, 100, 200))
        return Fault(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
    preload = {"LD_PRELOAD": str(library)}
    if name == "clock":
        return Fault({**preload, "CHAOS_CLOCK": str(dice.choice((-3650, -30, -1, 1, 3650)) * DAY_S)})
    count = project / f"{name}.count"
    number = errno.EIO if name == "eio" else errno.ENOSPC
    calls = {"CHAOS_UNDER": str(project / "lake"), "CHAOS_ONE_IN": str(dice.choice((3, 20, 100, 500)))}
    told = {"CHAOS_ERRNO": str(number), "CHAOS_COUNT": str(count), "CHAOS_SEED": str(dice.randrange(1, 10**6))}
    return Fault({**preload, **calls, **told}, count=count)


def compiled(folder: Path) -> Path:
    """The library. Raises `FileNotFoundError` without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise FileNotFoundError("a disk that fails and a wrong clock need a C compiler: name other --victims")
    library = folder / "faults.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True, timeout=60
        )
    return library
