"""Runs jobs on the manifest's engine: retried when their worker died, stopped with the flow that dispatched them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from cinelake.engines import RETRIED, RETRY_DELAY_S, Engine, make_engine, place_watched
from cinelake.engines.job import Job, Result
from cinelake.engines.processes import check_gpus
from cinelake.events import OnEvent
from cinelake.manifest.document import Manifest
from cinelake.spec.task import Resources


class Dispatcher(Protocol):
    """Runs a job where its resources are and returns what the job returns."""

    def __call__(self, job: Job[Result], /) -> Result: ...


@contextmanager
def dispatch(manifest: Manifest, needs: Mapping[str, Resources], on_event: OnEvent) -> Iterator[Dispatcher]:
    """A dispatcher of the manifest's engine; with the engine `local`, jobs run in this process.

    needs: the resources that the engine must be able to provide, by name. Raises `EngineUnavailable` before any job
    starts.
    """
    if manifest.engine.kind == "local":
        check_gpus(max((required.gpus for required in needs.values()), default=0.0))
        yield in_process(on_event)
        return
    engine, completed = make_engine(manifest, on_event, needs), False
    try:
        engine.warm({})
        yield partial(_run_as_task, engine, manifest.defaults.retries, on_event)
        completed = True
    finally:
        engine.stop(now=not completed)


def in_process(on_event: OnEvent) -> Dispatcher:
    """A dispatcher that runs jobs in this process."""

    def run(job: Job[Result], /) -> Result:
        return job.run(on_event)

    return run


def _run_as_task(engine: Engine, retries: int, on_event: OnEvent, job: Job[Result]) -> Result:
    """Run a job as a Prefect task of the current flow, which shows it in Prefect's UI and retries it."""
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    placed: Callable[[], Result] = task(
        partial(place_watched, engine, job, on_event),
        name=job.what,
        retries=retries,
        retry_delay_seconds=RETRY_DELAY_S,
        retry_condition_fn=worth_retrying,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    return placed()


def worth_retrying(_task: Any, _run: Any, state: Any) -> bool:
    """Whether a task failed because of its machine: the worker died, the disk was full, or the node's code differs."""
    return isinstance(state.result(raise_on_failure=False), RETRIED)
