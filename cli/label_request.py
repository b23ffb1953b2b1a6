"""What `cinelake labels import` was asked for, and the set of labels that it imports into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cinelake.spec.labels import LabelContract


@dataclass(frozen=True)
class ImportRequest:
    """The options of `cinelake labels import`; see their help."""

    files: tuple[Path, ...]
    model: str
    into: str = ""
    kind: str = ""
    annotator: str = ""
    clips: Path | None = None
    rate: float | None = None
    movie: str = ""
    classes: str = ""
    source_pattern: str = ""
    ignore_extra_columns: bool = False
    before_run: bool = False
    dry_run: bool = False
    table: str = ""
    times: str = "seconds"
    format: str = ""
    fps: float | None = None
    every: float | None = None
    column: str = ""
    only: tuple[str, ...] = ()
    start_timecode: str = ""
    strict: bool = False
    scale: str = ""


@dataclass(frozen=True)
class Target:
    """The set that labels are imported into, and their contract."""

    root: Path
    name: str
    contract: LabelContract
    vocabularies: Mapping[str, Sequence[str]]
    model: str
    alone: Sequence[str] = ()
