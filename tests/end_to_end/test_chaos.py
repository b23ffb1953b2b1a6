"""Kills, interrupts, two runs at once, read-only and full disks: the lake stays valid, the same command resumes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import pytest
from _folders import files_below
from end_to_end._command import ROOT, answer_of, below, cinelake, left_running, start
from end_to_end._lakes import cells, change, contents, copied, identities, other_files

pytestmark = pytest.mark.slow
SEED = 11
KILLS = 5


@pytest.fixture
def fresh_start(drawn: Path, tmp_path: Path) -> Path:
    """The drawn films without any lake."""
    return copied(drawn, tmp_path / "project")


def wait_for(is_so: Callable[[], bool], process: Popen[str], within_s: float = 200) -> None:
    """Wait until something is so, or the process has ended."""
    deadline = time.monotonic() + within_s
    while not is_so() and process.poll() is None:
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def said(project: Path) -> str:
    return (project / "command.log").read_text()


def is_whole(project: Path, made: Path) -> None:
    """The lake is the one of an undisturbed run: keys, rows, and no file besides."""
    lake, undisturbed = contents(project / "lake"), contents(made / "lake")
    assert lake.keys() == undisturbed.keys()
    for name, (key, rows) in undisturbed.items():
        assert lake[name][0] == key and lake[name][1].equals(rows), name
    assert other_files(project / "lake") == set()
    assert not list((project / "lake" / "_tmp").glob("*"))


def test_a_run_killed_at_any_moment_is_resumed_without_doing_anything_twice(fresh_start, made):
    moments, lake = random.Random(SEED), fresh_start / "lake"
    for count in sorted(moments.sample(range(11), KILLS)):
        before = identities(lake)
        process = start("run", cwd=fresh_start)
        wait_for(lambda count=count: len(cells(lake)) >= count and (lake / "_tmp").exists(), process)
        time.sleep(moments.uniform(0, 0.5))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert left_running(fresh_start) == []
        assert before.items() <= identities(lake).items()
        contents(lake)
    before = identities(lake)
    assert cinelake("run", cwd=fresh_start).returncode == 0
    assert before.items() <= identities(lake).items()
    is_whole(fresh_start, made)


def test_what_a_killed_run_left_unfinished_is_swept_by_the_next_even_if_nothing_is_stale(project):
    name = "from cinelake.storage.files import owner_name; print(owner_name())"
    gone = subprocess.run([sys.executable, "-c", name], cwd=ROOT, capture_output=True, text=True, check=True)
    left = project / "lake" / "_tmp" / gone.stdout.strip()
    left.mkdir(parents=True)
    assert cinelake("run", cwd=project).returncode == 0
    assert not left.exists()


def server_is_starting(project: Path) -> bool:
    return (project / ".cinelake" / "prefect" / "server.log").exists()


def films_are_decoded(project: Path) -> bool:
    return server_is_starting(project) and bool(files_below(project / "lake" / "_tmp"))


INTERRUPTS = {
    "while the lake's turn is taken": (lambda project: (project / "lake" / "_tmp").exists(), 0.0),
    "while the plan is made": (lambda project: (project / "lake" / "_tmp").exists(), 0.1),
    "while the server starts": (server_is_starting, 0.0),
    "while workers start": (server_is_starting, 0.3),
    "while libraries are loaded": (server_is_starting, 0.7),
    "while films are decoded": (films_are_decoded, 0.0),
    "after the first cell": (lambda project: bool(cells(project / "lake")), 0.0),
}


@pytest.mark.parametrize("moment", INTERRUPTS)
def test_an_interrupt_says_how_to_resume_and_leaves_no_process(fresh_start, moment):
    has_come, later_s = INTERRUPTS[moment]
    process = start("run", cwd=fresh_start)
    wait_for(lambda: has_come(fresh_start), process)
    time.sleep(later_s)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) == 130, said(fresh_start)
    assert "to resume: cinelake run -m pipeline.yaml" in said(fresh_start) and "Traceback" not in said(fresh_start)
    assert left_running(fresh_start) == []


def test_an_interrupted_run_is_resumed_without_doing_anything_twice(fresh_start, made):
    process = start("run", cwd=fresh_start)
    wait_for(lambda: bool(cells(fresh_start / "lake")), process)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(120)
    before = identities(fresh_start / "lake")
    assert cinelake("run", cwd=fresh_start).returncode == 0
    assert before.items() <= identities(fresh_start / "lake").items()
    is_whole(fresh_start, made)


def test_an_interrupt_of_the_command_alone_ends_it_too(fresh_start):
    process = start("run", cwd=fresh_start)
    wait_for(lambda: bool(cells(fresh_start / "lake")), process)
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130 and "Traceback" not in said(fresh_start)
    assert left_running(fresh_start) == []


def test_a_terminated_run_leaves_no_process(fresh_start):
    process = start("run", cwd=fresh_start)
    wait_for(lambda: bool(cells(fresh_start / "lake")), process)
    process.terminate()
    assert process.wait(120) != 0
    assert left_running(fresh_start) == []


def test_of_two_runs_at_once_the_second_waits_says_for_whom_and_makes_nothing_again(fresh_start, made):
    first = start("run", cwd=fresh_start)
    wait_for(lambda: (fresh_start / "lake" / "_control" / "run.json").exists(), first)
    (fresh_start / "command.log").rename(fresh_start / "first.log")
    busy = cinelake("run", "--no-wait", cwd=fresh_start)
    assert busy.returncode == 75 and f"process {first.pid} on" in busy.stderr
    second = start("run", cwd=fresh_start)
    assert (first.wait(250), second.wait(250)) == (0, 0), (fresh_start / "first.log").read_text() + said(fresh_start)
    assert f"process {first.pid} on" in said(fresh_start) and "12 cells are fresh" in said(fresh_start)
    is_whole(fresh_start, made)


# --- disks


def mounted(folder: Path, *options: str) -> None:
    """Mount, or skip where that is not allowed."""
    if not shutil.which("mount"):
        pytest.skip("there is no mount command")
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, timeout=30)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")


@pytest.fixture
def unmounted(tmp_path: Path) -> Iterator[None]:
    yield
    subprocess.run(["umount", str(tmp_path / "project" / "lake")], capture_output=True, timeout=30)


@pytest.fixture
def read_only(project: Path, unmounted: None) -> Path:
    """A project whose lake cannot be written, with something to do."""
    lake = project / "lake"
    mounted(lake, "--bind", str(lake))
    mounted(lake, "-o", "remount,bind,ro")
    change(project, "fps: 1", "fps: 2")
    return project


def is_one_message(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("cinelake: ") == 1 and "Traceback" not in done.stderr + done.stdout


def test_a_read_only_lake_is_said_before_any_work(read_only):
    before, began = identities(read_only / "lake"), time.monotonic()
    done = cinelake("run", cwd=read_only)
    is_one_message(done)
    assert "read-only" in done.stderr.lower() and time.monotonic() - began < 20
    assert identities(read_only / "lake") == before and not below(read_only)


def test_a_read_only_lake_can_be_planned_and_asked(read_only):
    assert answer_of("plan", "-m", read_only / "pipeline.yaml")["counts"]["stale"] == 6
    done = cinelake("query", "-m", read_only / "pipeline.yaml", "select count(*) from shots")
    assert done.returncode == 0


@pytest.fixture(params=[60, 300])
def full(request: pytest.FixtureRequest, fresh_start: Path, unmounted: None) -> Path:
    """A project whose lake's disk has room for so many kilobytes only: it fills before or in the middle of cells."""
    (fresh_start / "lake").mkdir()
    mounted(fresh_start / "lake", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs")
    return fresh_start


def test_a_full_disk_stops_the_run_with_one_message_and_a_valid_lake(full, made, prefect):
    done = cinelake("run", cwd=full, env=prefect)
    is_one_message(done)
    assert "the disk is full" in done.stderr.lower()
    assert other_files(full / "lake") == set() and len(contents(full / "lake")) < 12
    before = identities(full / "lake")
    mounted(full / "lake", "-o", "remount,size=100m")
    assert cinelake("run", cwd=full, env=prefect).returncode == 0
    assert before.items() <= identities(full / "lake").items()
    is_whole(full, made)
