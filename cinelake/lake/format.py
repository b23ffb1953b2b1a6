"""Which format a lake is of: one small file at its root, written by the first run, looked at before anything else."""

from __future__ import annotations

import json
from pathlib import Path

from cinelake.errors import StorageError, UsageError
from cinelake.lake.cells import Lake
from cinelake.spec.installed import LAKE_FORMAT, check_format
from cinelake.spec.names import TABLE_NAME
from cinelake.storage.content import parsed_json
from cinelake.storage.store import StorageLocation, storage_errors

NAME = "_format.json"
OF_VOLUMES = (
    "lost+found",
    "@eaDir",
    "#recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "Thumbs.db",
    "desktop.ini",
)
"""What systems put at the root of an empty disk or share, which may be a lake's folder as a whole."""


def open_known(place: str | StorageLocation) -> Lake:
    """The lake at a path or URI. Raises `NewerFormat` where a newer Cinelake wrote it, `StorageError`.

    Raises `UsageError` for a folder that is full of something else, which would stand among the lake's tables.
    """
    lake = Lake(place)
    text = _read(lake)
    if text is None and (others := _of_others(lake.storage.local)):
        named = ", ".join(others[:3]) + ", …" * (len(others) > 3)
        raise UsageError(
            f"{lake.storage.uri} is no lake, and holds something else ({named}): a lake has its folder for itself. "
            "Name another, as in `lake: lake`"
        )
    if text is not None:
        try:
            found = parsed_json(text)["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{lake.storage.path(NAME)} is damaged ({error}): delete it") from error
        check_format(f"the lake {lake.storage.uri}", found, LAKE_FORMAT)
    return lake


def note_format(lake: Lake) -> None:
    """Write the lake's format where it says none. Raises `StorageError`."""
    if lake.storage.stamp(NAME) is None:
        with lake.scratch() as scratch:
            (scratch / NAME).write_text(json.dumps({"format": LAKE_FORMAT}) + "\n")
            lake.storage.publish(scratch / NAME, NAME)


def _of_others(folder: Path | None) -> list[str]:
    """What a folder holds that no lake does; nothing where there is a sign of a lake, of whatever release."""
    with storage_errors(f"listing {folder}"):
        names = {entry.name: entry.is_dir() for entry in folder.iterdir()} if folder and folder.is_dir() else {}
    if any(name.startswith("_") for name in names):
        return []
    shown = {name: is_folder for name, is_folder in names.items() if not (name.startswith(".") or name in OF_VOLUMES)}
    return sorted(name for name, is_folder in shown.items() if not (is_folder and TABLE_NAME.fullmatch(name)))


def _read(lake: Lake) -> bytes | None:
    with storage_errors(f"reading {NAME} in {lake.storage.uri}"):
        try:
            with lake.storage.open_input_file(lake.storage.path(NAME)) as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None
