"""Whether a cluster's nodes have what this machine has: the same Python, the same packages that tables depend on.

Another version would fail in the middle of the night, film by film, or silently make other tables. So every node is
queried as soon as a run is connected, before work starts; one that joins later compares itself before each job.
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
"""Packages that nodes with GPUs have instead; the versions of two packages cannot be compared."""
SHOWN = 8
ANSWER_WITHIN_S = 60.0
"""A node of Ray may have to start a process and to unpack this checkout first."""


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """What is installed in this process: Python's major and minor, each package; a missing one is left out."""
    named = [name for package in packages for name in (package, STANDS_IN.get(package)) if name]
    minor = ".".join(platform.python_version_tuple()[:2])
    return {PYTHON: minor, **installed_versions(named)}


def compared_with(runner: str) -> tuple[str, ...]:
    """The packages that are compared: those that tables depend on, and the one that runs the cluster."""
    return (*(package for package in RECORDED_VERSIONS if package != TRAVELS), runner)


def check_same(address: str, here: Mapping[str, str], nodes: Mapping[str, Mapping[str, str]]) -> None:
    """Raise `EngineUnavailable` where nodes (name → its `versions_of`) have other versions than are here."""
    differ: dict[str, list[str]] = {}
    for node, installed in nodes.items():
        for words in _differences(here, installed):
            differ.setdefault(words, []).append(node)
    if not differ:
        return
    lines = []
    for words, names in list(differ.items())[:SHOWN]:
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        lines.append(f"  {words} on {names[0]}{others}")
    more = [f"  and {len(differ) - SHOWN} more"] if len(differ) > SHOWN else []
    advice = "Give nodes and this machine the same image, or install the same `requirements/lock.txt` on both."
    head = f"the cluster at {address} has other versions than this machine, nothing was started:"
    raise EngineUnavailable("\n".join([head, *lines, *more, advice]))


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


def _differences(here: Mapping[str, str], node: Mapping[str, str], word: str = "here") -> list[str]:
    """How a node's packages differ: `numpy 2.1.0 (here 2.4.6)`, or missing there."""
    missing = [package for package in here if package not in node and not _stood_in(package, node)]
    others = [package for package in here if package in node and node[package] != here[package]]
    return [f"{package} {node[package]} ({word} {here[package]})" for package in others] + [
        f"no {package} ({word} {here[package]})" for package in missing
    ]


def _stood_in(package: str, node: Mapping[str, str]) -> bool:
    pairs = [*STANDS_IN.items(), *((other, package) for package, other in STANDS_IN.items())]
    return any(package == one and other in node for one, other in pairs)


def of_ray_nodes(packages: Iterable[str]) -> dict[str, dict[str, str]]:
    """The packages of each living node of the connected Ray, by its address and the beginning of its id.

    A node that died a moment ago may still be listed as living: it does not answer, and is left out.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(versions_of)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    names = [f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})" for node in nodes]
    places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
    requests = [ask.options(num_cpus=0, scheduling_strategy=place).remote(packages) for place in places]
    answers = {name: _answer(reference) for name, reference in zip(names, requests, strict=True)}
    return {name: answer for name, answer in answers.items() if answer is not None}


def _answer(reference: Any) -> dict[str, str] | None:
    """A node's answer; None when it died."""
    import ray
    from ray import exceptions

    try:
        answer: dict[str, str] = ray.get(reference, timeout=ANSWER_WITHIN_S)
    except (exceptions.TaskUnschedulableError, exceptions.NodeDiedError, exceptions.WorkerCrashedError):
        return None
    return answer
