"""The training flow: labels and tables in, an evaluated version in the registry out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import Flow, flow, get_run_logger
from prefect.states import Completed, State

from cinelake.engines.dispatch import dispatch
from cinelake.errors import CinelakeError
from cinelake.events import Event
from cinelake.learning.jobs import TrainingJob
from cinelake.learning.request import TrainingRequest, TrainingSummary
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.spec.model import only_defined
from cinelake.tracking.runs import mlflow_page
from flows.events import champion_changed, flow_started
from flows.prefect_ui import show_end
from flows.server_record import state_folder


def train_flow(work: Callable[[str, Path, int | None, bool], Any]) -> Flow[..., Any]:
    """The flow `train` around what it does. work: takes model, manifest, seed and from_champion; returns its result."""

    @flow(name="train", flow_run_name="train: {model}", validate_parameters=True)
    def train(model: str, manifest: str = "pipeline.yaml", seed: int | None = None, from_champion: bool = False) -> Any:
        """Train a model of a manifest. The champion moves if the gate opens.

        Args:
            model: Its name, as in section `models`.
            manifest: The manifest's file, on the worker's machine.
            seed: Instead of the manifest's.
            from_champion: Bring the champion up to date with later labels, instead of learning anew.
        """
        return work(model, Path(manifest), seed, from_champion)

    return train


def _train_deployed(model: str, manifest: Path, seed: int | None, from_champion: bool) -> State[Any]:
    loaded = load_manifest(manifest)
    flow_started(loaded, "train", model)
    request = TrainingRequest(loaded, model, seed, from_champion=from_champion)
    with dispatch(loaded, request.needs, ignore) as dispatcher:
        summary = dispatcher(TrainingJob(request, state_folder(loaded.folder) / "training"))
    keep_errors_page(loaded, f"{summary.model} {summary.version}", summary.run_id, get_run_logger().warning)
    return trained(loaded, summary)


def ignore(_: Event) -> None:
    """Discard the events of a deployed training: it reports only its end."""


def keep_errors_page(manifest: Manifest, version: str, run_id: str, say: Callable[[str], object]) -> None:
    """Keep what a version is wrong about as a page beside its MLflow run, with pictures of the moments.

    version: its name, as `scenes 3`. A page that cannot be made costs the training nothing: `say` is told why.
    """
    from cinelake.learning.diagnosis import CURVE, ERRORS, PAGE
    from cinelake.tracking.registry import json_of, keep_text
    from report.version_pages import errors_page

    try:
        told, curve = (json_of(manifest.tracking, run_id, file) for file in (ERRORS, CURVE))
        if told:
            page = errors_page(plan_manifest(manifest), version, told, curve)
            keep_text(manifest.tracking, run_id, PAGE, page)
    except Exception as error:  # noqa: BLE001 - the version is registered: whatever it is, it is told
        words = str(error) if isinstance(error, CinelakeError) else f"{type(error).__name__}: {error}"
        say(f"the page of errors was not kept: {words}")


def outcome_words(summary: TrainingSummary) -> str:
    """What came of a training, in a line."""
    state = "is champion" if summary.moved else "is not champion"
    return f"{summary.model} {summary.version} {state}: {summary.why}"


def trained(manifest: Manifest, summary: TrainingSummary) -> State[Any]:
    """The final state of a deployed training; shown in Prefect's UI, and sent to triggers that wait for a champion."""
    words = outcome_words(summary)
    get_run_logger().info("%s", words)
    facts = {
        name: only_defined(scores).get(summary.metric, "undefined on the held-out films")
        for name, scores in ((summary.metric, summary.scores), ("baseline", summary.baseline))
    }
    show_end(manifest, {"outcome": words, **facts}, mlflow_page(manifest.tracking, summary.run_id))
    if summary.moved:
        champion_changed(manifest, summary.model, summary.version, get_run_logger().warning)
    return Completed(message=words, data=summary.to_json())


train = train_flow(_train_deployed)
"""What a deployment runs: entrypoint `flows.train.train`."""
