"""The catalogue flow as the command starts it, in its own process, under a Prefect server that may be its own.

Nothing stale means that neither Prefect nor MLflow is started, nor imported. Otherwise Prefect is imported once the
server's settings are known, while the server starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from cinelake.events import Event, OnEvent, ServerFound
from cinelake.plan.build import Planning
from cinelake.storage.interrupts import interrupts_held
from flows.cancelling import cancellable, stopped_state, stops_as_interrupts
from flows.prefect_runs import catalogue_run_name, keep_logs_off_the_terminal, send_what_waits
from flows.run import FilmWork, FlowLog, run_plan
from flows.run_summary import RunSummary
from flows.server import prefect_server
from flows.server_record import state_folder


def run_catalogue(planning: Planning, on_event: OnEvent) -> RunSummary:
    """Make what is stale in the plan by a flow of this process. Raises what `run_plan` does."""
    log = FlowLog()

    def listen(event: Event) -> None:
        on_event(event)
        log.on_event(event)

    return run_plan(planning, listen, partial(server_of, planning), partial(run_flow, log=log))


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


def run_flow(work: FilmWork, log: FlowLog | None = None) -> None:
    """Run the flow around objects of this process; its name and parameters are those of its deployments.

    log: what it writes, from before the flow began too, becomes the flow run's log. Raises `KeyboardInterrupt`, with
    the reason, after Ctrl-C and after the run was cancelled in Prefect's UI; both end the flow run as cancelled.
    """
    from prefect import get_run_logger
    from prefect.runtime import flow_run

    from flows.catalogue import catalogue_flow, completed, make_films
    from flows.events import flow_started

    manifest, plan = work.planning.manifest, work.planning.plan

    def make(*_: object) -> Any:
        if log:
            log.attach(get_run_logger())
        flow_started(manifest, "catalogue")
        with cancellable(flow_run.id) as cancelled:
            try:
                counts = make_films(work)
            except KeyboardInterrupt:
                return stopped_state(cancelled)
        return completed(counts["made"], counts["failed"], plan.counts()["fresh"], data=counts)

    keep_logs_off_the_terminal()
    name = catalogue_run_name(plan)
    run = catalogue_flow(make).with_options(task_runner=work.engine.task_runner(), flow_run_name=name)
    try:
        with stops_as_interrupts():
            run(manifest=str(manifest.path), select=plan.selection.split())
    finally:
        send_what_waits()
