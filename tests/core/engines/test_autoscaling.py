"""Nodes that a cluster adds by itself are waited for where the manifest says that they may come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _folders import files_below
from core.engines._waiting import HERE, Waiting, await_that, waiting_project
from end_to_end._command import cinelake
from end_to_end._lakes import change

from benchmarks._clusters import CLUSTERS, RunningCluster
from cinelake.engines.cluster import at_once
from cinelake.manifest.sections import EngineSettings, NodeKind
from cinelake.spec.task import Resources

KINDS = [NodeKind(cpus=16, memory_gb=32, most=4), NodeKind(gpus=1, memory_gb=8, most=3)]


def test_as_many_films_are_handed_out_as_all_nodes_would_carry_that_may_come():
    settings = EngineSettings(kind="ray", address="ray://films:10001", autoscaling=KINDS)
    asleep = [Resources(0.0, 0.0, 8.0)]
    assert at_once(settings, {"shots": Resources(), "faces": Resources(gpus=0.5)}, asleep) == (64, 2 * (64 + 6))


def test_nodes_that_are_there_already_are_not_counted_twice():
    settings = EngineSettings(kind="ray", address="ray://films:10001", autoscaling=KINDS[:1])
    assert at_once(settings, {}, [Resources(16.0, 0.0, 32.0)] * 3) == (64, 128)


@pytest.fixture(params=CLUSTERS)
def growing(
    request: pytest.FixtureRequest, tmp_path: Path, draw_film: Callable[..., Path], prefect: dict[str, str]
) -> Iterator[tuple[Waiting, RunningCluster]]:
    """A cluster without a GPU, and a project that says that one may come, on which `late` is to run."""
    installed = {"PYTHONPATH": os.pathsep.join([str(HERE), str(tmp_path / "site")])}
    with CLUSTERS[request.param](tmp_path, installed, cpus=1) as running:
        may_come = "autoscaling: [{gpus: 1, memory_gb: 4, most: 1}]"
        project = waiting_project(tmp_path, f"kind: {request.param}, address: '{running.address}', {may_come}", prefect)
        change(project.folder, "late: {", "late: {resources: {gpus: 1}, ")
        draw_film(project.folder / "films" / "film.mp4")
        project.let_go_on()
        yield project, running


@pytest.mark.slow
def test_what_needs_a_node_that_may_come_waits_for_it(growing):
    project, cluster = growing
    process = project.begin()
    await_that(lambda: project.cell("early").exists())
    assert process.poll() is None and not files_below(project.folder / "lake" / "late")
    cluster.add_node(gpus=1)
    assert process.wait(120) == 0, project.said()
    assert project.cell("late").exists()


@pytest.mark.slow
def test_what_may_not_come_is_refused_at_once(growing):
    project, _ = growing
    change(project.folder, "gpus: 1, memory_gb: 4, most", "gpus: 1, memory_gb: 0.5, most")
    done = cinelake("run", cwd=project.folder, env=project.env)
    assert done.returncode == 2 and "late asks for 0 cpus, 1 gpus, 1 GB" in done.stderr
