"""A Parquet of small pictures with labels, one row each, as labels of *image films*: one film a source.

    patch      side × side grey bytes, row by row (a binary or a list): as many as in the table that is made of patches
    emotion    or what else the model's labels call the class
    source     what a patch was taken from (or `split`); without either the whole file is one source

Each source becomes a film of its own, `images_<source>`, with one patch a second. The patches lie beside
the labels, in `labels/<set>/images/<movie_id>.parquet`, and a patch keeps its number for good (see
`cinelake.labels.images`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3

from cinelake.catalogue.names import movie_id_of
from cinelake.errors import FileTooLarge, Problem, UsageError
from cinelake.labels.checks import FILE, LINE
from cinelake.labels.images import image_file, replace_images
from cinelake.labels.readers import ReadLabels
from cinelake.spec.labels import LabelContract
from cinelake.storage.content import file_digest
from cinelake.storage.foreign_parquet import Bounds, bounded_table, foreign_schema
from cinelake.storage.store import storage_errors

PATCH = "patch"
BOUNDS = Bounds(field_bytes=1 << 20, lists=True, binary=True)
SOURCES = ("source", "split")
"""Columns that name the source; the first that is present counts."""
KEPT = pa.schema([("image", pa.int32()), (PATCH, pa.binary()), ("sha", pa.string()), ("name", pa.string())])
"""A patch film's file: number, bytes, digest of the bytes, and where it was imported from."""


@dataclass(frozen=True)
class Patch:
    """One patch that will be imported. line: its row in the file, from 1."""

    data: bytes
    sha: str
    movie_id: str
    label: str
    line: int


@dataclass
class PatchScan:
    """What a file of patches holds."""

    file: Path
    patches: list[Patch] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def holds_patches(path: Path) -> bool:
    """Whether a file is a Parquet with a column `patch`: labels to import, or an image film that holds patches."""
    try:
        return path.is_file() and PATCH in foreign_schema(path).names
    except (OSError, pa.ArrowException):
        return False


def scan_patches(file: Path, contract: LabelContract, patch_bytes: int) -> PatchScan:
    """The patches of a file, each content once, and the problems of the rest.

    patch_bytes: how many a patch has. The same content again with the same label is dropped; content with two labels is
    left out altogether. Both are noted, not refused: such sets have them by the hundred.
    """
    assert contract.class_column is not None
    scan = PatchScan(file)
    names = foreign_schema(file).names
    if contract.class_column not in names:
        has = ", ".join(names)
        why = f"the column is missing: it names each patch's class. The file has {has}"
        scan.problems.append(Problem(str(file), 1, contract.class_column, why))
        return scan
    source = next((name for name in SOURCES if name in names), None)
    other = [name for name in names if name not in (PATCH, contract.class_column, source)]
    scan.notes += [f"columns that are not read: {', '.join(other)}"] if other else []
    try:
        table = bounded_table(file, BOUNDS, [name for name in names if name not in other])
    except (FileTooLarge, pa.ArrowException) as error:
        scan.problems.append(Problem(str(file), 0, "", f"the file cannot be patches: {error}"))
        return scan
    usable = list(_rows(table, contract.class_column, patch_bytes, scan))
    labels: dict[str, set[str]] = {}
    for patch in usable:
        labels.setdefault(patch.sha, set()).add(patch.label)
    torn = {sha for sha, several in labels.items() if len(several) > 1}
    once = {patch.sha: patch for patch in reversed(usable) if patch.sha not in torn}
    scan.patches = sorted(once.values(), key=lambda patch: patch.line)
    twice = sum(count - 1 for sha, count in Counter(p.sha for p in usable).items() if sha not in torn)
    scan.notes += [f"{twice} patches are dropped: they are in the file already, with the same label"] if twice else []
    scan.notes += [f"{len(torn)} patches are left out: the file gives them two labels"] if torn else []
    return scan


def _rows(table: pa.Table, class_column: str, patch_bytes: int, scan: PatchScan) -> Iterator[Patch]:
    """The rows that can be used; the others become problems."""
    source = next((name for name in SOURCES if name in table.column_names), None)
    names = [str(name) for name in table[source].to_pylist()] if source else [scan.file.stem] * len(table)
    films = {name: movie_id_of(f"images_{name}.parquet") for name in set(names)}
    labels, patches = table[class_column].to_pylist(), table[PATCH].to_pylist()
    for line, (data, label, name) in enumerate(zip(patches, labels, names, strict=True), start=1):
        patch = _bytes(data)
        if patch is None or len(patch) != patch_bytes:
            received = f"{len(patch)} bytes" if patch is not None else str(data)[:40]
            why = f"expected {patch_bytes} grey bytes, received {received}"
            scan.problems.append(Problem(str(scan.file), line, PATCH, why))
        else:
            sha = blake3(patch).hexdigest(length=16)
            yield Patch(patch, sha, films[name], "" if label is None else str(label), line)


def _bytes(data: Any) -> bytes | None:
    """A patch's bytes; None where it holds anything other than whole numbers of 0 … 255."""
    if isinstance(data, bytes):
        return data
    values = np.asarray(data if data is not None else [None], dtype=object)
    if any(not isinstance(value, int) or not 0 <= value <= 255 for value in values.ravel()):
        return None
    return values.astype(np.uint8).tobytes()


def patch_rows(scan: PatchScan, contract: LabelContract, numbers: Mapping[str, Mapping[str, int]]) -> ReadLabels:
    """Label rows: each patch is a moment of its film, at the second of its number (or the shot of that number)."""
    assert contract.class_column is not None
    at = [numbers[patch.movie_id][patch.sha] for patch in scan.patches]
    by_shots = {"start_shot": pa.array(at, pa.int32()), "end_shot": pa.array([n + 1 for n in at], pa.int32())}
    table = pa.table(
        {
            "movie_id": pa.array([patch.movie_id for patch in scan.patches], pa.string()),
            **({"time_s": pa.array(at, pa.float64())} if contract.shape == "moments" else by_shots),
            contract.class_column: pa.array([patch.label for patch in scan.patches], pa.string()),
            LINE: pa.array([patch.line for patch in scan.patches], pa.int64()),
            FILE: pa.array([str(scan.file)] * len(scan.patches), pa.string()),
        }
    )
    return ReadLabels(table, scan.file.name, file_digest(scan.file), scan.problems, scan.notes)


def keep_patches(root: Path, name: str, scan: PatchScan, numbers: Mapping[str, Mapping[str, int]]) -> None:
    """Add the patches that are new to their films' files, each file in one replacement.

    Raises `StorageError`; `UsageError` when a film of that name holds pictures.
    """
    by_film: dict[str, list[Patch]] = {}
    for patch in scan.patches:
        by_film.setdefault(patch.movie_id, []).append(patch)
    for movie_id, patches in by_film.items():
        path = image_file(root, name, movie_id)
        if path.exists() and not holds_patches(path):
            raise UsageError(
                f"{movie_id} of labels {name!r} holds pictures, not patches: import these into another --set"
            )
        with storage_errors(f"reading {path}"):
            before = pq.read_table(path, partitioning=None) if path.exists() else KEPT.empty_table()
        fresh = [patch for patch in patches if numbers[movie_id][patch.sha] >= len(before)]
        if fresh:
            fresh.sort(key=lambda patch: numbers[movie_id][patch.sha])
            columns = [
                [numbers[movie_id][patch.sha] for patch in fresh],
                [patch.data for patch in fresh],
                [patch.sha for patch in fresh],
                [f"{scan.file.name}:{patch.line}" for patch in fresh],
            ]
            arrays = [pa.array(values, kind.type) for values, kind in zip(columns, KEPT, strict=True)]
            replace_images(path, pa.concat_tables([before, pa.table(arrays, schema=KEPT)]))
