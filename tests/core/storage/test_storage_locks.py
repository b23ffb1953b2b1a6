"""One process at a time."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from cinelake.errors import UsageError
from cinelake.storage.files import alone


def test_who_comes_second_is_told_why_it_must_wait(tmp_path):
    second = alone(tmp_path / "lock", "another one is at work")
    with alone(tmp_path / "lock"), pytest.raises(UsageError, match="is at work"), second:
        pass


def test_a_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(BlockingIOError), alone(tmp_path / "lock", "busy"):
        raise BlockingIOError
    with alone(tmp_path / "lock", "busy"):
        pass


def test_a_folder_that_was_locked_is_as_it_was(tmp_path):
    with alone(tmp_path, "busy"):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    assert not list(tmp_path.iterdir())


HOLDS_AND_WAITS = """
import sys, time
from pathlib import Path
from cinelake.storage.files import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["a file", "a folder"])
def place(request, tmp_path):
    return tmp_path / "lock" if request.param == "a file" else tmp_path


def test_a_lock_ends_with_the_process_that_held_it(place):
    with subprocess.Popen([sys.executable, "-c", HOLDS_AND_WAITS, str(place)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match="busy"), alone(place, "busy"):
            pass
        process.kill()
    with alone(place, "busy"):
        pass


def test_the_child_of_a_holder_does_not_hold_the_lock_too(place):
    context = multiprocessing.get_context("fork")
    ends = context.Event()
    with alone(place, "busy"):
        child = context.Process(target=ends.wait, args=(60,))
        child.start()
    with alone(place, "busy"):
        ends.set()
    child.join(60)


def test_threads_wait_for_one_another(place):
    inside, most = 0, []

    def work() -> None:
        nonlocal inside
        for _ in range(5):
            with alone(place):
                inside += 1
                most.append(inside)
                time.sleep(0.001)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1] * 30


def test_processes_that_take_a_folder_in_turn_lose_nothing(tmp_path):
    """The lock file goes with each holder; whoever waited for it must not share the folder with who made a new one."""
    (tmp_path / "count").write_text("0")
    code = """
import sys
from pathlib import Path
from cinelake.storage.files import alone
folder = Path(sys.argv[1])
for _ in range(50):
    with alone(folder):
        number = int((folder / "count").read_text())
        (folder / "count").write_text(str(number + 1))
"""
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(4)]
    assert [process.wait(120) for process in processes] == [0] * 4
    assert (tmp_path / "count").read_text() == "200" and [p.name for p in tmp_path.iterdir()] == ["count"]


def test_another_thread_may_release_a_lock(place):
    stack = ExitStack()
    stack.enter_context(alone(place))
    thread = threading.Thread(target=stack.close)
    thread.start()
    thread.join(60)
    with alone(place, "busy"):
        pass
