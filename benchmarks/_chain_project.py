"""Projects whose films go through the whole chain of the demo's manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cinelake.manifest.yaml import read_yaml
from cli.demo import MANIFEST


def chain_project(
    folder: Path,
    films: Mapping[str, Path],
    engine: Mapping[str, Any],
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """A project with links to these films (by the name of the link); returns its manifest.

    settings: beside the demo's, by table.
    """
    (folder / "films").mkdir(parents=True)
    for name, film in films.items():
        (folder / "films" / name).symlink_to(film.absolute())
    return write_manifest(folder / "pipeline.yaml", engine, settings or {})


def write_manifest(path: Path, engine: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]]) -> Path:
    """The demo's manifest with another engine, and settings beside its own."""
    entries = read_yaml(MANIFEST, "demo").data
    tasks = {name: {**given, **settings.get(name, {})} for name, given in entries["tasks"].items()}
    more = {"engine": dict(engine), "tracking": {"enabled": False}, "tasks": tasks}
    path.write_text(json.dumps({**entries, **more}))
    return path
