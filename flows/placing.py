"""Jobs placed by the manifest's engine: tried again when their worker died, ended with who asked for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from cinelake.engines import Engine, make_engine
from cinelake.engines.gpus import check_gpus
from cinelake.errors import DiskFull, NodeDiffers, WorkerLost
from cinelake.events import OnEvent
from cinelake.learning.tuning import Place
from cinelake.manifest.document import Manifest
from cinelake.spec.task import Resources

if TYPE_CHECKING:
    from cinelake.engines.job import Job, Result

RETRY_DELAY_S = 1.0


@contextmanager
def placing(manifest: Manifest, needs: Mapping[str, Resources], on_event: OnEvent) -> Iterator[Place]:
    """A way to have jobs done that need as much as `needs` says, by name: in this process with the engine `local`.

    Raises `EngineUnavailable` before anything is done.
    """
    if manifest.engine.kind == "local":
        check_gpus(max((asked.gpus for asked in needs.values()), default=0.0))
        yield lambda job: job.run(on_event)
        return
    engine, well = make_engine(manifest, on_event, needs), False
    try:
        engine.warm({})
        yield partial(_place, engine, manifest.defaults.retries)
        well = True
    finally:
        engine.stop(now=not well)


def _place(engine: Engine, retries: int, job: Job[Result]) -> Result:
    """As a Prefect task of the flow that runs, which tells of it and tries it again."""
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    placed: Callable[[], Result] = task(
        partial(engine.place, job),
        name=job.what,
        retries=retries,
        retry_delay_seconds=RETRY_DELAY_S,
        retry_condition_fn=worth_retrying,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    return placed()


def worth_retrying(_task: Any, _run: Any, state: Any) -> bool:
    """Whether a task ended because of the machine that it was on: its worker died, its disk was full, it differs."""
    return isinstance(state.result(raise_on_failure=False), WorkerLost | DiskFull | NodeDiffers)
