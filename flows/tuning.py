"""`tune` from a request to a summary: space and data checked first, then the server, the flow, what is told."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from cinelake.events import OnEvent, ServerFound
from cinelake.learning.tuning import SearchJob, TuningRequest, TuningSummary, prepare_tuning
from cinelake.spec.task import Resources
from cinelake.storage.interrupts import interrupts_held
from flows.placing import placing
from flows.server import prefect_server, state_folder
from flows.training import check_tracking, tell_champion


def run_tuning(request: TuningRequest, on_event: OnEvent) -> TuningSummary:
    """Tune a model under a Prefect server. After Ctrl-C the summary says so; the same call goes on from there.

    Raises `CannotTrain`, `UsageError` and `EngineUnavailable` before anything is started, `TrainingFailed` when no
    trial could be finished.
    """
    check_tracking(request.manifest)
    kept: list[TuningSummary] = []
    try:
        with ExitStack() as stack:
            place = stack.enter_context(placing(request.manifest, needs_of(request), on_event))
            prepared = prepare_tuning(request, on_event)
            server = stack.enter_context(prefect_server(state_folder(request.manifest.folder)))
            on_event(ServerFound(server.url, server.own is not None))
            with interrupts_held():
                from flows.tune import HANDED, Handed, tune
            server.wait()
            token = HANDED.set(Handed(request, prepared, place, on_event, kept.append))
            try:
                tune(model=request.model, manifest=str(request.manifest.path), trials=request.trials)
            finally:
                HANDED.reset(token)
    except KeyboardInterrupt:
        return TuningSummary(request.model, interrupted=True)
    if kept[0].training:
        tell_champion(request.manifest, kept[0].training, on_event)
    return kept[0]


def needs_of(request: TuningRequest) -> dict[str, Resources]:
    """What the engine must be able to carry: one training, and the trials that share a worker."""
    search = SearchJob(request, Path(), "")
    return {f"model {request.model}": request.entry.resources, f"the tuning of {request.model}": search.resources}
