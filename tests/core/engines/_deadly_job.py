"""Jobs for processes of steps: one whose process ends as it is told to, one that says how soon it would be killed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cinelake.run.step import OnEvent
from cinelake.spec.task import Resources


@dataclass(frozen=True)
class Deadly:
    """Ends its process by a signal, as the kernel does."""

    number: int
    what = "the step of heidi"
    resources = Resources()

    def limit_s(self) -> float:
        """As long as it likes."""
        return 0

    def run(self, on_event: OnEvent) -> None:
        """End."""
        os.kill(os.getpid(), self.number)

    def sweep(self) -> None:
        """Nothing is left."""


@dataclass(frozen=True)
class Scored(Deadly):
    """Tells its process's place among those that the system kills where memory is short."""

    number: int = 0

    def run(self, on_event: OnEvent) -> int:
        """The kernel's figure."""
        return int(Path("/proc/self/oom_score_adj").read_text())
