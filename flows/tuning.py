"""`tune` from a request to a summary: space and data checked first, then the server, the flow, what is told."""

from __future__ import annotations

from cinelake.interrupts import interrupts_held
from cinelake.learning.session import OnEvent
from cinelake.learning.tuning import TuningRequest, TuningSummary, prepare_tuning
from flows.server import prefect_server, state_folder
from flows.training import check_tracking, tell_champion


def run_tuning(request: TuningRequest, on_event: OnEvent) -> TuningSummary:
    """Tune a model under a Prefect server. After Ctrl-C the summary says so; the same call goes on from there.

    Raises `CannotTrain` and `UsageError` before anything is started, `TrainingFailed` when no trial could be finished.
    """
    check_tracking(request.manifest)
    prepared = prepare_tuning(request, on_event)
    kept: list[TuningSummary] = []

    def hear(event: dict[str, object]) -> None:
        summary = event.get("summary")
        if event["kind"] == "tuned" and isinstance(summary, TuningSummary):
            kept.append(summary)
        on_event(event)

    try:
        with prefect_server(state_folder(request.manifest.folder)) as server:
            on_event({"kind": "server", "url": server.url, "own": server.own is not None})
            with interrupts_held():
                from flows.tune import HANDED, Handed, tune
            server.wait()
            token = HANDED.set(Handed(request, prepared, hear))
            try:
                tune(model=request.model, manifest=str(request.manifest.path), trials=request.trials)
            finally:
                HANDED.reset(token)
    except KeyboardInterrupt:
        return TuningSummary(request.model, interrupted=True)
    if kept[0].training:
        tell_champion(request.manifest, kept[0].training, on_event)
    return kept[0]
