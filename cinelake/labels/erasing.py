"""What labels say of one class is taken out of all their versions: the one exception to their being append-only.

    with a film     the row stays, its class empty: what an older version said of that moment must not count again
    with a still    the picture is blank and has no name; a film of stills that shows nobody else goes as a whole

Versions keep their numbers, dates and annotators. Each file is replaced in one operation.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cinelake.labels.images import image_file, images_lock, replace_images
from cinelake.labels.store import (
    FOOTER_KEY,
    LabelVersion,
    film_digests,
    footer_of,
    label_versions,
    rows_of_version,
)
from cinelake.storage.files import write_whole
from cinelake.storage.store import storage_errors

BLANK_SIDE = 8
"""Pixels of a blank picture's side."""


@dataclass
class ClassRows:
    """What the versions of a set say of one class. rows: version → rows. stills: film of stills → its numbers."""

    set_name: str
    versions: dict[int, int] = field(default_factory=dict)
    stills: dict[str, set[int]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Of all versions."""
        return sum(self.versions.values())

    @property
    def still_count(self) -> int:
        """Of all films of stills."""
        return sum(map(len, self.stills.values()))


def find_class(root: Path, set_name: str, column: str, value: str) -> ClassRows:
    """Rows and stills of a class in all versions of a set, those that count no more too. Raises `StorageError`."""
    found = ClassRows(set_name)
    for version in label_versions(root, set_name):
        rows = _of_class(rows_of_version(version, [*version.films]), column, value)
        if not rows.num_rows:
            continue
        found.versions[version.number] = rows.num_rows
        for row in rows.select(["movie_id", "time_s"]).to_pylist() if "time_s" in rows.column_names else ():
            if image_file(root, set_name, row["movie_id"]).exists():
                found.stills.setdefault(row["movie_id"], set()).add(round(row["time_s"]))
    return found


def erase_class(root: Path, column: str, value: str, found: ClassRows) -> None:
    """Take what was found out of the set's files. Raises `StorageError`; called again it goes on."""
    with images_lock(root, found.set_name) if found.stills else storage_errors(f"erasing in {root}"):
        gone = {film for film, numbers in found.stills.items() if not _left(root, found.set_name, film, numbers)}
        for film, numbers in found.stills.items():
            path = image_file(root, found.set_name, film)
            if film not in gone:
                replace_images(path, _blanked(pq.read_table(path, partitioning=None), numbers))
        for version in label_versions(root, found.set_name):
            _erase_in(version, column, value, gone)
        for film in gone:
            image_file(root, found.set_name, film).unlink(missing_ok=True)


def _of_class(rows: pa.Table, column: str, value: str) -> pa.Table:
    return rows.filter(pc.equal(rows[column], value)) if column in rows.column_names else rows.slice(0, 0)


def _left(root: Path, set_name: str, film: str, numbers: Collection[int]) -> int:
    """How many stills of a film show others."""
    with storage_errors(f"reading the stills of {film}"):
        names = pq.read_table(image_file(root, set_name, film), columns=["name"], partitioning=None)["name"]
    return sum(1 for number, name in enumerate(names.to_pylist()) if number not in numbers and name)


def _blanked(stills: pa.Table, numbers: Collection[int]) -> pa.Table:
    """The stills, some of them blank; the others keep their numbers."""
    blank: Mapping[str, Any] = {"sha": "", "name": "", "width": BLANK_SIDE, "height": BLANK_SIDE, "jpeg": _grey()}
    rows: list[dict[str, Any]] = stills.to_pylist()
    for number in numbers:
        row = rows[number]
        row |= {name: value for name, value in blank.items() if name in row}
        row["sha"] = f"erased_{number}"
        if "patch" in row:
            row["patch"] = bytes(len(row["patch"]))
    return pa.Table.from_pylist(rows, stills.schema)


def _grey() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (BLANK_SIDE, BLANK_SIDE), (127, 127, 127)).save(buffer, "JPEG")
    return buffer.getvalue()


def _erase_in(version: LabelVersion, column: str, value: str, gone: Collection[str]) -> None:
    """Write a version's file anew without the class, and without films that are gone; one without any row goes."""
    rows = rows_of_version(version, [*version.films])
    if not _of_class(rows, column, value).num_rows and not set(gone) & set(version.films):
        return
    rows = rows.filter(pc.invert(pc.is_in(rows["movie_id"], pa.array([*gone], pa.string()))))
    rows = _without(rows, column, value)
    if not rows.num_rows:
        version.file.unlink(missing_ok=True)
        return
    made = replace(version, films=film_digests(rows))
    with storage_errors(f"writing {version.file}"):
        buffer = io.BytesIO()
        pq.write_table(rows.replace_schema_metadata({FOOTER_KEY: footer_of(made)}), buffer, compression="zstd")
        write_whole(version.file, buffer.getvalue())


def _without(rows: pa.Table, column: str, value: str) -> pa.Table:
    if column not in rows.column_names:
        return rows
    named = pc.fill_null(pc.equal(rows[column], value), False)
    place = rows.column_names.index(column)
    values = pc.if_else(named, pa.scalar(None, rows[column].type), rows[column])
    return rows.set_column(place, rows.schema.field(place), values)
