"""Forgetting a person: what names them in labels, learned versions and tables is found, and deleted.

A model that still knows them would only put them back: so a champion stays until another has been learned without them,
and everything else goes at once. It may be done again at any time, and goes on where it was.
"""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cinelake.errors import CinelakeError, UsageError
from cinelake.labels.erasing import ClassRows, erase_class, find_class
from cinelake.labels.store import label_sets
from cinelake.lake.artefact import read_artefact
from cinelake.lake.cells import Lake
from cinelake.lake.champions import forget_recorded, read_champion_record, recorded_facts, recorded_models
from cinelake.lake.published import readable_versions
from cinelake.learning.images import forget_image_features
from cinelake.manifest.document import Manifest
from cinelake.plan.build import Planning
from cinelake.tracking.addresses import sqlite_file
from models.identities import MODEL
from models.identities.forgetting import knows
from models.identities.people import NUMBERED

if TYPE_CHECKING:
    from cinelake.tracking.registry import Version

COLUMN = "person"
"""Of labels: whose face it is."""
NAMED = ("person", "name", "other", "character")
"""Columns of tables that say who somebody is by their face."""
CAST = "actor_appearances"
BY_FACES = {"persons": "", CAST: "", "screen_time": CAST, "co_appearances": CAST}
"""Tasks whose tables name people by their faces → the `source` with which they do, where they have others."""


@dataclass
class PersonTraces:
    """What there is of a person.

    versions: model → those that know them and are no champion. champions: model → its version that knows them; of two,
    the lake's and MLflow's, the lake's. cells: (table, film) whose rows name them. published: versions whose tables may
    name them. unreadable: what could not be looked at, and why.
    """

    name: str
    labels: list[ClassRows] = field(default_factory=list)
    versions: dict[str, list[int]] = field(default_factory=dict)
    champions: dict[str, int] = field(default_factory=dict)
    cells: list[tuple[str, str]] = field(default_factory=list)
    published: list[int] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def spellings(self) -> set[str]:
        """The name in both forms in which systems write letters with marks: to read they are one."""
        return {self.name, *(unicodedata.normalize(form, self.name) for form in ("NFC", "NFD"))}

    @property
    def is_known(self) -> bool:
        """Whether there is anything but published versions, of which it is not known."""
        return bool(self.labels or self.versions or self.champions or self.cells)


def find_person(planning: Planning, name: str) -> PersonTraces:
    """What labels, versions and tables hold of a person. Raises `UsageError` for a number, `StorageError`."""
    if not name.strip() or NUMBERED.fullmatch(name):
        raise UsageError(_why_no_name(planning, name))
    found = PersonTraces(name)
    root, lake = Path(planning.manifest.labels), planning.lake
    sets = (find_class(root, each, COLUMN, found.spellings) for each in label_sets(root))
    found.labels = [each for each in sets if each.rows or each.stills]
    registered = _registered(planning.manifest)
    for model in recorded_models(lake):
        _look_at_recorded(lake, model, found)
    _look_at_registered(planning.manifest, lake, registered, found)
    for champion in registered:
        numbers = found.versions.get(champion.name, [])
        if champion.is_champion and champion.number in numbers:
            numbers.remove(champion.number)
            found.champions.setdefault(champion.name, champion.number)
    found.versions = {model: numbers for model, numbers in found.versions.items() if numbers}
    by_faces = list(_cells_by_faces(planning, found))
    found.cells = [cell for cell in by_faces if _is_named(lake, cell, found)]
    tables = {table for table, _ in by_faces}
    found.published = [number for number, version in readable_versions(lake).items() if tables & set(version.tables)]
    return found


def _why_no_name(planning: Planning, name: str) -> str:
    """What is said of a number, or of nothing: in which films it stands, and what ends it."""
    found, films = PersonTraces(name), set()
    if name.strip():
        films = {cell[1] for cell in _cells_by_faces(planning, found) if _is_named(planning.lake, cell, found)}
    seen = f" Tables of {', '.join(sorted(films))} name {name}." if films else ""
    return (
        f"{name!r} is no name that people gave.{seen} Who has no name is known by their face alone, and the next "
        "training would find them again in every film that shows them: `faces: {identify: false}` ends that, or "
        f"{'these' if films else 'such'} films taken out of the catalogue (`cinelake gc`)"
    )


def forget_person(manifest: Manifest, lake: Lake, found: PersonTraces) -> None:
    """Delete what was found, but for champions. Raises `StorageError`; done again it goes on."""
    for rows in found.labels:
        forget_image_features(rows.stills)
        erase_class(Path(manifest.labels), COLUMN, found.spellings, rows)
    for model, numbers in found.versions.items():
        for number in numbers:
            _delete_registered(manifest, model, number)
            forget_recorded(lake, model, number)
    for cell in found.cells:
        lake.delete_cell(*cell)


def _look_at_recorded(lake: Lake, model: str, found: PersonTraces) -> None:
    record = read_champion_record(lake, model)
    for number, applied in sorted(record.versions.items()):
        if applied.kind != MODEL.name:
            continue
        try:
            known = knows(recorded_facts(lake, applied), found.spellings)
        except CinelakeError as error:
            found.unreadable.append(f"{model} {number}: {error}")
            continue
        if known and number == record.champion:
            found.champions[model] = number
        elif known:
            found.versions.setdefault(model, []).append(number)


def _registered(manifest: Manifest) -> list[Version]:
    """MLflow's versions of such models."""
    if not _has_registry(manifest):
        return []
    from cinelake.tracking.registry import versions

    return [version for version in versions(manifest.tracking) if version.kind == MODEL.name]


def _look_at_registered(manifest: Manifest, lake: Lake, registered: Sequence[Version], found: PersonTraces) -> None:
    """Versions that MLflow keeps and the lake has no record of: of a lake that was deleted, or of another."""
    from cinelake.tracking.registry import fetch

    for version in registered:
        if version.number in read_champion_record(lake, version.name).versions:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                folder = fetch(manifest.tracking, version.name, version.number, Path(scratch) / "artefact")
                known = knows(read_artefact(folder).facts, found.spellings)
            except CinelakeError as error:
                found.unreadable.append(f"{version.name} {version.number}: {error}")
                continue
        if known and version.is_champion:
            found.champions.setdefault(version.name, version.number)
        elif known:
            found.versions.setdefault(version.name, []).append(version.number)


def _delete_registered(manifest: Manifest, model: str, number: int) -> None:
    if _has_registry(manifest):
        from cinelake.tracking.registry import delete_version

        delete_version(manifest.tracking, model, number)


def _has_registry(manifest: Manifest) -> bool:
    """Whether MLflow may hold anything; a file that is not there is not made."""
    file = sqlite_file(manifest.tracking.uri)
    return manifest.tracking.enabled and (file is None or file.exists())


def _cells_by_faces(planning: Planning, found: PersonTraces) -> Iterator[tuple[str, str]]:
    for table in planning.lake.tables():
        cells = planning.index.cells(table)
        damaged = {name.removesuffix(".parquet") for name in planning.lake.storage.files(table)} - set(cells)
        found.unreadable += [f"{table} of {film}: damaged, the next run makes it again" for film in sorted(damaged)]
        for movie_id in cells:
            made = footer.ingredients if (footer := planning.index.footer(table, movie_id)) else {}
            source = BY_FACES.get(made.get("task", ""))
            if source is not None and source in ("", made.get("params", {}).get("source")):
                yield table, movie_id


def _is_named(lake: Lake, cell: tuple[str, str], found: PersonTraces) -> bool:
    """Whether a row of a cell names the person."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        rows = lake.reader(*cell).read()
    except CinelakeError as error:
        found.unreadable.append(f"{'/'.join(cell)}: {error}")
        return False
    names = pa.array(sorted(found.spellings))
    columns = [rows[column].cast(pa.string()) for column in NAMED if column in rows.column_names]
    return any(pc.any(pc.is_in(column, names)).as_py() for column in columns)
