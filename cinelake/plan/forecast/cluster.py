"""The cluster of `cinelake plan --simulate`, written as `nodes=64,cpus=16,gpus=1,decoders=128x32`."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic import ValidationError as Invalid

from cinelake.errors import UsageError, did_you_mean
from cinelake.manifest.sections import EngineKind
from cinelake.plan.forecast.simulation import NodePool, SimulatedCluster
from cinelake.spec.settings import Settings

BoundBy = Literal["cpus", "gpus", "driver", "store", "window"]
DRIVER_MS: dict[EngineKind, float] = {"local": 7.0, "dask": 23.0, "ray": 16.0}
"""Per film beyond the work, as `python -m benchmarks.engines` found it on two processors; an engine that it did not
measure counts as the slowest of these."""
BYTES_PER_S_PER_GBIT = 125_000_000


def _pool(given: Any) -> Any:
    match = re.fullmatch(r"(\d+)x(\d+)", str(given))
    return tuple(map(int, match.groups())) if match else given


class ClusterSettings(Settings):
    """The settings of `--simulate`."""

    model_config = ConfigDict(allow_inf_nan=False)

    nodes: Annotated[int, Field(gt=0, le=100_000)] = 1
    """How many nodes."""
    cpus: Annotated[int, Field(ge=0, le=4096)] = 1
    """Processors of each."""
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    """GPUs of each."""
    decoders: Annotated[tuple[PositiveInt, PositiveInt], BeforeValidator(_pool)] | None = None
    """A pool of nodes without GPUs, as NODESxCPUS: 128x32."""
    store_gbit: PositiveFloat | None = None
    """Gigabits a second between each node and the store; left out: the store is never waited for."""
    gpu_speedup: PositiveFloat = 1.0
    """How many times faster a GPU does what was measured on a processor."""
    engine: EngineKind | None = None
    """local, dask or ray; left out: the manifest's, and ray for several nodes."""
    driver_ms: NonNegativeFloat | None = None
    """What the driver does for each film; left out: what was measured of the engine."""
    window: PositiveInt | None = None
    """Films in flight; left out: the manifest's, or as the engine does: two for each place on a processor or a GPU."""
    film_minutes: PositiveFloat | None = None
    """Costs are scaled to films of this length; left out: the films are as long as those measured."""
    price: NonNegativeFloat | None = None
    """Of a node for an hour."""
    decoder_price: NonNegativeFloat | None = None
    """Of a decoder for an hour."""
    seed: int = 0
    """The same seed draws the same films."""

    def known(self, engine: EngineKind, window: int | None) -> ClusterSettings:
        """The settings with the manifest's engine and window where they have none."""
        several = self.nodes > 1 or self.decoders
        kind = self.engine or ("ray" if engine == "local" and several else engine)
        driver_ms = DRIVER_MS.get(kind, max(DRIVER_MS.values())) if self.driver_ms is None else self.driver_ms
        return self.model_copy(update={"engine": kind, "driver_ms": driver_ms, "window": self.window or window})

    def cluster(self, gpu_share: float = 1.0) -> SimulatedCluster:
        """The cluster that the settings describe; after `known`. gpu_share: the least that a stage needs of a GPU."""
        pools = [NodePool(self.nodes, self.cpus, self.gpus)]
        if self.decoders:
            pools.append(NodePool(*self.decoders))
        places = sum(pool.nodes * (pool.cpus + int(pool.gpus / gpu_share + 1e-9)) for pool in pools)
        link = self.store_gbit * BYTES_PER_S_PER_GBIT if self.store_gbit else math.inf
        return SimulatedCluster(
            tuple(pools), self.window or max(2 * int(places), 1), (self.driver_ms or 0.0) / 1000, link
        )

    def twice(self, part: BoundBy, window: int) -> tuple[str, ClusterSettings]:
        """The settings with one part doubled, and the change in words. window: films in flight until now."""
        words, changed = self._twice(part, window)
        return words, self.model_copy(update=changed)

    def _twice(self, part: BoundBy, window: int) -> tuple[str, dict[str, Any]]:
        if part == "cpus" and self.decoders:
            nodes, cpus = self.decoders
            return "twice the decoders", {"decoders": (2 * nodes, cpus)}
        changes: dict[BoundBy, tuple[str, dict[str, Any]]] = {
            "cpus": ("twice the processors", {"cpus": 2 * self.cpus}),
            "gpus": ("twice the GPUs", {"gpus": 2 * self.gpus}),
            "driver": ("a driver twice as fast", {"driver_ms": (self.driver_ms or 0.0) / 2}),
            "store": ("twice the bandwidth to the store", {"store_gbit": 2 * (self.store_gbit or 0.0)}),
            "window": ("twice the films in flight", {"window": 2 * window}),
        }
        return changes[part]


def parse_settings(text: str) -> ClusterSettings:
    """Read `nodes=64,cpus=16`. Raises `UsageError` with all problems at once."""
    pairs = [word.strip().partition("=") for word in text.split(",") if word.strip()]
    names = [name.strip() for name, _, _ in pairs]
    problems = [f"{name} has no value: {name}=…" for name, equals, _ in pairs if not equals]
    problems += [f"{name} is given {count} times" for name, count in Counter(names).items() if count > 1]
    known = sorted(ClusterSettings.model_fields)
    problems += [f"unknown setting {name!r}{did_you_mean(name, known)}" for name in names if name not in known]
    given = {name.strip(): value.strip() for name, equals, value in pairs if equals and name.strip() in known}
    try:
        settings = ClusterSettings.model_validate(given)
    except Invalid as error:
        for one in error.errors():
            name = str(one["loc"][0])
            why = "expected NODESxCPUS, as in 128x32" if name == "decoders" else one["msg"].lower()
            problems.append(f"{name}: {why}. Received: {one['input']}")
    if problems:
        raise UsageError("\n".join([f"--simulate {text!r} cannot be:", *(f"  {problem}" for problem in problems)]))
    return settings
