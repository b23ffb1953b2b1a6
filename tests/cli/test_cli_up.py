"""What `up` started ends with it: a worker's runs have time to stop, a worker without one is not waited for long."""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks._clusters import await_that
from cli import up

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
WORKER = DEAF + "import subprocess, sys; {runs}; print(flush=True); signal.pause()"
RUN = "import pathlib, signal, sys; signal.sigwait({signal.SIGTERM}); pathlib.Path(sys.argv[1]).touch()"
BLOCKED = "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})"


def worker(runs: list[Path]) -> subprocess.Popen[bytes]:
    """A worker that never ends by itself, with runs that write a file once they are told to stop."""
    started = f"{BLOCKED}; [subprocess.Popen([sys.executable, '-c', {RUN!r}, f]) for f in {[str(f) for f in runs]}]"
    command = [sys.executable, "-c", WORKER.format(runs=started)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None and process.stdout.readline()
    return process


def test_runs_of_a_worker_stop_by_themselves_before_it_is_killed(tmp_path: Path) -> None:
    files = [tmp_path / str(number) for number in range(random.randint(1, 3))]
    with worker(files) as process:
        up._end(process, 0.0)
    assert process.returncode == -signal.SIGKILL and all(file.exists() for file in files)


def test_a_worker_without_runs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "await_end", lambda left, within_s: [pytest.fail(str(each)) for each in left])
    with worker([]) as process:
        up._end(process, 0.0)
    assert process.returncode == -signal.SIGKILL


WORKS = "import os; from cli import work; work._hear_interrupts(); os.execvp('sleep', ['sleep', '600'])"


def test_a_worker_that_a_script_has_started_hears_what_prefect_makes_of_sigterm(tmp_path: Path) -> None:
    script = f"{sys.executable} -c {shlex.quote(WORKS)} & echo $!; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True) as shell:
        assert shell.stdout is not None
        pid = int(shell.stdout.readline())
        await_that(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n", within_s=60)
        assert os.getpgid(pid) == pid
        os.kill(pid, signal.SIGINT)
        assert shell.wait(60) == 0
