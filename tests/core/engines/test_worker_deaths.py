"""No worker dies unnoticed: each death is reported once, with what the process held in memory."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from _deadly_job import Located
from core.engines._waiting import await_that
from core.engines.test_idle_workers import workers

from cinelake.engines import place_watched
from cinelake.engines.observing import EventPipe
from cinelake.engines.processes import StepProcesses
from cinelake.errors import WorkerLost
from cinelake.events import Event, WorkerDied


@pytest.fixture
def reported() -> list[Event]:
    """What the driver hears."""
    return []


@pytest.fixture
def pool(reported: list[Event]) -> Iterator[StepProcesses]:
    """Two processes, and a driver that listens."""
    pipe = EventPipe(reported.append)
    processes = StepProcesses(2, str(pipe.path))
    processes.place(Located())
    await_that(lambda: len(workers(os.getpid())) == 2)
    yield processes
    processes.stop(now=True)
    pipe.close()


def deaths(reported: list[Event]) -> list[WorkerDied]:
    return [event for event in reported if isinstance(event, WorkerDied)]


def test_an_idle_worker_that_is_killed_is_reported_once(pool: StepProcesses, reported: list[Event]) -> None:
    await_that(lambda: len(pool._watch._held_gb) == 2)
    os.kill(min(workers(os.getpid())), signal.SIGKILL)
    await_that(lambda: bool(deaths(reported)))
    pool.place(Located())
    (death,) = deaths(reported)
    assert death.what == "" and "killed from outside" in death.why
    assert death.memory_gb is not None and 0.01 < death.memory_gb < 2


def test_a_worker_that_is_killed_at_work_is_reported_by_its_job_alone(
    pool: StepProcesses, reported: list[Event], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(place_watched, pool, Located(folder=tmp_path), reported.append)  # type: ignore[arg-type]
        await_that(lambda: (tmp_path / "started").exists() and (tmp_path / "started").read_text() != "")
        await_that(lambda: len(pool._watch._held_gb) == 2)
        os.kill(int((tmp_path / "started").read_text()), signal.SIGKILL)
        with pytest.raises(WorkerLost, match="died") as lost:
            working.result(60)
    (death,) = deaths(reported)
    assert death.what == Located().what and death.memory_gb == lost.value.memory_gb and lost.value.memory_gb


def test_workers_that_are_stopped_are_no_deaths(pool: StepProcesses, reported: list[Event]) -> None:
    pool.stop(now=True)
    assert not deaths(reported)
