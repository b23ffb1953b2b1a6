"""A worker that dies while it idles costs nothing: the system kills those first where memory is short."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from _deadly_job import Located
from core.engines._waiting import await_that, waiting_project

from cinelake.engines.processes import MAX_BROKEN_IN_A_ROW, StepProcesses
from cinelake.errors import EngineUnavailable, WorkerLost

NOTICED_S = 1.0
"""After so long a pool has seen that a process is gone."""


def workers(process: int) -> set[int]:
    """The numbers of the processes that work for one."""
    children = psutil.Process(process).children(recursive=True)
    return {child.pid for child in children if is_worker(child)}


def is_worker(process: psutil.Process) -> bool:
    try:
        return any("spawn_main" in word for word in process.cmdline())
    except psutil.Error:
        return False


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Callable[[int], StepProcesses]]:
    pools = []

    def make(count: int, devices: Any = None) -> StepProcesses:
        pools.append(StepProcesses(count, str(tmp_path / "nobody listens"), devices))
        return pools[-1]

    yield make
    for pool in pools:
        pool.stop(now=True)


@pytest.mark.parametrize("waited_s", [0.0, NOTICED_S], ids=["at once", "once it is noticed"])
def test_a_job_is_done_after_an_idle_worker_died(processes: Any, waited_s: float) -> None:
    pool = processes(1)
    before = pool.place(Located())
    os.kill(before, signal.SIGKILL)
    time.sleep(waited_s)
    assert pool.place(Located()) != before


def test_a_worker_outlives_the_thread_that_placed_its_first_job(processes: Any) -> None:
    pool = processes(1)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(pool.place, Located()).result()
    time.sleep(NOTICED_S)
    assert pool.place(Located()) == first


def test_idle_workers_may_die_again_and_again(processes: Any) -> None:
    pool = processes(1)
    seen = [pool.place(Located())]
    for _ in range(MAX_BROKEN_IN_A_ROW + 1):
        os.kill(seen[-1], signal.SIGKILL)
        time.sleep(0.2)
        seen.append(pool.place(Located()))
    assert len(set(seen)) == MAX_BROKEN_IN_A_ROW + 2


def test_jobs_of_several_threads_are_done_after_all_idle_workers_died(processes: Any) -> None:
    pool = processes(2)
    pool.place(Located())
    await_that(lambda: len(workers(os.getpid())) == 2)
    for pid in workers(os.getpid()):
        os.kill(pid, signal.SIGKILL)
    with ThreadPoolExecutor(4) as threads:
        assert len(list(threads.map(pool.place, [Located()] * 8))) == 8
    assert len(workers(os.getpid())) <= 2


def test_a_job_at_work_ends_when_an_idle_worker_dies(processes: Any, tmp_path: Path) -> None:
    pool = processes(2)
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(pool.place, Located(folder=tmp_path))
        await_that(lambda: (tmp_path / "started").exists() and (tmp_path / "started").read_text() != "")
        at_work = int((tmp_path / "started").read_text())
        await_that(lambda: len(workers(os.getpid())) == 2)
        (idle,) = workers(os.getpid()) - {at_work}
        os.kill(idle, signal.SIGKILL)
        time.sleep(NOTICED_S)
        assert pool.place(Located()) not in (idle, at_work)
        (tmp_path / "open").touch()
        assert working.result(30) == at_work


def test_a_worker_that_dies_at_work_is_still_lost(processes: Any, tmp_path: Path) -> None:
    pool = processes(1)
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(pool.place, Located(folder=tmp_path))
        await_that(lambda: (tmp_path / "started").exists() and (tmp_path / "started").read_text() != "")
        time.sleep(NOTICED_S)
        os.kill(int((tmp_path / "started").read_text()), signal.SIGKILL)
        with pytest.raises(WorkerLost, match="the process of the step of heidi died: it was killed from outside"):
            working.result(30)


def test_where_no_process_can_start_the_engine_says_so(processes: Any) -> None:
    pool = processes(1, devices=0)  # no text: `start_worker` fails
    with pytest.raises(EngineUnavailable, match=f"{MAX_BROKEN_IN_A_ROW} times in a row the engine's processes died"):
        pool.place(Located())


def test_a_stopped_engine_makes_no_pool_anew(processes: Any) -> None:
    pool = processes(1)
    os.kill(pool.place(Located()), signal.SIGKILL)
    pool.stop(now=True)
    with pytest.raises(EngineUnavailable, match="the engine was stopped before the step of heidi ended"):
        pool.place(Located())


@pytest.mark.slow
def test_a_run_whose_idle_workers_are_killed_makes_all_its_films(
    tmp_path: Path, draw_film: Callable[..., Path], prefect: dict[str, str]
) -> None:
    waiting = waiting_project(tmp_path, "kind: local, workers: 2", prefect)
    for name in ("film", "other"):
        draw_film(waiting.folder / "films" / f"{name}.mp4")
    waiting.let_go_on()
    run = waiting.begin()
    for _ in range(2):
        await_that(lambda: run.poll() is not None or bool(workers(run.pid)))
        for pid in workers(run.pid):
            subprocess.run(["kill", "-KILL", str(pid)], check=False)
        time.sleep(0.3)
    assert run.wait(200) == 0, waiting.said()
    assert {path.stem for path in (waiting.folder / "lake" / "late").iterdir()} == {"film", "other"}
