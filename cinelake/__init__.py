"""Films in, Parquet tables out: `lake = cinelake.open("lake")` asks a lake questions (`cinelake.opened`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cinelake.opened import OpenLake

__all__ = ["open"]


def open(place: str) -> OpenLake:
    """The lake at a path or URI (`s3://bucket/lake`). Raises `StorageError` when there is none."""
    from cinelake.opened import open_lake

    return open_lake(place)
