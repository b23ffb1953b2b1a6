"""What every engine promises, told by what a run with it does; `engine.kind` is all that differs.

A new engine adds its id here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import psutil
import pytest
from core.engines._waiting import Waiting, await_that, waiting_project
from end_to_end._command import answer_of, below
from end_to_end._lakes import change, contents, copied, footer, read

from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run.step import run_step

ENGINES = ["local", pytest.param("dask", marks=pytest.mark.slow), pytest.param("ray", marks=pytest.mark.slow)]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def waiting(engine: str, tmp_path: Path, draw_film: Callable[..., Path], prefect: dict[str, str]) -> Iterator[Waiting]:
    project = waiting_project(tmp_path, f"kind: {engine}", prefect)
    draw_film(project.folder / "films" / "film.mp4")
    yield project
    project.let_go_on()


@pytest.fixture(scope="module")
def in_process(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake that steps make in this very process, without any engine."""
    project = copied(drawn, tmp_path_factory.mktemp("in process") / "project")
    planning = plan_manifest(load_manifest(project / "pipeline.yaml"))
    for movie_id, stale in planning.plan.by_film().items():
        assert not run_step(planning.step(movie_id, stale)).failed()
    return project / "lake"


@pytest.fixture(scope="module")
def made_by(drawn: Path, made: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes the project with an engine, once; the local engine's is there already."""

    @cache
    def make(engine: str, server: tuple[tuple[str, str], ...]) -> Path:
        if engine == "local":
            return made
        project = copied(drawn, tmp_path_factory.mktemp(engine) / "project")
        change(project, "kind: local", f"kind: {engine}")
        answer_of("run", "-m", project / "pipeline.yaml", env=dict(server))
        return project

    return make


@pytest.fixture
def project_made(engine: str, made_by: Callable[..., Path], prefect: dict[str, str]) -> Path:
    """The project after a run with the engine."""
    return made_by(engine, tuple(prefect.items()))


@pytest.fixture
def made_by_engine(project_made: Path) -> Path:
    """The lake that a run with the engine makes."""
    return project_made / "lake"


def test_the_tables_are_those_of_a_step_without_an_engine(made_by_engine, in_process):
    by_engine, alone = contents(made_by_engine), contents(in_process)
    assert by_engine.keys() == alone.keys()
    for name, (key, rows) in alone.items():
        assert by_engine[name][0] == key and by_engine[name][1].equals(rows), name


def test_the_tables_tell_what_made_them(made_by_engine):
    run = footer(made_by_engine / "shots" / "the_golden_road_001.parquet").run
    assert run["device"] == "cpu" and run["ffmpeg"] and run["versions"]["numpy"]


def test_nothing_is_left_to_do_after_a_run(project_made):
    planned = answer_of("plan", "-m", project_made / "pipeline.yaml")
    assert planned["counts"]["fresh"] == len(planned["cells"]) > 0


@pytest.mark.slow
def test_what_comes_out_the_same_gets_a_new_key_and_is_not_made_again(project_made, prefect, tmp_path):
    project = copied(project_made, tmp_path / "project")
    before = contents(project / "lake")
    change(project, "shots: {}", "shots: {sensitivity: 1.01}")
    summary = answer_of("run", "-m", project / "pipeline.yaml", env=dict(prefect))
    assert (summary["made"], summary["rekeyed"]) == ({"shots": 2, "frames": 2}, {"faces": 2, "embeddings": 2})
    after = contents(project / "lake")
    kept = [name for name in before if "faces" in str(name) or "embeddings" in str(name)]
    assert kept and all(before[name][1].equals(after[name][1]) for name in kept)


def test_a_step_computes_with_as_many_threads_as_without_an_engine(waiting):
    waiting.let_go_on()
    assert waiting.run() == 0
    assert (waiting.folder / "threads").read_text() == os.environ.get("OMP_NUM_THREADS", "")


def test_a_killed_worker_costs_only_what_was_not_committed(waiting):
    process = waiting.start()
    early = waiting.cell("early").stat()
    worker = waiting.working_process()
    assert worker in {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
    os.kill(worker, signal.SIGKILL)
    await_that((waiting.folder / "started").exists)
    assert waiting.working_process() != worker
    waiting.let_go_on()
    assert process.wait(120) == 0, waiting.said()
    assert waiting.cell("early").stat().st_mtime_ns == early.st_mtime_ns
    assert read(waiting.cell("late"))["number"].to_pylist() == [20] and not waiting.failures()


def test_a_worker_that_dies_again_and_again_is_a_transient_failure(waiting):
    change(waiting.folder, "tasks:", "defaults: {retries: 1}\ntasks:")
    process = waiting.start()
    os.kill(waiting.working_process(), signal.SIGKILL)
    await_that((waiting.folder / "started").exists)
    os.kill(waiting.working_process(), signal.SIGKILL)
    assert process.wait(120) == 1
    assert [(row["reason"], row["transient"]) for row in waiting.failures()] == [("worker_lost", True)]
    waiting.let_go_on()
    assert waiting.run() == 0 and not waiting.failures()


@pytest.mark.slow
def test_a_step_past_its_deadline_is_killed_and_tried_again_by_the_next_run(waiting):
    change(waiting.folder, "tasks:", "defaults: {deadline_s: 6, deadline_per_film_second: 0}\ntasks:")
    process = waiting.start()
    worker = waiting.working_process()
    assert process.wait(150) == 1, waiting.said()
    assert not psutil.pid_exists(worker)
    assert [(row["reason"], row["transient"]) for row in waiting.failures()] == [("decode_timeout", True)]
    waiting.let_go_on()
    assert waiting.run() == 0 and not waiting.failures()


def test_a_run_that_is_cancelled_says_how_to_resume_and_leaves_nothing_behind(waiting):
    process = waiting.start()
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) == 130
    assert "to resume: cinelake run -m pipeline.yaml" in waiting.said() and "Traceback" not in waiting.said()
    await_that(lambda: not below(waiting.folder), within_s=60)
    assert not list((waiting.folder / "lake" / "_tmp").glob("*")) and not waiting.failures()
    assert waiting.cell("early").exists() and not waiting.cell("late").exists()


def test_a_cancelled_run_goes_on_where_it_ended(waiting):
    process = waiting.start()
    early = waiting.cell("early").stat()
    os.killpg(process.pid, signal.SIGINT)
    process.wait(120)
    waiting.let_go_on()
    assert waiting.run() == 0
    assert waiting.cell("early").stat().st_mtime_ns == early.st_mtime_ns and waiting.cell("late").exists()
