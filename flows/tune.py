"""The tuning flow: a space to search in, the best of its trials as a judged version in the registry out."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Completed

from cinelake.events import OnEvent
from cinelake.learning.candidate import Prepared
from cinelake.learning.tuning import Place, TuningRequest, TuningSummary, prepare_tuning, tune_model
from cinelake.manifest.document import load_manifest
from flows.events import flow_started
from flows.placing import placing
from flows.server import state_folder
from flows.train import ignore, trained
from flows.tuning import needs_of


@dataclass(frozen=True)
class Handed:
    """What a caller in the same process has ready: the request, its data, where it is done, who is told."""

    request: TuningRequest
    prepared: Prepared
    place: Place
    on_event: OnEvent
    on_summary: Callable[[TuningSummary], None]


HANDED: ContextVar[Handed | None] = ContextVar("handed_tuning", default=None)


@flow(name="tune", validate_parameters=True)
def tune(model: str, manifest: str = "pipeline.yaml", trials: int | None = None) -> Any:
    """Search a model's settings and train the best. The champion moves if the gate opens.

    Args:
        model: Its name, as in section `models`.
        manifest: The manifest's file, on the worker's machine.
        trials: How many, instead of the manifest's.
    """
    handed = HANDED.get()
    loaded = handed.request.manifest if handed else load_manifest(Path(manifest))
    flow_started(loaded, "tune", model)
    folder = state_folder(loaded.folder)
    if handed:
        found = tune_model(handed.request, handed.prepared, folder, handed.on_event, handed.place)
        handed.on_summary(found)
        return found.to_json()
    request = TuningRequest(loaded, model, trials)
    with placing(loaded, needs_of(request), ignore) as place:
        summary = tune_model(request, prepare_tuning(request, ignore), folder, ignore, place)
    if summary.training is not None:
        return trained(loaded, summary.training)
    return Completed(message=f"{model}: no training came of {len(summary.trials)} trials", data=summary.to_json())
