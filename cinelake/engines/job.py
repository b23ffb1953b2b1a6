"""What an engine places: a film's step, a training, a tuning."""

from __future__ import annotations

from typing import Protocol, TypeVar

from cinelake.events import OnEvent
from cinelake.spec.task import Resources

Result = TypeVar("Result")
Gives = TypeVar("Gives", covariant=True)


class Job(Protocol[Gives]):
    """Work for one worker. Picklable; so is what `run` returns. Events that it reports hold what JSON can hold."""

    @property
    def what(self) -> str:
        """What it is, for errors: "the step of heidi"."""

    @property
    def resources(self) -> Resources:
        """What is kept for it."""

    def limit_s(self) -> float:
        """How long it may take; 0: as long as it likes. The event `Deadline` sets another limit."""

    def run(self, on_event: OnEvent) -> Gives:
        """Do it."""

    def sweep(self) -> None:
        """Remove what a process left that was killed in the middle."""
