"""A running cluster does a run's work with the run's own code, and stays when the run is over."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from core.engines._waiting import HERE, Waiting, await_that, waiting_project
from end_to_end._lakes import change, read

from benchmarks._clusters import CLUSTERS

pytestmark = pytest.mark.slow
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@pytest.fixture(scope="module", params=CLUSTERS)
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, Path]]:
    """Kind, address, and a folder for packages that the workers have installed."""
    folder = tmp_path_factory.mktemp(request.param)
    installed = os.pathsep.join([str(HERE), str(folder / "site")])
    with CLUSTERS[request.param](folder, {**TOKEN, "PYTHONPATH": installed}) as running:
        yield request.param, running.address, folder


@pytest.fixture
def waiting(
    cluster: tuple[str, str, Path], tmp_path: Path, draw_film: Callable[..., Path], prefect: dict[str, str]
) -> Iterator[Waiting]:
    kind, address, folder = cluster
    project = waiting_project(tmp_path, f"kind: {kind}, address: '{address}'", {**prefect, **TOKEN})
    draw_film(project.folder / "films" / "film.mp4")
    if not (folder / "site").exists():
        (folder / "site").symlink_to(tmp_path / "site")
    yield project
    project.let_go_on()


def test_its_workers_do_the_work_with_the_code_of_the_run(waiting):
    process = waiting.start()
    worker = waiting.working_process()
    assert worker not in {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
    waiting.let_go_on()
    assert process.wait(120) == 0, waiting.said()
    assert read(waiting.cell("late"))["number"].to_pylist() == [20]
    code = (waiting.folder / "code").read_text()
    assert ".zip" in code or "py_modules" in code


def test_a_cancelled_run_ends_its_steps_there_and_the_next_run_goes_on(waiting):
    process = waiting.start()
    worker = waiting.working_process()
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) == 130, waiting.said()
    await_that(lambda: not psutil.pid_exists(worker), within_s=60)
    waiting.let_go_on()
    assert waiting.run() == 0 and waiting.cell("late").exists()
    assert not list((waiting.folder / "lake" / "_tmp").glob("*"))


def test_what_no_node_of_it_has_is_refused_before_anything_starts(waiting):
    change(waiting.folder, "late: {", "late: {resources: {gpus: 1}, ")
    assert waiting.run() == 2
    assert "late asks for 0 cpus, 1 gpus" in waiting.said() and not waiting.cell("early").exists()
