"""Whether a cluster's nodes have what this machine has: the same Python, the same packages that tables depend on.

Another version would fail in the middle of the night, film by film, or make other tables without a word. So every node
is asked as soon as a run is connected, before work starts; one that joins later compares itself before each job.
"""

from __future__ import annotations

import platform
import socket
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from cinelake.errors import EngineUnavailable, NodeDiffers
from cinelake.spec.installed import RECORDED_VERSIONS, installed_versions

PYTHON = "Python"
TRAVELS = "cinelake"
"""Its code comes with the run."""
STANDS_IN = {"onnxruntime": "onnxruntime-gpu"}
"""A package that is as good, of nodes with GPUs; the versions of two packages cannot be compared."""
SHOWN = 8
ANSWER_WITHIN_S = 60.0
"""A node of Ray may have to start a process and to unpack this checkout first."""


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """What is installed in this process: Python's major and minor, each package; one that is not there is left out."""
    named = [name for package in packages for name in (package, STANDS_IN.get(package)) if name]
    minor = ".".join(platform.python_version_tuple()[:2])
    return {PYTHON: minor, **installed_versions(named)}


def compared_with(runner: str) -> tuple[str, ...]:
    """The packages that are compared: those that tables depend on, and the one that runs the cluster."""
    return (*(package for package in RECORDED_VERSIONS if package != TRAVELS), runner)


def check_same(address: str, here: Mapping[str, str], nodes: Mapping[str, Mapping[str, str]]) -> None:
    """Raise `EngineUnavailable` where nodes (name → its `versions_of`) have other versions than are here."""
    differ: dict[str, list[str]] = {}
    for node, there in nodes.items():
        for words in _differences(here, there):
            differ.setdefault(words, []).append(node)
    if not differ:
        return
    told = [f"  {words} on {_names(found)}" for words, found in list(differ.items())[:SHOWN]]
    more = [f"  and {len(differ) - SHOWN} more"] if len(differ) > SHOWN else []
    advice = "Give nodes and this machine the same image, or install the same `requirements/lock.txt` on both."
    head = f"the cluster at {address} has other versions than this machine, nothing was started:"
    raise EngineUnavailable("\n".join([head, *told, *more, advice]))


def check_joined(runner: str, run: Mapping[str, str]) -> None:
    """Raise `NodeDiffers` where this machine, which may have joined a moment ago, has other versions than its run."""
    if differ := _differences(run, _of_this_process(runner) if run else {}, "the run has"):
        raise NodeDiffers(
            f"{socket.gethostname()} joined the cluster with other versions: {', '.join(differ[:SHOWN])}. "
            "Give it the image of the other nodes, or install the same `requirements/lock.txt` on it."
        )


@cache
def _of_this_process(runner: str) -> dict[str, str]:
    return versions_of(compared_with(runner))


def _differences(here: Mapping[str, str], there: Mapping[str, str], word: str = "here") -> list[str]:
    """What a node has otherwise: `numpy 2.1.0 (here 2.4.6)`, or not at all."""
    missing = [package for package in here if package not in there and not _stood_in(package, there)]
    others = [package for package in here if package in there and there[package] != here[package]]
    return [f"{package} {there[package]} ({word} {here[package]})" for package in others] + [
        f"no {package} ({word} {here[package]})" for package in missing
    ]


def _stood_in(package: str, there: Mapping[str, str]) -> bool:
    pairs = [*STANDS_IN.items(), *((other, package) for package, other in STANDS_IN.items())]
    return any(package == one and other in there for one, other in pairs)


def _names(nodes: list[str]) -> str:
    return f"{nodes[0]} and {len(nodes) - 1} more" if len(nodes) > 1 else nodes[0]


def of_ray_nodes(packages: Iterable[str]) -> dict[str, dict[str, str]]:
    """What each living node of the connected Ray has, by its address and the beginning of its id.

    A node that died a moment ago may still be called living: it does not answer, and is left out.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(versions_of)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    names = [f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})" for node in nodes]
    places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
    asked = [ask.options(num_cpus=0, scheduling_strategy=place).remote(packages) for place in places]
    answers = {name: _answer(reference) for name, reference in zip(names, asked, strict=True)}
    return {name: found for name, found in answers.items() if found is not None}


def _answer(reference: Any) -> dict[str, str] | None:
    """What a node says; None when it is gone."""
    import ray
    from ray import exceptions

    try:
        found: dict[str, str] = ray.get(reference, timeout=ANSWER_WITHIN_S)
    except (exceptions.TaskUnschedulableError, exceptions.NodeDiedError, exceptions.WorkerCrashedError):
        return None
    return found
