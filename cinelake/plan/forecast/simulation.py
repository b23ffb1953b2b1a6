"""Many films on a described cluster, simulated event by event (SimPy).

A film waits for a place in the window, then for the driver, which submits one film at a time. Its stages follow one
another (`cinelake.run.step`): each waits for its processors and GPUs, moves its bytes over one of the links to the
store, works, and releases them; first come, first served.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import simpy

ResourceKind = Literal["cpus", "gpus", "driver", "store"]
KINDS: tuple[ResourceKind, ...] = ("cpus", "gpus", "driver", "store")
UNITS = 10**18
"""Into how many parts all processors (or all GPUs) of a cluster are cut: shares are whole numbers, and of n equal
shares n fit and not one more, for any n below a thousand million."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a film: what is reserved for it, its seconds of work, and the bytes that it reads and writes."""

    cpus: float
    gpus: float
    seconds: float
    moved_bytes: float = 0.0


FilmStages = Sequence[Stage]


@dataclass(frozen=True)
class NodePool:
    """Nodes of one kind; cpus and gpus of each."""

    nodes: int
    cpus: float
    gpus: float = 0.0


@dataclass(frozen=True)
class SimulatedCluster:
    """The resources of a run.

    driver_s: how long the driver is busy with each film. window: films submitted and not yet finished.
    link_bytes_per_s: of each node's link to the store.
    """

    pools: tuple[NodePool, ...]
    window: int
    driver_s: float = 0.0
    link_bytes_per_s: float = math.inf

    def at_once(self, kind: Literal["cpus", "gpus"], need: float) -> int:
        """How many stages that need so much of a node run at the same time; a stage never spans nodes."""
        return sum(pool.nodes * int(getattr(pool, kind) / need + 1e-9) for pool in self.pools)

    @property
    def nodes(self) -> int:
        """All nodes."""
        return sum(pool.nodes for pool in self.pools)


@dataclass
class Run:
    """What a simulated run took. busy_s: by kind, the seconds for which all of it would have been at work."""

    films: int = 0
    wall_s: float = 0.0
    first_end_s: float = 0.0
    busy_s: dict[ResourceKind, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))

    def busy(self) -> dict[ResourceKind, float]:
        """By kind, the share of the run in which it worked, 0 … 1."""
        return {kind: self.busy_s[kind] / self.wall_s if self.wall_s else 0.0 for kind in KINDS}


def simulate(cluster: SimulatedCluster, films: Iterable[FilmStages]) -> Run:
    """Run the films, in their order, to the last one's end. Every stage must fit on some node."""
    return _Simulation(cluster).run(films)


class _Simulation:
    """The state of a simulated run. A `Container` keeps no list of its users: a release costs the same at any size."""

    def __init__(self, cluster: SimulatedCluster):
        self._cluster, self._run = cluster, Run()
        self._env = simpy.Environment()
        self._window = simpy.Container(self._env, cluster.window, cluster.window)
        self._cpus = simpy.Container(self._env, UNITS, UNITS)
        self._gpus = simpy.Container(self._env, UNITS, UNITS)
        self._links = simpy.Container(self._env, cluster.nodes, cluster.nodes)

    def run(self, films: Iterable[FilmStages]) -> Run:
        self._env.process(self._driver(films))
        self._env.run()
        self._run.wall_s = self._env.now
        return self._run

    def _driver(self, films: Iterable[FilmStages]) -> Generator[simpy.Event, None, None]:
        """Submits one film after another while there is room in the window."""
        for film in films:
            yield self._window.get(1)
            yield self._env.timeout(self._cluster.driver_s)
            self._run.busy_s["driver"] += self._cluster.driver_s
            self._env.process(self._film(film))

    def _film(self, film: FilmStages) -> Generator[simpy.Event, None, None]:
        for stage in film:
            yield from self._stage(stage)
        self._run.films += 1
        self._run.first_end_s = self._run.first_end_s or self._env.now
        self._window.put(1)

    def _stage(self, stage: Stage) -> Generator[simpy.Event, None, None]:
        gpu_share, cpu_share = self._share("gpus", stage.gpus), self._share("cpus", stage.cpus)
        if gpu_share:
            yield self._gpus.get(gpu_share)
        if cpu_share:
            yield self._cpus.get(cpu_share)
        moving_s = stage.moved_bytes / self._cluster.link_bytes_per_s
        if moving_s:
            yield self._links.get(1)
            yield self._env.timeout(moving_s)
            self._links.put(1)
        yield self._env.timeout(stage.seconds)
        busy = self._run.busy_s
        busy["gpus"] += stage.seconds * gpu_share / UNITS
        busy["cpus"] += stage.seconds * cpu_share / UNITS
        busy["store"] += moving_s / self._cluster.nodes
        if gpu_share:
            self._gpus.put(gpu_share)
        if cpu_share:
            self._cpus.put(cpu_share)

    def _share(self, kind: Literal["cpus", "gpus"], need: float) -> int:
        """Units of all processors or GPUs that a stage takes: as many such stages run at once as fit on the nodes."""
        return UNITS // self._cluster.at_once(kind, need) if need else 0
