"""The demo's folder: whether it may be drawn into, the manifest that is written there, and what the demo did there."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import Any, get_args

from cinelake.errors import UsageError
from cinelake.manifest.sections import EngineKind
from cinelake.storage.content import digest
from cinelake.storage.files import finished_entries, write_whole

LABELS = {"scenes": "scenes", "tags": "tags", "characters": "characters", "affect": "affect"}
"""Model → the table of drawn labels that it learns from."""
MORE_LABELS = {"beats": "beats", "expressions": "expressions", "funny": "funny"}
"""Those that `--all` adds."""
HEAD = "# The example catalogue's manifest."
TABLES = """\
  films: {}
  shots: SHOTS
  frames: {fps: 2}
  sound: {}
  faces: {detector: dlib}
  embeddings: {backbone: descriptor}
  shot_features: {}
  scenes: {}
  tag_shots: {}
  tags: {}
  appearances: {}
  screen_time: {}
  affect: {}
  affect_arcs: {}
"""
MORE_TABLES = """\
  beats: {}
  expressions: {}
  funny: {}
"""
SHOTS = ("{rules: 2}", "{}")
"""What the manifest says of shots now, and what it said before there were second rules: such a folder keeps it."""
FIRST_RELEASE = "793fc48dcb4735e31e530d1115ac6ae0"
"""Digest of the manifest that the demo wrote before it trained models."""


def manifest_text(*, everything: bool = False, engine: EngineKind = "local", shots: str = SHOTS[0]) -> str:
    """The manifest of the example catalogue. everything: with the tables of the models in `MORE_LABELS` too."""
    from examples.kinds import all_tags

    return (
        f"{HEAD} `pipeline.yaml` at the project's root explains every option.\n"
        'lake: lake\ncatalogue: {films: "films/*"}\n'
        f"engine: {{kind: {engine}}}\ntasks:\n{TABLES.replace('SHOTS', shots)}{MORE_TABLES if everything else ''}"
        f"models:\n  tags:\n    config:\n      vocabulary: [{_wrapped(all_tags())}]\n"
    )


def _wrapped(words: tuple[str, ...], indent: int = 19, width: int = 118) -> str:
    """Words with commas, over as many lines as they need."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) + indent + 2 > width:
            lines.append("")
        lines[-1] += f"{word}, "
    return ("\n" + " " * indent).join(line.rstrip() for line in lines).rstrip(",")


@dataclass
class DemoRecord:
    """What the demo has done in its folder, for the next demo there; without it everything is checked by doing it.

    imported: label table → digest of its file. trained: model → digest of what it was trained with. models: model → its
    last training, as `TrainingSummary.to_json` gives it, or `{"problem": why it was not trained}`.
    """

    imported: dict[str, str] = field(default_factory=dict)
    trained: dict[str, str] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class DemoFolder:
    """A folder that belongs to a demo. everything, engine, shots: what its manifest says."""

    path: Path
    everything: bool
    engine: EngineKind
    shots: str = SHOTS[0]

    @property
    def manifest(self) -> Path:
        """The manifest in it."""
        return self.path / "pipeline.yaml"

    @property
    def site(self) -> Path:
        """Where the report is written."""
        return self.path / "site"

    @property
    def labels(self) -> Mapping[str, str]:
        """Model → table of labels, of all models that are trained."""
        return {**LABELS, **MORE_LABELS} if self.everything else LABELS

    def read_record(self) -> DemoRecord:
        """What was done; empty where nothing is known."""
        with suppress(OSError, ValueError, TypeError, AttributeError):
            known = json.loads(self._record.read_text(encoding="utf-8"))
            return DemoRecord(**{name: dict(known[name]) for name in (part.name for part in fields(DemoRecord))})
        return DemoRecord()

    def write_record(self, record: DemoRecord) -> None:
        """Keep what was done."""
        self._record.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._record, json.dumps(vars(record), indent=1, sort_keys=True).encode())

    @property
    def _record(self) -> Path:
        return self.path / ".cinelake" / "demo.json"


def claim_folder(path: Path, *, everything: bool, engine: EngineKind | None) -> DemoFolder:
    """Make the folder and its manifest, or take those of an earlier demo; what that one had stays in.

    engine: None keeps the manifest's. Raises `UsageError` for a folder that is not a demo's, or cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file: name a folder to draw the demo into, as in `cinelake demo FOLDER`")
    try:
        folder = _claimed(path, everything=everything, engine=engine)
        _check_writable(path)
        if not folder.manifest.exists() or folder.manifest.read_text(encoding="utf-8") != _text(folder):
            write_whole(folder.manifest, _text(folder).encode())
    except OSError as error:
        raise UsageError(
            f"the demo cannot be drawn into {path}: {error.strerror or error}. Name a folder that you may write to, "
            "as in `cinelake demo FOLDER`"
        ) from error
    return folder


def _text(folder: DemoFolder) -> str:
    return manifest_text(everything=folder.everything, engine=folder.engine, shots=folder.shots)


def _claimed(path: Path, *, everything: bool, engine: EngineKind | None) -> DemoFolder:
    """The folder as it shall be; nothing is written."""
    manifest = path / "pipeline.yaml"
    if not manifest.exists():
        others = [file.name for file in finished_entries(path)] if path.is_dir() else []
        if others:
            raise UsageError(
                f"{path} holds something else ({others[0]}{', …' if others[1:] else ''}): the demo draws into a folder "
                "of its own, as in `cinelake demo FOLDER`"
            )
        return DemoFolder(path, everything, engine or "local")
    text = manifest.read_text(encoding="utf-8", errors="replace")
    if digest(text) == FIRST_RELEASE:
        return DemoFolder(path, everything, engine or "local")
    for had_everything, kind, shots in product((False, True), get_args(EngineKind), SHOTS):
        if text == manifest_text(everything=had_everything, engine=kind, shots=shots):
            return DemoFolder(path, everything or had_everything, engine or kind, shots)
    whose = "has been edited since a demo wrote it" if text.startswith(HEAD) else "is not a demo's"
    raise UsageError(
        f"{manifest} {whose}, and the demo overwrites nobody's work: `cinelake run -m {manifest}` runs it; "
        "`cinelake demo FOLDER` draws into another folder"
    )


def _check_writable(path: Path) -> None:
    """Raise `OSError` where no file can be written in the folder, before anything is drawn."""
    path.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".writable_", suffix=".part", dir=path)
    os.close(handle)
    Path(name).unlink()
