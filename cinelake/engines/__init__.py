"""Where steps run. An engine only places work; `cinelake.run.step` does it.

| kind  | what runs a step                                          | module                   |
| ----- | --------------------------------------------------------- | ------------------------ |
| local | processes of this machine, killed at their deadline       | `cinelake.engines.local` |
| dask  | the same on the workers of a Dask cluster, ours or yours  | `cinelake.engines.dask`  |
| ray   | the same on the nodes of a Ray cluster, ours or yours     | `cinelake.engines.ray`   |
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from cinelake.engines.job import Job, Result
from cinelake.events import OnEvent
from cinelake.spec.task import Resources

if TYPE_CHECKING:
    from cinelake.manifest.document import Manifest


class Engine(Protocol):
    """What a flow needs of an engine."""

    window: int
    """Films handed out and not yet finished."""

    def warm(self, films: Mapping[str, str]) -> None:
        """Use the time until the server answers: start workers, look how long these films (movie_id → path) are."""

    def task_runner(self) -> Any:
        """The Prefect task runner whose tasks call `place`."""

    def place(self, job: Job[Result]) -> Result:
        """Run a job, a film's step say, to its end. Raises `WorkerLost`, `DecodeTimeout`, and what the job raises."""

    def stop(self, *, now: bool = False) -> None:
        """Let running steps finish, or end them now."""


def make_engine(manifest: Manifest, on_event: OnEvent, needs: Mapping[str, Resources] | None = None) -> Engine:
    """The engine that the manifest's `engine` section names. Raises `EngineUnavailable` before any work starts.

    needs: what it must be able to carry, by name; by default what the entries of `tasks` ask for.
    """
    if needs is None:
        needs = {name: entry.resources for name, entry in manifest.enabled.items()}
    settings = manifest.engine
    engine: Engine = importlib.import_module(f"cinelake.engines.{settings.kind}").make(settings, needs, on_event)
    return engine
