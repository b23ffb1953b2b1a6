"""A run on a hypothetical cluster: how long, what bounds it, and what would help, from measured costs.

Few films are simulated one by one; of many, a sample, and the rest at the sample's own rate: what its second half took.
Filling and emptying the cluster is in the whole sample and in its first half alike, and cancels out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cinelake.plan.forecast.cluster import BoundBy, ClusterSettings
from cinelake.plan.forecast.simulation import FilmStages, Run, SimulatedCluster, Stage, simulate

SAMPLED_FILMS = 20_000
SAMPLED_WINDOWS = 8
"""A sample is at least so many windows of films, so that filling and emptying are little of it."""
WORTH_DOUBLING = 0.25
"""A part that is busy for less of the run than this does not bound it."""
HELPS = 0.97
"""A change helps if it shortens the run by at least three per cent."""
PARTS: tuple[BoundBy, ...] = ("cpus", "gpus", "driver", "store")


@dataclass(frozen=True)
class FilmMix:
    """Films to make. kinds: for each kind of film, what each of the measured ones would cost; of: every film's kind.

    Which measured film represents which film is drawn with replacement, by the seed.
    """

    kinds: Sequence[Sequence[FilmStages]]
    of: npt.NDArray[np.int32]
    seed: int = 0

    def __len__(self) -> int:
        return len(self.of)

    def first(self, count: int) -> Iterator[FilmStages]:
        """The first so many films."""
        drawn = np.random.default_rng(self.seed).integers(len(self.kinds[0]), size=count)
        return (self.kinds[kind][which] for kind, which in zip(self.of[:count].tolist(), drawn.tolist(), strict=True))

    def least_gpu(self) -> float:
        """The least share of a GPU that a stage needs; 1 where no stage needs any."""
        return min((stage.gpus for kind in self.kinds for film in kind for stage in film if stage.gpus), default=1.0)

    def mean(self, of_stage: Callable[[Stage], float]) -> float:
        """The mean over films of a sum over their stages: the expected value of the drawing."""
        counts = np.bincount(self.of, minlength=len(self.kinds))
        sums = [sum(of_stage(stage) for film in kind for stage in film) / len(kind) for kind in self.kinds]
        return float(np.average(sums, weights=counts))


@dataclass(frozen=True)
class WhatIf:
    """A change of the cluster, in words, and how long the run takes with it."""

    part: BoundBy
    words: str
    wall_s: float


@dataclass(frozen=True)
class Forecast:
    """A simulated run of films; `settings` with every default known."""

    settings: ClusterSettings
    films: FilmMix

    @cached_property
    def cluster(self) -> SimulatedCluster:
        """The cluster of the settings."""
        return self.settings.cluster(self.films.least_gpu())

    @cached_property
    def simulated(self) -> int:
        """How many films were simulated one by one."""
        return min(len(self.films), sample_size(self.cluster))

    @cached_property
    def run(self) -> Run:
        """The run."""
        return run_of(self.cluster, self.films)

    @cached_property
    def changes(self) -> list[WhatIf]:
        """The effect of doubling each part that may bound the run, the most helpful first."""
        busy = self.run.busy()
        tried: list[BoundBy] = [part for part in PARTS if part != "window" and busy[part] >= WORTH_DOUBLING]
        if max(busy.values()) < HELPS:  # the window can only bound what no part does
            tried.append("window")
        changes = []
        for part in tried:
            words, settings = self.settings.twice(part, self.cluster.window)
            changes.append(WhatIf(part, words, Forecast(settings, self.films).run.wall_s))
        return sorted(changes, key=lambda change: change.wall_s)

    @property
    def bound_by(self) -> BoundBy | None:
        """The part of which more would help most; None where none helps: the films themselves take that long."""
        best = next(iter(self.changes), None)
        return best.part if best and best.wall_s <= HELPS * self.run.wall_s else None

    def node_hours(self) -> dict[str, float]:
        """By pool: its nodes, kept for the whole run."""
        hours = self.run.wall_s / 3600
        by_kind = {"nodes": self.settings.nodes * hours}
        return by_kind | ({"decoders": self.settings.decoders[0] * hours} if self.settings.decoders else {})

    def cost(self) -> dict[str, float]:
        """By pool that has a price."""
        prices = {"nodes": self.settings.price, "decoders": self.settings.decoder_price}
        return {pool: hours * price for pool, hours in self.node_hours().items() if (price := prices[pool]) is not None}


def sample_size(cluster: SimulatedCluster) -> int:
    """How many films the rate of many is estimated from."""
    return max(SAMPLED_FILMS, SAMPLED_WINDOWS * cluster.window)


def run_of(cluster: SimulatedCluster, films: FilmMix) -> Run:
    """The run of all films: simulated one by one, or a sample of them, continued at its own rate."""
    sample = sample_size(cluster)
    if len(films) <= sample:
        return simulate(cluster, films.first(len(films)))
    half, whole = (simulate(cluster, films.first(count)) for count in (sample // 2, sample))
    rate = (whole.films - half.films) / (whole.wall_s - half.wall_s)
    wall_s = whole.wall_s + (len(films) - whole.films) / rate
    busy_s = {kind: seconds * len(films) / whole.films for kind, seconds in whole.busy_s.items()}
    return Run(len(films), wall_s, whole.first_end_s, busy_s)
