"""The tuning flow: a space to search in, the best of its trials as an evaluated version in the registry out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import Flow, flow
from prefect.states import Completed, State

from cinelake.engines.dispatch import dispatch
from cinelake.learning.tuning import TuningRequest, prepare_tuning, tune_model
from cinelake.manifest.document import load_manifest
from flows.events import flow_started
from flows.server_record import state_folder
from flows.train import ignore, trained


def tune_flow(work: Callable[[str, Path, int | None], Any]) -> Flow[..., Any]:
    """The flow `tune` around what it does. work: takes model, manifest and number of trials; returns its result."""

    @flow(name="tune", flow_run_name="tune: {model}", validate_parameters=True)
    def tune(model: str, manifest: str = "pipeline.yaml", trials: int | None = None) -> Any:
        """Search a model's settings and train the best. The champion moves if the gate opens.

        Args:
            model: Its name, as in section `models`.
            manifest: The manifest's file, on the worker's machine.
            trials: How many, instead of the manifest's.
        """
        return work(model, Path(manifest), trials)

    return tune


def _tune_deployed(model: str, manifest: Path, trials: int | None) -> State[Any]:
    loaded = load_manifest(manifest)
    flow_started(loaded, "tune", model)
    request = TuningRequest(loaded, model, trials)
    with dispatch(loaded, request.needs, ignore) as dispatcher:
        prepared = prepare_tuning(request, ignore)
        summary = tune_model(request, prepared, state_folder(loaded.folder), ignore, dispatcher)
    if summary.training is not None:
        return trained(loaded, summary.training)
    return Completed(message=f"{model}: no training came of {len(summary.trials)} trials", data=summary.to_json())


tune = tune_flow(_tune_deployed)
"""What a deployment runs: entrypoint `flows.tune.tune`."""
