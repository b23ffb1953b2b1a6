"""What an engine places: a film's step, a training, a tuning."""

from __future__ import annotations

from typing import Protocol, TypeVar

from cinelake.events import OnEvent
from cinelake.spec.task import Resources

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Job(Protocol[Result_co]):
    """Work for one worker. Picklable; so is what `run` returns. Events that it reports hold what JSON can hold."""

    @property
    def what(self) -> str:
        """What it is, for errors: "the step of heidi"."""

    @property
    def resources(self) -> Resources:
        """What an engine reserves for it."""

    def limit_s(self) -> float:
        """How long it may take; 0: no limit. The event `Deadline` sets another limit."""

    def run(self, on_event: OnEvent) -> Result_co:
        """Do it."""

    def sweep(self) -> None:
        """Remove the unfinished files of a process that was killed."""
