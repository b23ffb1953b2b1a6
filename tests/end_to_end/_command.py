"""The command as people start it: a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from flows.prefect_api import PrefectApi

COMMAND = [sys.executable, "-m", "cli"]
ROOT = Path(__file__).parents[2]
STARTED: list[subprocess.Popen[str]] = []
PASSWORDS: dict[str, str] = {}
"""Address of a Prefect server that a test has started → its password."""
BEGUN = {"state": {"type": {"not_any_": ["SCHEDULED"]}}}
"""Of flow runs those that schedules have not for the nights to come alone."""
OURS = ("PREFECT_", "MLFLOW_", "CINELAKE_MANIFEST")
"""Settings of whoever runs the tests that must not reach the command."""


def environment(**more: str) -> dict[str, str]:
    """The environment of a command: without servers of its caller's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def cinelake(
    *words: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=cwd or ROOT,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=280,
        stdin=subprocess.DEVNULL,
    )


def start(*words: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, its words in `cwd/command.log`."""
    with (cwd / "command.log").open("w") as log:
        process = subprocess.Popen(
            [*COMMAND, *map(str, words)],
            cwd=cwd,
            env=environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=_interruptible,
        )
    STARTED.append(process)
    return process


def _interruptible() -> None:
    """Take Ctrl-C even where the tests themselves run in the background, which would pass on that it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_started() -> None:
    """End commands that a failed test left running, with their groups."""
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def answer_of(*words: str | Path, env: Mapping[str, str] | None = None) -> Any:
    """What a command with `--json` says; it must succeed or tell of failures, and print nothing else."""
    done = cinelake(*words, "--json", env=env)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def below(folder: Path) -> list[psutil.Process]:
    """Running processes that know this folder: by their command, their working folder or an open file."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _knows(process, folder)]


def left_running(folder: Path, within_s: float = 90) -> list[list[str]]:
    """Commands that still run. A server that was told to end while it made its database finishes that first."""
    deadline = time.monotonic() + within_s
    while (left := below(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return [process.cmdline() for process in left]


def _knows(process: psutil.Process, folder: Path) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        files = [process.cwd(), *process.cmdline(), *(file.path for file in process.open_files())]
        return any(str(folder) in text for text in files)
    except psutil.Error:
        return False


def asked(url: str, kind: str, **question: Any) -> Any:
    """What Prefect's API knows: `asked(url, "flow_runs")`; its password is one of `PASSWORDS`."""
    with PrefectApi(url, PASSWORDS.get(url, ""), timeout_s=30) as api:
        return api.post(f"/{kind}/filter", question)
