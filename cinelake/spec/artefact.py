"""A trained model as the code of its kind sees it; what loads one from its folder is `cinelake.lake.artefact`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from cinelake.spec.arrays import Array, Arrays, Device


class Artefact(Protocol):
    """A trained model as the code of its kind sees it; `cinelake.lake.artefact` loads one from its folder.

    kind: the model in `models/` whose code applies it. code: the `version` of that code when it was trained.
    inputs: table → identity of what makes it, as it was for training (see `cinelake.plan.plan.Planned.identity`).
    trained_on: films that it has learned from, those it was stopped by included. digest: of its files.
    """

    @property
    def folder(self) -> Path: ...
    @property
    def kind(self) -> str: ...
    @property
    def code(self) -> int: ...
    @property
    def config(self) -> Any: ...
    @property
    def facts(self) -> dict[str, Any]: ...
    @property
    def arrays(self) -> Arrays: ...
    @property
    def inputs(self) -> dict[str, str]: ...
    @property
    def trained_on(self) -> tuple[str, ...]: ...
    @property
    def digest(self) -> str: ...

    def run(self, x: Array, device: Device = "cpu") -> Array:
        """The network's output for an input (batch, …), from ONNX Runtime."""

    def run_rows(self, x: Array, batch_size: int = 256, device: Device = "cpu") -> Array:
        """The network's output for rows (rows, …), in padded batches of one size: the same bits on every engine."""
