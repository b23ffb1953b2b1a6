"""What a command runs under: a disk that fails or is full, a clock that is wrong, few handles, a death at a call.

Disk, clock and death are a small library before libc (`_faults.c`), compiled by the machine's C compiler; no file
system of the kernel is needed, and what was acknowledged before stays as it was.
"""

from __future__ import annotations

import errno
import random
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cinelake.storage.content import file_digest

SOURCE = Path(__file__).with_name("_faults.c")
DAY_S = 86400
FAULTS = ("eio", "full", "clock", "handles")


@dataclass(frozen=True)
class Fault:
    """What a command is started with: an environment, a bound of handles.

    count: the file that grows with every call that failed, where calls fail, or that was counted.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    handles: int | None = None
    count: Path | None = None

    @property
    def hits(self) -> int:
        """How many calls failed; 1 for a fault that is there from the start."""
        if self.count is None:
            return 1
        return self.count.stat().st_size if self.count.exists() else 0


def death_at(call: int, count: Path, below: Sequence[Path]) -> Fault:
    """Whatever process makes this call (from 1) that changes a file below these folders is killed at it.

    0: nothing dies, and calls are counted.
    """
    count.unlink(missing_ok=True)
    places = ":".join(map(str, below))
    return Fault({"CHAOS_UNDER": places, "CHAOS_KILL_AT": str(call), "CHAOS_COUNT": str(count)}, count=count)


def drawn_fault(name: str, project: Path, dice: random.Random) -> Fault:
    """A fault of this kind for a command in a project; how bad it is, is drawn."""
    if name == "handles":
        return Fault(handles=dice.choice((24, 40, 64, 100, 200)))
    if name == "clock":
        return Fault({"CHAOS_CLOCK": str(dice.choice((-3650, -30, -1, 1, 3650)) * DAY_S)})
    count = project / f"{name}.count"
    number = errno.EIO if name == "eio" else errno.ENOSPC
    calls = {"CHAOS_UNDER": str(project / "lake"), "CHAOS_ONE_IN": str(dice.choice((3, 20, 100, 500)))}
    told = {"CHAOS_ERRNO": str(number), "CHAOS_COUNT": str(count), "CHAOS_SEED": str(dice.randrange(1, 10**6))}
    return Fault({**calls, **told}, count=count)


def compiled(folder: Path) -> Path:
    """The library. Raises `FileNotFoundError` without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise FileNotFoundError("a disk that fails and a wrong clock need a C compiler: name other --victims")
    library = folder / f"faults-{file_digest(SOURCE)[:12]}.so"  # one of an earlier source would count no call
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True, timeout=60
        )
    return library
