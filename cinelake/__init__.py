"""Films in, Parquet tables out: `lake = cinelake.open("lake")` asks a lake questions (`cinelake.client`)."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cinelake.client.lake_client import LakeClient

__all__ = ["open"]


def open(place: str | PathLike[str], published: bool | int | str = False) -> LakeClient:
    """The lake at a path or URI (`s3://bucket/lake`); `published`: its published copy, or a version of it by number.

    Raises `StorageError` when there is none, `UsageError` where nothing is published.
    """
    from cinelake.client.lake_client import open_lake

    return open_lake(fspath(place), published)


# Models that the first release registered in MLflow carry code that imports `cinelake.artefacts` and `cinelake.model`.
__path__.append(f"{__path__[0]}/tracking/first_release")
