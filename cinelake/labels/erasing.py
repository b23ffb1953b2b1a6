"""What labels say of one class is taken out of all their versions: the one exception to their being append-only.

    with a film     the row stays, its class empty: what an older version said of that moment must not count again
    with a still    the picture is blank and has no name; a film of stills that shows nobody else goes as a whole

A still that was given to another class later shows that one: it stays, without its name. Versions keep their numbers,
dates and annotators. Each file is replaced in one operation, pictures first: a killed erasing goes on when it is done
again.
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
ERASED = "erased_"
"""What stands for the digest of a blank picture, before its number."""


@dataclass
class ClassRows:
    """What the versions of a set say of one class.

    rows: version → rows. stills: film of stills → numbers of those that show it; empty where an erasing was killed
    before the film went. given_away: film of stills → numbers of those that a later version says to show another.
    """

    set_name: str
    versions: dict[int, int] = field(default_factory=dict)
    stills: dict[str, set[int]] = field(default_factory=dict)
    given_away: dict[str, set[int]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Of all versions."""
        return sum(self.versions.values())

    @property
    def still_count(self) -> int:
        """Of all films of stills."""
        return sum(map(len, self.stills.values()))


def find_class(root: Path, set_name: str, column: str, values: Collection[str]) -> ClassRows:
    """Rows and stills of a class, by all spellings of its name, in all versions of a set, those that count no more too.

    Raises `StorageError`.
    """
    found = ClassRows(set_name)
    latest: dict[tuple[str, int], set[str]] = {}
    films = {path.stem for path in image_file(root, set_name, "_").parent.glob("*.parquet")}
    for version in label_versions(root, set_name):
        rows = rows_of_version(version, [*version.films])
        if count := _of_class(rows, column, values).num_rows:
            found.versions[version.number] = count
        for still, names in _said_of_stills(rows, column, films).items():
            latest[still] = names
            if names & {*values}:
                found.stills.setdefault(still[0], set()).add(still[1])
    for film, numbers in found.stills.items():
        shows_another = {n for n in numbers if latest[film, n] - {""} and not latest[film, n] & {*values}}
        if shows_another:
            found.given_away[film] = shows_another
            found.stills[film] = numbers - shows_another
    found.stills |= {film: set() for film in films - {*found.stills} if not _left(root, set_name, film, ())}
    return found


def _said_of_stills(rows: pa.Table, column: str, films: Collection[str]) -> dict[tuple[str, int], set[str]]:
    """Film of stills and number → the classes that a version's rows give it."""
    said: dict[tuple[str, int], set[str]] = {}
    if {column, "time_s"} <= {*rows.column_names}:
        of_stills = rows.filter(_is_in(rows["movie_id"], films))
        for row in of_stills.select(["movie_id", "time_s", column]).to_pylist():
            said.setdefault((row["movie_id"], round(row["time_s"])), set()).add(row[column] or "")
    return said


def erase_class(root: Path, column: str, values: Collection[str], found: ClassRows) -> None:
    """Take what was found out of the set's files. Raises `StorageError`; called again it goes on."""
    with images_lock(root, found.set_name) if found.stills else storage_errors(f"erasing in {root}"):
        gone = {film for film, numbers in found.stills.items() if not _left(root, found.set_name, film, numbers)}
        for film, numbers in found.stills.items():
            path = image_file(root, found.set_name, film)
            stills = pq.read_table(path, partitioning=None)
            replace_images(path, _blanked(stills, numbers, found.given_away.get(film, ())))
        for version in label_versions(root, found.set_name):
            _erase_in(version, column, values, gone)
        for film in gone:
            image_file(root, found.set_name, film).unlink(missing_ok=True)


def _of_class(rows: pa.Table, column: str, values: Collection[str]) -> pa.Table:
    return rows.filter(_is_in(rows[column], values)) if column in rows.column_names else rows.slice(0, 0)


def _is_in(column: pa.ChunkedArray, values: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(column.cast(pa.string()), pa.array([*values], pa.string()))


def _left(root: Path, set_name: str, film: str, numbers: Collection[int]) -> int:
    """How many stills of a film show others."""
    with storage_errors(f"reading the stills of {film}"):
        shas = pq.read_table(image_file(root, set_name, film), columns=["sha"], partitioning=None)["sha"].to_pylist()
    return sum(1 for number, sha in enumerate(shas) if number not in numbers and not sha.startswith(ERASED))


def _blanked(stills: pa.Table, numbers: Collection[int], nameless: Collection[int]) -> pa.Table:
    """The stills, some of them blank, some without their name; all keep their numbers."""
    blank: Mapping[str, Any] = {"name": "", "width": BLANK_SIDE, "height": BLANK_SIDE, "jpeg": _grey()}
    rows: list[dict[str, Any]] = stills.to_pylist()
    for number in numbers:
        row = rows[number]
        row |= {name: value for name, value in blank.items() if name in row}
        row["sha"] = f"{ERASED}{number}"
        if "patch" in row:
            row["patch"] = bytes(len(row["patch"]))
    for number in nameless:
        rows[number]["name"] = ""
    return pa.Table.from_pylist(rows, stills.schema)


def _grey() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (BLANK_SIDE, BLANK_SIDE), (127, 127, 127)).save(buffer, "JPEG")
    return buffer.getvalue()


def _erase_in(version: LabelVersion, column: str, values: Collection[str], gone: Collection[str]) -> None:
    """Write a version's file anew without the class, and without films that are gone; one without any row goes."""
    rows = rows_of_version(version, [*version.films])
    if not _of_class(rows, column, values).num_rows and not set(gone) & set(version.films):
        return
    rows = rows.filter(pc.invert(pc.is_in(rows["movie_id"], pa.array([*gone], pa.string()))))
    rows = _without(rows, column, values)
    if not rows.num_rows:
        version.file.unlink(missing_ok=True)
        return
    made = replace(version, films=film_digests(rows))
    with storage_errors(f"writing {version.file}"):
        buffer = io.BytesIO()
        pq.write_table(rows.replace_schema_metadata({FOOTER_KEY: footer_of(made)}), buffer, compression="zstd")
        write_whole(version.file, buffer.getvalue())


def _without(rows: pa.Table, column: str, values: Collection[str]) -> pa.Table:
    if column not in rows.column_names:
        return rows
    place = rows.column_names.index(column)
    others = pc.if_else(_is_in(rows[column], values), pa.scalar(None, rows[column].type), rows[column])
    return rows.set_column(place, rows.schema.field(place), others)
