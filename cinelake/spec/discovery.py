"""What installed packages add: entry points, looked for once, since each look reads every package's metadata."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points


@cache
def installed(group: str) -> dict[str, EntryPoint]:
    """Name → entry point, of a group such as `cinelake.tasks`."""
    return {point.name: point for point in entry_points(group=group)}
