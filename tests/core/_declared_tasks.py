"""Tasks that tests of the manifest declare, so that they say nothing of those that there are."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from cinelake.spec.contract import Contract
from cinelake.spec.task import ManifestPath, Params, Resources, TaskSpec, VideoStream, task


class PicturesParams(Params):
    """Parameters of the task `pictures`."""

    fps: float = Field(default=1.0, gt=0)
    """Pictures a second."""
    sizes: tuple[int, ...] = (64,)
    """Widths."""


class NetworkFile(Params):
    """A network in a file."""

    file: ManifestPath
    """Where it is."""


class PersonsParams(Params):
    """Parameters of the task `persons`."""

    detector: Literal["hog", "cnn"] = "hog"
    """Which detector."""
    backbone: Literal["descriptor"] | NetworkFile = "descriptor"
    """What embeds."""
    weights: ManifestPath | None = None
    """A file of weights."""
    pack: ManifestPath | str | None = None
    """A name or a folder."""


class LogoParams(Params):
    """Parameters of the task `logos`."""

    picture: str
    """What to look for."""


def declared(name: str, **options: Any) -> TaskSpec:
    table = Contract(name, f"Table {name}.", columns=[], key=[])
    made: Any = task(writes=table, version=1, **options)(type(name.title(), (), {}))
    spec: TaskSpec = made.spec
    return spec


STREAM = VideoStream(width=64, height=36)
KNOWN = {
    spec.name: spec
    for spec in (
        declared("cuts", reads=STREAM),
        declared("pictures", reads=STREAM, params=PicturesParams, follows=("cuts",)),
        declared("persons", reads=["pictures"], params=PersonsParams, resources=Resources(gpus=0.5, memory_gb=2)),
        declared("logos", reads=["pictures"], params=LogoParams),
        declared("scenes", reads=["persons"], applies="scenes"),
    )
}
