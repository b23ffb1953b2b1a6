"""`train` from a request to a summary: the data checked first, then the server, the flow, what is told at the end."""

from __future__ import annotations

from cinelake.errors import UsageError
from cinelake.interrupts import interrupts_held
from cinelake.learning.session import OnEvent, Request, TrainingSummary, prepare_request
from cinelake.manifest import Manifest
from flows.happenings import champion_changed
from flows.server import prefect_server, state_folder


def run_training(request: Request, on_event: OnEvent) -> TrainingSummary:
    """Train a model under a Prefect server. After Ctrl-C the summary says so; the same call goes on from there.

    Raises `CannotTrain` and `UsageError` before anything is started, `TrainingFailed` for a loss that is no number.
    """
    check_tracking(request.manifest)
    on_event({"kind": "preparing"})
    prepared = prepare_request(request, on_event)
    kept: list[TrainingSummary] = []
    try:
        with prefect_server(state_folder(request.manifest.folder)) as server:
            on_event({"kind": "server", "url": server.url, "own": server.own is not None})
            with interrupts_held():
                from flows.train import HANDED, Handed, train
            server.wait()
            token = HANDED.set(Handed(request, prepared, lambda event: _hear(event, kept, on_event)))
            try:
                train(model=request.model, manifest=str(request.manifest.path), seed=request.seed)
            finally:
                HANDED.reset(token)
    except KeyboardInterrupt:
        return TrainingSummary(request.model, interrupted=True)
    tell_champion(request.manifest, kept[0], on_event)
    return kept[0]


def tell_champion(manifest: Manifest, summary: TrainingSummary, on_event: OnEvent) -> None:
    """Tell who waits for it that the champion moved, if it did; once the server of the run alone is gone."""
    if summary.moved:
        champion_changed(manifest, summary.model, summary.version, lambda text: on_event({"kind": "say", "text": text}))


def _hear(event: dict[str, object], kept: list[TrainingSummary], on_event: OnEvent) -> None:
    summary = event.get("summary")
    if isinstance(summary, TrainingSummary):
        kept.append(summary)
    on_event(event)


def check_tracking(manifest: Manifest) -> None:
    """Raise `UsageError` where MLflow is switched off: a model that nobody can trace is not made."""
    if not manifest.tracking.enabled:
        raise UsageError("training needs MLflow: set `tracking: {enabled: true}` in the manifest")
