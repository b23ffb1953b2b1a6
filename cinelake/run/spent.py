"""What a cell cost: seconds on the clock, and processor seconds of the worker and of the programs that it started."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cinelake.media.sealed import sealed_cpu_s


@dataclass(frozen=True)
class Spent:
    """Seconds that went into something.

    cpu_s: processor time (user and system) of the worker's process, and of processes that it shared its work with.
    ffmpeg_cpu_s: the same of ffmpeg, as far as it worked for this.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    ffmpeg_cpu_s: float = 0.0

    def facts(self) -> dict[str, float]:
        """As the footer keeps it."""
        return {name: round(seconds, 4) for name, seconds in vars(self).items()}


class Clocks:
    """All three clocks of this process, read when made."""

    def __init__(self) -> None:
        self.wall_s, self.cpu_s = time.perf_counter(), time.process_time() + sealed_cpu_s()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.children_s = used.ru_utime + used.ru_stime

    def since(self, *, children_are_ffmpeg: bool) -> Spent:
        """What was spent since; children that have ended were ffmpeg, or did a part of the worker's own work."""
        now = Clocks()
        children_s = now.children_s - self.children_s
        own_s = now.cpu_s - self.cpu_s
        wall_s = now.wall_s - self.wall_s
        return Spent(wall_s, own_s, children_s) if children_are_ffmpeg else Spent(wall_s, own_s + children_s)


def processor_s(run: Mapping[str, Any]) -> float | None:
    """Processor seconds, ffmpeg's with them, that a footer's run facts have of a cell; None where it has none."""
    return run["cpu_s"] + run.get("ffmpeg_cpu_s", 0.0) if "cpu_s" in run else None
