"""`train` and `tune` as the command starts them, in its own process: checked first, then run under a Prefect server.

The flow gets the objects that the command holds by closure; its name and parameters are those of its deployments.
Prefect is imported once the server's settings are known, while the server starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from contextlib import ExitStack, contextmanager
from typing import Any

from cinelake.engines.dispatch import dispatch
from cinelake.errors import EngineUnavailable, UsageError
from cinelake.events import DataBegan, Note, OnEvent, ServerFound
from cinelake.learning.candidate import Prepared
from cinelake.learning.jobs import TrainingJob
from cinelake.learning.request import TrainingRequest, TrainingSummary, prepare_request
from cinelake.learning.tuning import TuningRequest, TuningSummary, prepare_tuning, tune_model
from cinelake.manifest.document import Manifest
from cinelake.storage.interrupts import interrupts_held
from flows.cancelling import cancellable, stopped_state, stops_as_interrupts
from flows.events import champion_changed, flow_started
from flows.prefect_ui import keep_logs_off_the_terminal, send_what_waits
from flows.server import PrefectServer, prefect_server
from flows.server_record import state_folder


def run_training(request: TrainingRequest, on_event: OnEvent) -> TrainingSummary:
    """Train a model under a Prefect server. After Ctrl-C the summary says so; the same call resumes the training.

    Raises `CannotTrain`, `UsageError` and `EngineUnavailable` before anything is started, `TrainingFailed` for a loss
    that is NaN or infinite. On a cluster the data are gathered there, and their faults are reported from there.
    """
    _check_tracking(request.manifest)
    kept: list[TrainingSummary] = []
    try:
        with ExitStack() as stack:
            dispatcher = stack.enter_context(dispatch(request.manifest, request.needs, on_event))
            prepared = _prepare_here(request, on_event)
            server = stack.enter_context(_server(request.manifest, on_event))
            with interrupts_held():
                from prefect import get_run_logger

                from flows.train import keep_errors_page, outcome_words, train_flow

            def work() -> dict[str, Any]:
                flow_started(request.manifest, "train", request.model)
                folder = state_folder(request.manifest.folder) / "training"
                kept.append(dispatcher(TrainingJob(request, folder, prepared)))
                keep_errors_page(request.manifest, *_version_of(kept[0]), lambda text: on_event(Note(text)))
                get_run_logger().info("%s", outcome_words(kept[0]))
                return kept[0].to_json()

            server.wait()
            flow = train_flow(lambda *_: _stoppable(work))
            with _death_told(server, kept, on_event):
                _run_flow(flow, model=request.model, manifest=str(request.manifest.path), seed=request.seed)
    except KeyboardInterrupt:
        return TrainingSummary(request.model, interrupted=True)
    _report_champion(request.manifest, kept[0], on_event)
    return kept[0]


def run_tuning(request: TuningRequest, on_event: OnEvent) -> TuningSummary:
    """Tune a model under a Prefect server. After Ctrl-C the summary says so; the same call resumes the tuning.

    Raises `CannotTrain`, `UsageError` and `EngineUnavailable` before anything is started, `TrainingFailed` when no
    trial could be finished.
    """
    _check_tracking(request.manifest)
    kept: list[TuningSummary] = []
    try:
        with ExitStack() as stack:
            dispatcher = stack.enter_context(dispatch(request.manifest, request.needs, on_event))
            prepared = prepare_tuning(request, on_event)
            server = stack.enter_context(_server(request.manifest, on_event))
            with interrupts_held():
                from prefect import get_run_logger

                from flows.train import keep_errors_page, outcome_words
                from flows.tune import tune_flow

            def work() -> dict[str, Any]:
                flow_started(request.manifest, "tune", request.model)
                folder = state_folder(request.manifest.folder)
                kept.append(tune_model(request, prepared, folder, on_event, dispatcher))
                if kept[0].training:
                    keep_errors_page(
                        request.manifest, *_version_of(kept[0].training), lambda text: on_event(Note(text))
                    )
                    get_run_logger().info("%s", outcome_words(kept[0].training))
                return kept[0].to_json()

            server.wait()
            flow = tune_flow(lambda *_: _stoppable(work))
            with _death_told(server, kept, on_event):
                _run_flow(flow, model=request.model, manifest=str(request.manifest.path), trials=request.trials)
    except KeyboardInterrupt:
        return TuningSummary(request.model, interrupted=True)
    if kept[0].training:
        _report_champion(request.manifest, kept[0].training, on_event)
    return kept[0]


def _version_of(summary: TrainingSummary) -> tuple[str, str]:
    """The version's name and its MLflow run."""
    return f"{summary.model} {summary.version}", summary.run_id


def _stoppable(work: Callable[[], dict[str, Any]]) -> Any:
    """What the work returns; after Ctrl-C, or when the run was cancelled in Prefect's UI, the state that says so."""
    from prefect.runtime import flow_run

    with cancellable(flow_run.id) as cancelled:
        try:
            return work()
        except KeyboardInterrupt:
            return stopped_state(cancelled)


def _run_flow(flow: Callable[..., Any], **parameters: Any) -> None:
    """Run a flow, its log sent to the server alone. Raises `KeyboardInterrupt` where it was stopped."""
    keep_logs_off_the_terminal()
    try:
        with stops_as_interrupts():
            flow(**parameters)
    finally:
        send_what_waits()


def _check_tracking(manifest: Manifest) -> None:
    """Raise `UsageError` where MLflow is switched off: no model is made that cannot be traced."""
    if not manifest.tracking.enabled:
        raise UsageError("training needs MLflow: set `tracking: {enabled: true}` in the manifest")


def _prepare_here(request: TrainingRequest, on_event: OnEvent) -> Prepared | None:
    """The data, where the training runs in this process: their faults are known before a server is started."""
    if request.manifest.engine.kind != "local":
        return None
    on_event(DataBegan())
    return prepare_request(request, on_event)


@contextmanager
def _server(manifest: Manifest, on_event: OnEvent) -> Iterator[PrefectServer]:
    with prefect_server(state_folder(manifest.folder), manifest.server.keep_s) as server:
        on_event(ServerFound(server.url, server.own is not None))
        yield server


@contextmanager
def _death_told(server: PrefectServer, kept: Sized, on_event: OnEvent) -> Iterator[None]:
    """A server that died once the work was done costs nothing but the end of what Prefect shows."""
    import httpx
    from prefect.exceptions import PrefectException

    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        if not kept or not server.has_died():
            raise EngineUnavailable(
                f"the Prefect server at {server.url} does not answer ({error or type(error).__name__}); to resume, run "
                "the same command again"
            ) from error
        on_event(Note("its Prefect server has died, so Prefect does not show the end of this"))


def _report_champion(manifest: Manifest, summary: TrainingSummary, on_event: OnEvent) -> None:
    """Send the event of a new champion, if there is one; once the server that served this run alone is gone."""
    if summary.moved:
        champion_changed(manifest, summary.model, summary.version, lambda text: on_event(Note(text)))
