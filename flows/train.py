"""The training flow: labels and tables in, a judged version in the registry out."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow

from cinelake.learning.candidate import Prepared
from cinelake.learning.session import OnEvent, Request, prepare_request, train_model
from cinelake.manifest import load_manifest
from flows.server import state_folder


@dataclass(frozen=True)
class Handed:
    """What a caller in the same process has ready: the request, its data, who is told of each step."""

    request: Request
    prepared: Prepared
    on_event: OnEvent


HANDED: ContextVar[Handed | None] = ContextVar("handed_training", default=None)


@flow(name="train", validate_parameters=True)
def train(model: str, manifest: str = "pipeline.yaml", seed: int | None = None) -> dict[str, Any]:
    """Train a model of a manifest; gives the summary as data. The champion moves if the gate opens.

    model: its name. manifest: the file. seed: instead of the manifest's.
    """
    handed = HANDED.get() or _prepare_here(manifest, model, seed)
    folder = state_folder(handed.request.manifest.folder) / "training"
    return train_model(handed.request, handed.prepared, folder, handed.on_event).to_json()


def _prepare_here(manifest: str, model: str, seed: int | None) -> Handed:
    request = Request(load_manifest(Path(manifest)), model, seed)
    return Handed(request, prepare_request(request, lambda _: None), lambda _: None)
