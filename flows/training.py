"""`train` from a request to a summary: the data checked first, then the server, the flow, what is told at the end."""

from __future__ import annotations

from contextlib import ExitStack

from cinelake.errors import UsageError
from cinelake.events import DataBegan, Note, OnEvent, ServerFound
from cinelake.learning.candidate import Prepared
from cinelake.learning.session import Request, TrainingSummary, prepare_request
from cinelake.manifest.document import Manifest
from cinelake.spec.task import Resources
from cinelake.storage.interrupts import interrupts_held
from flows.events import champion_changed
from flows.placing import placing
from flows.server import prefect_server, state_folder


def run_training(request: Request, on_event: OnEvent) -> TrainingSummary:
    """Train a model under a Prefect server. After Ctrl-C the summary says so; the same call goes on from there.

    Raises `CannotTrain`, `UsageError` and `EngineUnavailable` before anything is started, `TrainingFailed` for a loss
    that is no number. On a cluster the data are gathered there, and what is wrong with them is told from there.
    """
    check_tracking(request.manifest)
    kept: list[TrainingSummary] = []
    try:
        with ExitStack() as stack:
            place = stack.enter_context(placing(request.manifest, needs_of(request), on_event))
            prepared = prepare_here(request, on_event)
            server = stack.enter_context(prefect_server(state_folder(request.manifest.folder)))
            on_event(ServerFound(server.url, server.own is not None))
            with interrupts_held():
                from flows.train import HANDED, Handed, train
            server.wait()
            token = HANDED.set(Handed(request, prepared, place, on_event, kept.append))
            try:
                train(model=request.model, manifest=str(request.manifest.path), seed=request.seed)
            finally:
                HANDED.reset(token)
    except KeyboardInterrupt:
        return TrainingSummary(request.model, interrupted=True)
    tell_champion(request.manifest, kept[0], on_event)
    return kept[0]


def needs_of(request: Request) -> dict[str, Resources]:
    """What the engine must be able to carry."""
    return {f"model {request.model}": request.manifest.model(request.model).resources}


def prepare_here(request: Request, on_event: OnEvent) -> Prepared | None:
    """The data, where the training is done in this process; its faults are known before a server is started."""
    if request.manifest.engine.kind != "local":
        return None
    on_event(DataBegan())
    return prepare_request(request, on_event)


def tell_champion(manifest: Manifest, summary: TrainingSummary, on_event: OnEvent) -> None:
    """Tell who waits for it that the champion moved, if it did; once the server of the run alone is gone."""
    if summary.moved:
        champion_changed(manifest, summary.model, summary.version, lambda text: on_event(Note(text)))


def check_tracking(manifest: Manifest) -> None:
    """Raise `UsageError` where MLflow is switched off: a model that nobody can trace is not made."""
    if not manifest.tracking.enabled:
        raise UsageError("training needs MLflow: set `tracking: {enabled: true}` in the manifest")
