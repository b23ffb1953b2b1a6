"""What the threads of a running ffmpeg have taken of the processors: who asked for what it cost.

ffmpeg names its threads after what they do: `dmx0:` reads the film, `dec0:1:` decodes its stream 1 (the codec's own
threads, `av:…`, decode pictures), `fc0` filters pictures, `af#1:` the sound of output 1, `enc1:` and `mux1:` write it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class ThreadTimes:
    """Processor seconds of a process's threads, as they were when last looked at."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int]] = {}

    def note(self, pid: int) -> None:
        """Look at all threads that the process has now; those that ended keep what they had."""
        try:
            tasks = list(os.scandir(f"/proc/{pid}/task"))
        except OSError:
            return
        for task in tasks:
            try:
                before, _, after = Path(task.path, "stat").read_text().rpartition(")")
            except OSError:
                continue  # it ended meanwhile
            fields = after.split()
            self._seen[task.name] = before.partition("(")[2], int(fields[11]) + int(fields[12])

    def seconds(self) -> dict[str, float]:
        """Name of a thread → processor seconds (user and system); threads of one name together."""
        by_name: dict[str, float] = {}
        for name, ticks in list(self._seen.values()):
            by_name[name] = by_name.get(name, 0.0) + ticks / TICKS_PER_S
        return by_name


def sound_share(seconds: dict[str, float], audio: Iterable[int], outputs: range) -> float:
    """The share of an ffmpeg's work that is the sound's. audio: its streams; outputs: numbers of its outputs."""
    parts = [
        *(f"dec0:{index}:" for index in audio),
        *(f"{what}{n}:" for n in outputs for what in ("af#", "enc", "mux")),
    ]
    of_sound = sum(s for name, s in seconds.items() if name.startswith(tuple(parts)))
    return of_sound / max(sum(seconds.values()), 1e-9)
