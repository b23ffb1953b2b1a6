"""Which format a lake is of: one small file at its root, written by the first run, looked at before anything else."""

from __future__ import annotations

import json

from cinelake.errors import StorageError
from cinelake.lake.cells import Lake
from cinelake.spec.formats import LAKE, check_format
from cinelake.storage.store import StorageLocation, storage_errors

NAME = "_format.json"


def open_known(place: str | StorageLocation) -> Lake:
    """The lake at a path or URI. Raises `NewerFormat` where a newer Cinelake wrote it, `StorageError`."""
    lake = Lake(place)
    text = _read(lake)
    if text is not None:
        try:
            found = json.loads(text)["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{lake.storage.path(NAME)} is damaged ({error}): delete it") from error
        check_format(f"the lake {lake.storage.uri}", found, LAKE)
    return lake


def note_format(lake: Lake) -> None:
    """Write the lake's format where it says none. Raises `StorageError`."""
    if lake.storage.stamp(NAME) is None:
        with lake.scratch() as scratch:
            (scratch / NAME).write_text(json.dumps({"format": LAKE}) + "\n")
            lake.storage.publish(scratch / NAME, NAME)


def _read(lake: Lake) -> bytes | None:
    with storage_errors(f"reading {NAME} in {lake.storage.uri}"):
        try:
            with lake.storage.filesystem.open_input_file(lake.storage.path(NAME)) as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None
