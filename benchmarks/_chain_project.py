"""Projects whose films go through the chain of features that models learn from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHAIN: Mapping[str, Mapping[str, Any]] = {
    "films": {},
    "shots": {},
    "frames": {"fps": 1},
    "sound": {},
    "faces": {"detector": "dlib"},
    "embeddings": {"backbone": "descriptor"},
}
"""Table → its parameters."""


def chain_project(
    folder: Path,
    films: Mapping[str, Path],
    engine: Mapping[str, Any],
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """A project with links to these films (by the name of the link); returns its manifest.

    settings: beside those of the chain, by table.
    """
    (folder / "films").mkdir(parents=True)
    for name, film in films.items():
        (folder / "films" / name).symlink_to(film.absolute())
    return write_manifest(folder / "pipeline.yaml", engine, settings or {})


def write_manifest(path: Path, engine: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]]) -> Path:
    """The manifest of the chain on an engine, with settings beside the chain's."""
    tasks = {name: {**given, **settings.get(name, {})} for name, given in CHAIN.items()}
    places = {"lake": "lake", "catalogue": {"films": "films/*"}, "tracking": {"enabled": False}}
    path.write_text(json.dumps({**places, "engine": dict(engine), "tasks": tasks}))
    return path
