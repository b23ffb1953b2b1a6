"""The catalogue flow as the command starts it, in its own process, under a Prefect server that may be its own.

Nothing stale means that neither Prefect nor MLflow is started, nor imported. Otherwise Prefect is imported once the
server's settings are known, while the server starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from cinelake.events import OnEvent, ServerFound
from cinelake.plan.build import Planning
from cinelake.storage.interrupts import interrupts_held
from flows.run import FilmWork, run_plan
from flows.run_summary import RunSummary
from flows.server import prefect_server
from flows.server_record import state_folder


def run_catalogue(planning: Planning, on_event: OnEvent) -> RunSummary:
    """Make what is stale in the plan by a flow of this process. Raises what `run_plan` does."""
    return run_plan(planning, on_event, partial(server_of, planning), run_flow)


@contextmanager
def server_of(planning: Planning, on_event: OnEvent) -> Iterator[Callable[[], None]]:
    """A Prefect server, and how to wait until it answers."""
    with prefect_server(state_folder(planning.manifest.folder)) as server:
        on_event(ServerFound(server.url, server.own is not None))

        def wait() -> None:
            with interrupts_held():
                import flows.catalogue  # noqa: F401  (takes seconds, in which the server starts)
            server.wait()

        yield wait


def run_flow(work: FilmWork) -> None:
    """Run the flow around objects of this process; its name and parameters are those of its deployments."""
    from flows.catalogue import catalogue_flow, make_films
    from flows.events import flow_started

    manifest = work.planning.manifest

    def make(*_: object) -> dict[str, int]:
        flow_started(manifest, "catalogue")
        return make_films(work)

    run = catalogue_flow(make).with_options(task_runner=work.engine.task_runner())
    run(manifest=str(manifest.path), select=work.planning.plan.selection.split())
