"""Tasks and models by name: modules and folders of a room, and what installed packages add by entry points."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

Room = Literal["tasks", "models"]


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
