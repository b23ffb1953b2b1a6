"""One run for `benchmarks.engines`, in a process of its own: prints when each film ended, as JSON.

python -m benchmarks._engine_run pipeline.yaml local|dask|ray|loop|prefect-dask|prefect-ray
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cinelake.engines.shipping import QUIET, ray_token
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning, plan_manifest
from cinelake.run.cells import FilmEnded
from cinelake.run.step import run_step


def by_engine(planning: Planning) -> list[float]:
    """As `cinelake run` does it."""
    from flows.start_catalogue import run_catalogue

    ends: list[float] = []
    run_catalogue(planning, lambda event: ends.append(time.monotonic()) if isinstance(event, FilmEnded) else None)
    return ends


def by_loop(planning: Planning) -> list[float]:
    """The steps alone, in this process."""
    ends = []
    for film in planning.plan.by_film().items():
        run_step(planning.step(*film))
        ends.append(time.monotonic())
    return ends


def by_runner(runner: Callable[[], Any]) -> Callable[[Planning], list[float]]:
    """With one of Prefect's own task runners, in the same window of two films in flight."""

    def measured(planning: Planning) -> list[float]:
        from flows.server import prefect_server
        from flows.server_record import state_folder

        with prefect_server(state_folder(planning.manifest.folder)) as server:
            server.wait()
            return _in_a_flow(planning, runner())

    return measured


def _in_a_flow(planning: Planning, runner: Any) -> list[float]:
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.futures import as_completed

    ends: list[float] = []
    film = task(run_step, name="film", cache_policy=NO_CACHE, persist_result=False)

    @flow(task_runner=runner)
    def films() -> None:
        waiting = iter(planning.plan.by_film().items())
        in_flight = [film.submit(planning.step(*next(waiting))) for _ in range(2)]
        while in_flight:
            ended = next(as_completed(in_flight))
            ends.append(time.monotonic())
            in_flight.remove(ended)
            if more := next(waiting, None):
                in_flight.append(film.submit(planning.step(*more)))

    films()
    return ends


def prefect_dask() -> Any:
    """One worker with one thread."""
    from prefect_dask import DaskTaskRunner

    settings = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    return DaskTaskRunner(cluster_kwargs=settings)


def prefect_ray() -> Any:
    """One processor."""
    os.environ.update(QUIET, RAY_AUTH_TOKEN=ray_token())
    from prefect_ray import RayTaskRunner

    return RayTaskRunner(init_kwargs={"num_cpus": 1, "include_dashboard": False, "log_to_driver": False})


WAYS = {"loop": by_loop, "prefect-dask": by_runner(prefect_dask), "prefect-ray": by_runner(prefect_ray)}


def main() -> int:
    """The command."""
    manifest, way = sys.argv[1:]
    planning = plan_manifest(load_manifest(Path(manifest)))
    ends = WAYS.get(way, by_engine)(planning)
    print(json.dumps(ends))
    return 0


if __name__ == "__main__":
    sys.exit(main())
