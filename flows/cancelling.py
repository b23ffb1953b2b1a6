"""Cancelling in Prefect's UI a run that this process does: the run ends as by Ctrl-C.

A run of a deployment needs none of this: its worker sees the wish and ends the process that it started. A run by hand
has no worker, so the run itself looks, every `LOOK_EVERY_S`, for what has become of its state.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from cinelake.storage.interrupts import interrupt

LOOK_EVERY_S = 2.0
CANCELLED = "cancelled in Prefect's UI"
INTERRUPTED = "interrupted (Ctrl-C)"


@contextmanager
def cancellable(flow_run_id: UUID | str) -> Iterator[threading.Event]:
    """While within, a wish to cancel this flow run raises `KeyboardInterrupt` in the main thread.

    Yields an event that is set when that was why. Without an answer of the server, the run goes on.
    """
    ended, cancelled = threading.Event(), threading.Event()
    watching = threading.Thread(target=_watch, args=(UUID(str(flow_run_id)), ended, cancelled), daemon=True)
    watching.start()
    try:
        yield cancelled
    finally:
        ended.set()


def stopped_state(cancelled: threading.Event) -> Any:
    """The final state of a run that was stopped on purpose, by the UI or by Ctrl-C."""
    from prefect.states import Cancelled

    why = CANCELLED if cancelled.is_set() else INTERRUPTED
    return Cancelled(message=f"{why}: what was made stays, the same command goes on")


@contextmanager
def stops_as_interrupts() -> Iterator[None]:
    """A flow run that ended as cancelled is a `KeyboardInterrupt` with the reason, as if it had never been caught."""
    from prefect.exceptions import CancelledRun

    try:
        yield
    except CancelledRun as stopped:
        raise KeyboardInterrupt(CANCELLED if CANCELLED in str(stopped) else "") from stopped


def _watch(flow_run_id: UUID, ended: threading.Event, cancelled: threading.Event) -> None:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectException

    with get_client(sync_client=True) as client:
        while not ended.wait(LOOK_EVERY_S):
            try:
                state = client.read_flow_run(flow_run_id).state
            except (httpx.HTTPError, PrefectException):
                continue
            if state and (state.is_cancelling() or state.is_cancelled()) and not ended.is_set():
                cancelled.set()
                interrupt(CANCELLED)
                return
