"""GPUs are divided among processes, and a film on a GPU does not keep the next one from being decoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from core.engines._waiting import HERE, Waiting, await_that, waiting_project
from end_to_end._lakes import change

from benchmarks._clusters import CLUSTERS
from cinelake.engines.processes import Shares, shares

FILMS = ("film", "other")


def test_each_gpu_has_as_many_processes_as_the_share_allows():
    assert shares(2, [0.0, 0.25, 0.5], ["0", "1"]) == Shares(("0", "1"), 4)


def test_several_gpus_for_one_process():
    assert shares(4, [2.0], ["4", "5", "6", "7"]) == Shares(("4,5", "6,7"), 1)


def test_nothing_is_divided_where_nothing_is_asked_for():
    assert shares(4, [0.0], ["0", "1", "2", "3"]) == shares(0, [1.0], []) == Shares()


def test_declared_gpus_that_the_machine_does_not_show_are_places_to_work_at():
    assert shares(2, [1.0], []) == Shares((None, None), 1)


@pytest.fixture(params=CLUSTERS)
def waiting(
    request: pytest.FixtureRequest, tmp_path: Path, draw_film: Callable[..., Path], prefect: dict[str, str]
) -> Iterator[Waiting]:
    """Two films, `late` on the only GPU (one that is declared), `early` on the only processor."""
    installed = {"PYTHONPATH": os.pathsep.join([str(HERE), str(tmp_path / "site")])}
    with CLUSTERS[request.param](tmp_path, installed, cpus=1, gpus=1) as running:
        project = waiting_project(tmp_path, f"kind: {request.param}, address: '{running.address}'", prefect)
        change(project.folder, "late: {", "late: {resources: {gpus: 1}, ")
        for name in FILMS:
            draw_film(project.folder / "films" / f"{name}.mp4")
        yield project
        project.let_go_on()


@pytest.mark.slow
def test_the_next_film_is_decoded_while_one_is_on_the_gpu(waiting):
    process = waiting.start()
    await_that(lambda: all((waiting.folder / "lake" / "early" / f"{name}.parquet").exists() for name in FILMS))
    assert not list((waiting.folder / "lake" / "late").glob("*")) and process.poll() is None
    first = waiting.working_process()
    waiting.let_go_on()
    assert process.wait(120) == 0, waiting.said()
    assert waiting.working_process() == first  # where a model would be loaded already
