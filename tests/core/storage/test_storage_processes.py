"""Processes of this project import nothing from the folder that they are started in, and end with who started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from cinelake.storage.processes import import_path, in_lasting_thread, module_command, start_child

SLEEPING = ["sleep", "60"]
STARTS_ONE = f"""
from cinelake.storage.processes import start_child
print(start_child({SLEEPING}).pid, flush=True)
input()
"""


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A folder with a file that is called like a library, and says so when it is executed."""
    (tmp_path / "json.py").write_text("print('executed')\n")
    return tmp_path


def test_a_file_beside_the_films_is_not_imported(planted: Path) -> None:
    command = module_command("json.tool", "--help")
    done = subprocess.run(command, cwd=planted, env={**os.environ, **import_path()}, capture_output=True, text=True)
    assert done.returncode == 0 and "executed" not in done.stdout


def test_what_this_process_imports_is_found_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_a_user.py").write_text("print('found')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    env = {**os.environ, **import_path()}
    done = subprocess.run(module_command("of_a_user"), cwd="/", env=env, capture_output=True, text=True)
    assert done.stdout == "found\n"


@pytest.mark.parametrize("said", ['sys.executable, "-m"', "preexec_fn="])
def test_no_process_of_the_project_is_started_otherwise(said: str) -> None:
    root = Path(__file__).parents[3]
    files = [file for room in ("cinelake", "cli", "flows") for file in (root / room).rglob("*.py")]
    assert [file.name for file in files if said in file.read_text()] in ([], ["processes.py"])


@pytest.mark.parametrize("own_session", [False, True])
def test_only_in_a_session_of_its_own_a_process_hears_an_interrupt_that_its_starter_ignores(own_session: bool) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = start_child(SLEEPING, start_new_session=own_session)
    finally:
        signal.signal(signal.SIGINT, before)
    with child:
        child.send_signal(signal.SIGINT)
        if not own_session:
            child.terminate()
        assert child.wait(10) == -(signal.SIGINT if own_session else signal.SIGTERM)


def test_a_process_outlives_the_thread_that_asked_for_it() -> None:
    with ThreadPoolExecutor(1) as thread:
        child = thread.submit(start_child, SLEEPING).result()
    with child, pytest.raises(subprocess.TimeoutExpired):
        try:
            child.wait(0.3)
        finally:
            child.kill()


def test_a_process_ends_with_the_one_that_started_it_though_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE],
        env={**os.environ, **import_path()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert psutil.wait_procs([child], timeout=5)[1] == []


def test_a_process_has_the_mask_of_signals_of_who_asks_for_it() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        masked = in_lasting_thread(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert masked == before | {signal.SIGUSR1}


def test_what_was_made_ends_with_who_has_it() -> None:
    ended = threading.Event()
    made = in_lasting_thread(threading.Event)
    weakref.finalize(made, ended.set)
    del made
    assert ended.wait(5)


def test_a_fork_starts_processes_too() -> None:
    in_lasting_thread(int)
    if (pid := os.fork()) == 0:
        os._exit(in_lasting_thread(lambda: 7))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
