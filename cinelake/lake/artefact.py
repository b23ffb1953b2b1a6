"""A trained model on disk: what training leaves, what inference loads.

    model.json      kind, version of its code, configuration, facts, what it was trained on
    arrays.npz      what normalises the input, coefficients
    network.onnx    what `predict` runs; checked against the Keras network when it was exported
    network.keras   the network itself, for going on with its training

No pickle anywhere. A folder has a digest of all its files; what does not fit it is refused.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from cinelake.errors import ModelUnusable, UnknownName
from cinelake.lake.network_files import weight_files
from cinelake.lake.onnx import export_keras, onnx_session, run_in_batches
from cinelake.spec.arrays import Array, Arrays, Device
from cinelake.spec.artefact import Artefact
from cinelake.spec.installed import MODEL_FORMAT, check_format
from cinelake.spec.model import Trained, find_model
from cinelake.spec.task import Params
from cinelake.storage.content import files_digest

ABOUT = "model.json"
FILES = ("arrays.npz", ABOUT, "network.keras", "network.onnx")


DAMAGED = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, RecursionError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What JSON and zip files raise that are torn, encrypted or something else, or say that they are larger than memory."""


@dataclass(frozen=True)
class StoredArtefact:
    """An artefact loaded from its folder: `cinelake.spec.artefact.Artefact`."""

    folder: Path
    kind: str
    code: int
    config: Any
    facts: dict[str, Any] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    trained_on: tuple[str, ...] = ()
    digest: str = ""

    def run(self, x: Array, device: Device = "cpu") -> Array:
        """The network's output for an input (batch, …), as ONNX Runtime returns it."""
        session = onnx_session(self.folder / "network.onnx", device)
        return np.asarray(session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})[0])

    def run_rows(self, x: Array, batch_size: int = 256, device: Device = "cpu") -> Array:
        """The network's output for rows (rows, …), in padded batches of one size: the same bits on every engine."""
        return run_in_batches(lambda part: self.run(part, device), x.astype(np.float32), batch_size)


def write_artefact(
    folder: Path,
    kind: str,
    config: Params,
    trained: Trained,
    inputs: Mapping[str, str] | None = None,
    trained_on: Iterable[str] = (),
) -> StoredArtefact:
    """Write the result of a training and load it back. Raises `ModelUnusable` when the network cannot be exported."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "format": MODEL_FORMAT,
        "kind": kind,
        "code": find_model(kind).version,
        "config": config.model_dump(mode="json"),
        "facts": trained.facts,
        "inputs": dict(inputs or {}),
        "trained_on": sorted(set(trained_on)),
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True))
    np.savez(folder / "arrays.npz", allow_pickle=False, **trained.arrays)
    if trained.network is not None:
        trained.network.save(folder / "network.keras")
        export_keras(trained.network, folder / "network.onnx", kind)
    return read_artefact(folder)


def with_facts(artefact: Artefact, **facts: Any) -> StoredArtefact:
    """The artefact in its folder with further facts: its digest is another one."""
    path = artefact.folder / ABOUT
    about = json.loads(path.read_text())
    about["facts"] |= facts
    path.write_text(json.dumps(about, indent=1, sort_keys=True))
    return read_artefact(artefact.folder)


def read_artefact(folder: Path, digest: str | None = None) -> StoredArtefact:
    """Load an artefact, once per process and content. Raises `ModelUnusable` for one that is damaged or foreign.

    digest: what its files must add up to.
    """
    actual = artefact_digest(folder)
    if digest is not None and actual != digest:
        raise ModelUnusable(
            f"{folder}: the model's files have digest {actual}, expected {digest}: they are damaged or from elsewhere; "
            "`cinelake models restore NAME` fetches them again from MLflow"
        )
    return _read(folder, actual)


def artefact_digest(folder: Path) -> str:
    """32 hexadecimal digits of the names and contents of an artefact's files."""
    if not (folder / ABOUT).is_file():
        raise ModelUnusable(f"{folder} is no trained model of Cinelake: it has no model.json")
    return files_digest([folder / name for name in FILES if (folder / name).is_file()])


@lru_cache(maxsize=16)
def _read(folder: Path, digest: str) -> StoredArtefact:
    try:
        about = json.loads((folder / ABOUT).read_text())
        check_format(str(folder), about.get("format", MODEL_FORMAT), MODEL_FORMAT)
        with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
            loaded = {name: arrays[name] for name in arrays.files}
        config = find_model(about["kind"]).config.model_validate(about["config"])
        network = folder / "network.onnx"
        if network.is_file() and weight_files(network):
            raise ValueError("network.onnx keeps weights in other files, which no digest of a trained model covers")
        return StoredArtefact(
            folder,
            about["kind"],
            about["code"],
            config,
            about["facts"],
            loaded,
            about["inputs"],
            tuple(about["trained_on"]),
            digest,
        )
    except (*DAMAGED, UnknownName, ValidationError) as error:
        raise ModelUnusable(f"{folder} is no trained model of Cinelake, or is damaged: {error}") from error
