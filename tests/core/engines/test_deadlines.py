"""A worker's deadline: the kernel ends a job that runs past it, and only `Deadline` moves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _deadly_job import Endless, LimitShown

from cinelake.engines.processes import GRACE_S, StepProcesses
from cinelake.errors import DecodeTimeout
from cinelake.events import Deadline, Event, StagingMoved

SOON_S = 1.0
AT_ONCE_S = SOON_S - GRACE_S
"""A limit that, with the grace, is over within `SOON_S`."""
LATER_S = 1000.0


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[StepProcesses]:
    pool = StepProcesses(1, str(tmp_path / "nobody listens"))
    yield pool
    pool.stop(now=True)


REPORTED = [
    (),
    (LimitShown("heidi", LATER_S),),
    (StagingMoved("heidi", 0, 10), LimitShown("heidi", LATER_S)),
    (Deadline("heidi", LATER_S), Deadline("heidi", AT_ONCE_S)),
]


@pytest.mark.parametrize("reported", REPORTED, ids=str)
def test_a_job_past_its_deadline_is_killed_whatever_else_it_reports(
    processes: StepProcesses, reported: tuple[Event, ...]
) -> None:
    with pytest.raises(DecodeTimeout, match="the step of heidi ran past its deadline and was killed"):
        processes.place(Endless(AT_ONCE_S, reported))


def test_a_deadline_is_set_where_a_job_began_without_one(processes: StepProcesses) -> None:
    with pytest.raises(DecodeTimeout):
        processes.place(Endless(0.0, (Deadline("heidi", AT_ONCE_S),)))


def test_a_progress_event_that_holds_a_short_limit_ends_nothing(processes: StepProcesses) -> None:
    assert processes.place(Endless(0.0, (LimitShown("heidi", AT_ONCE_S),), ends_after_s=2 * SOON_S)) == "ended"


def test_a_later_deadline_lets_a_job_end(processes: StepProcesses) -> None:
    assert processes.place(Endless(AT_ONCE_S, (Deadline("heidi", LATER_S),), ends_after_s=2 * SOON_S)) == "ended"
