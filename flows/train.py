"""The training flow: labels and tables in, a judged version in the registry out."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.states import Completed, State

from cinelake.events import Event, OnEvent
from cinelake.learning.candidate import Prepared
from cinelake.learning.jobs import TrainingJob
from cinelake.learning.session import Request, TrainingSummary
from cinelake.learning.tuning import Place
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.tracking.runs import mlflow_page
from flows.artifacts import show_end
from flows.events import champion_changed, flow_started
from flows.placing import placing
from flows.server import state_folder
from flows.training import needs_of


@dataclass(frozen=True)
class Handed:
    """What a caller in the same process has ready: the request, its data, where it is done, who is told."""

    request: Request
    prepared: Prepared | None
    place: Place
    on_event: OnEvent
    on_summary: Callable[[TrainingSummary], None]


HANDED: ContextVar[Handed | None] = ContextVar("handed_training", default=None)


@flow(name="train", validate_parameters=True)
def train(model: str, manifest: str = "pipeline.yaml", seed: int | None = None, from_champion: bool = False) -> Any:
    """Train a model of a manifest. The champion moves if the gate opens.

    Args:
        model: Its name, as in section `models`.
        manifest: The manifest's file, on the worker's machine.
        seed: Instead of the manifest's.
        from_champion: Bring the champion up to date with later labels, instead of learning anew.
    """
    handed = HANDED.get()
    loaded = handed.request.manifest if handed else load_manifest(Path(manifest))
    flow_started(loaded, "train", model)
    folder = state_folder(loaded.folder) / "training"
    if handed:
        job = TrainingJob(handed.request, folder, handed.prepared)
        summary: TrainingSummary = handed.place(job)
        handed.on_summary(summary)
        return summary.to_json()
    request = Request(loaded, model, seed, from_champion=from_champion)
    with placing(loaded, needs_of(request), ignore) as place:
        return trained(loaded, place(TrainingJob(request, folder)))


def ignore(_: Event) -> None:
    """Hear of nothing: a deployed training tells its end."""


def trained(manifest: Manifest, summary: TrainingSummary) -> State[Any]:
    """The end of a deployed training: told in Prefect's UI, and to who waits for a champion."""
    words = f"{summary.model} {summary.version} {'is champion' if summary.moved else 'is not champion'}: {summary.why}"
    facts = {summary.metric: summary.scores.get(summary.metric), "baseline": summary.baseline.get(summary.metric)}
    show_end(manifest, {"outcome": words, **facts}, mlflow_page(manifest.tracking, summary.run_id))
    if summary.moved:
        champion_changed(manifest, summary.model, summary.version, get_run_logger().warning)
    return Completed(message=words, data=summary.to_json())
