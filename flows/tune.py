"""The tuning flow: a space to search in, the best of its trials as a judged version in the registry out."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow

from cinelake.learning.candidate import Prepared
from cinelake.learning.session import OnEvent
from cinelake.learning.tuning import TuningRequest, prepare_tuning, tune_model
from cinelake.manifest import load_manifest
from flows.server import state_folder


@dataclass(frozen=True)
class Handed:
    """What a caller in the same process has ready: the request, its data, who is told of each step."""

    request: TuningRequest
    prepared: Prepared
    on_event: OnEvent


HANDED: ContextVar[Handed | None] = ContextVar("handed_tuning", default=None)


@flow(name="tune", validate_parameters=True)
def tune(model: str, manifest: str = "pipeline.yaml", trials: int | None = None) -> dict[str, Any]:
    """Tune a model of a manifest; gives the summary as data. The champion moves if the gate opens.

    model: its name. manifest: the file. trials: instead of the manifest's.
    """
    handed = HANDED.get() or _prepare_here(manifest, model, trials)
    folder = state_folder(handed.request.manifest.folder)
    return tune_model(handed.request, handed.prepared, folder, handed.on_event).to_json()


def _prepare_here(manifest: str, model: str, trials: int | None) -> Handed:
    request = TuningRequest(load_manifest(Path(manifest)), model, trials)
    return Handed(request, prepare_tuning(request, lambda _: None), lambda _: None)
