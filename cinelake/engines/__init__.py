"""Where steps run. An engine only places work; `cinelake.run.step` does it.

| kind  | what runs a step                                          | module                   |
| ----- | --------------------------------------------------------- | ------------------------ |
| local | processes of this machine, killed at their deadline       | `cinelake.engines.local` |
| dask  | the same on workers of Dask, started here or existing     | `cinelake.engines.dask`  |
| ray   | the same on nodes of Ray, started here or existing        | `cinelake.engines.ray`   |
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from cinelake.engines.job import Job, Result
from cinelake.errors import DiskFull, NodeDiffers, WorkerLost
from cinelake.events import OnEvent, WorkerDied
from cinelake.spec.task import Resources

if TYPE_CHECKING:
    from cinelake.manifest.document import Manifest

RETRY_DELAY_S = 1.0
RETRIED = (WorkerLost, DiskFull, NodeDiffers)
"""Errors of a machine, not of the job: another try may succeed."""


class Engine(Protocol):
    """What a flow needs of an engine."""

    window: int
    """Films submitted and not yet finished."""

    def warm(self, films: Mapping[str, str]) -> None:
        """Use the time until the server answers: start workers, probe these films' lengths (movie_id → path)."""

    def task_runner(self) -> Any:
        """The Prefect task runner whose tasks call `place`."""

    def place(self, job: Job[Result]) -> Result:
        """Run a job, such as a film's step, to its end. Raises `WorkerLost`, `DecodeTimeout`, and what it raises."""

    def stop(self, *, now: bool = False) -> None:
        """Let running steps finish, or end them now."""


def place_watched(engine: Engine, job: Job[Result], on_event: OnEvent) -> Result:
    """`engine.place`; the death of the process that worked on the job is reported, and raised as it was."""
    try:
        return engine.place(job)
    except WorkerLost as error:
        on_event(WorkerDied(job.what, str(error), error.memory_gb))
        raise


def make_engine(
    manifest: Manifest, on_event: OnEvent, needs: Mapping[str, Resources] | None = None, films: int | None = None
) -> Engine:
    """The engine that the manifest's `engine` section names. Raises `EngineUnavailable` before any work starts.

    needs: the resources that it must be able to provide, by name; by default those of the entries of `tasks`.
    films: how many there are to make, for the engine `local`, which starts no more processes.
    """
    if needs is None:
        needs = {name: entry.resources for name, entry in manifest.enabled.items()}
    settings = manifest.engine
    make = importlib.import_module(f"cinelake.engines.{settings.kind}").make
    if settings.kind == "local":
        return cast("Engine", make(settings, needs, on_event, films=films))
    return cast("Engine", make(settings, needs, on_event))
