"""A film that needs more memory than there is fails with words that say so, and the others go on."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from _deadly_job import Deadly, Scored
from core.engines._waiting import HERE, waiting_project
from end_to_end._command import COMMAND, ROOT, cinelake, environment
from end_to_end._lakes import read

from cinelake.engines.processes import GOES_FIRST, StepProcesses
from cinelake.errors import WorkerLost

LIMIT_BYTES = 4 * 2**30
"""Of everything that a process of the run may ask for; a driver with Prefect asks for a quarter of it."""
MANIFEST = """\
lake: lake
catalogue: {films: films}
tracking: {enabled: false}
defaults: {retries: 0}
engine: {kind: local, workers: 1}
tasks: {films: {}, taken: {}}
"""


@pytest.fixture
def processes(tmp_path):
    pool = StepProcesses(1, str(tmp_path / "nobody listens"))
    yield pool
    pool.stop(now=True)


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGKILL, "most likely by the system for want of memory"), (signal.SIGABRT, "a library crashed.*memory")],
)
def test_what_ended_a_process_is_told_with_its_likely_cause(processes, number, words):
    with pytest.raises(WorkerLost, match=f"the process of the step of heidi died: .*{words}"):
        processes.place(Deadly(number))


def test_where_memory_is_short_a_step_goes_before_what_a_run_cannot_do_without(processes):
    assert processes.place(Scored()) == GOES_FIRST > int(Path("/proc/self/oom_score_adj").read_text())


@pytest.fixture
def greedy(tmp_path, draw_film):
    """Three films, of which one takes memory without end."""
    for name in ("before", "greedy", "later"):
        draw_film(tmp_path / "films" / f"{name}.mp4")
    about = tmp_path / "site" / "greedy_tasks-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: greedy-tasks\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[cinelake.tasks]\ntaken = _greedy_tasks:Taken\n")
    (tmp_path / "pipeline.yaml").write_text(MANIFEST)
    return tmp_path, {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, HERE, about.parent)))}


@pytest.mark.slow
def test_a_film_that_hits_the_limit_of_its_process_fails_for_want_of_memory_and_the_others_are_made(greedy, prefect):
    folder, env = greedy
    limited = ["prlimit", f"--data={LIMIT_BYTES}", "--", *COMMAND, "run"]
    done = subprocess.run(
        limited, cwd=folder, env=environment(**env, **prefect), capture_output=True, text=True, timeout=280
    )
    (failure,) = read(folder / "lake" / "failures" / "taken" / "greedy.parquet").to_pylist()
    assert done.returncode == 1 and (failure["reason"], failure["transient"]) == ("worker_lost", True), done.stderr
    assert "taken: out of memory" in failure["message"]
    assert {path.stem for path in (folder / "lake" / "taken").iterdir()} == {"before", "later"}


@pytest.mark.slow
def test_a_worker_that_ray_ends_for_want_of_memory_is_told_in_its_words(tmp_path, prefect, draw_film):
    waiting = waiting_project(tmp_path, "kind: ray, workers: 1", prefect)
    manifest = waiting.folder / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + "defaults: {retries: 0}\n")
    draw_film(waiting.folder / "films" / "film.mp4")
    always = {"RAY_memory_usage_threshold": "0.001", "RAY_memory_monitor_refresh_ms": "100"}
    done = cinelake("run", cwd=waiting.folder, env={**waiting.env, **always})
    (failure,) = waiting.failures()
    assert done.returncode == 1 and failure["reason"] == "worker_lost", done.stderr
    assert "memory" in failure["message"]
