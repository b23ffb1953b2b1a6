"""Cinelake's commands, each a fork of a process that has imported them: a start takes a tenth of a second, not three.

The process that forks has the library of faults (`benchmarks._faults`) loaded before libc; what a command inherits of
it does nothing until its environment says so.
"""

from __future__ import annotations

import io
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

IMPORTED = ["cli.main", "cinelake.plan.build", "cinelake.query.views", "flows.lake_versions", "dask.multiprocessing",
            "duckdb", "pyarrow.dataset", "pyarrow.parquet", "report.site", "cinelake.labels.store"]  # fmt: skip
"""What is imported before the fork: nothing that starts threads or opens a database."""
QUIET = ("PREFECT_", "MLFLOW_")


@dataclass(frozen=True)
class Command:
    """A command that runs in a session of its own."""

    process: ForkServerProcess

    @property
    def pid(self) -> int:
        """Its process, the driver."""
        assert self.process.pid is not None
        return self.process.pid

    def code(self, within_s: float = 0.0) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        self.process.join(within_s)
        return self.process.exitcode


@contextmanager
def loaded_before(library: Path | None) -> Iterator[None]:
    """Commands of this block have a library loaded before libc."""
    from multiprocessing.forkserver import ensure_running, set_forkserver_preload

    set_forkserver_preload(IMPORTED)
    before = dict(os.environ)
    os.environ |= {"LD_PRELOAD": str(library)} if library else {}
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "RAY_USAGE_STATS_ENABLED": "0"}
    try:
        ensure_running()
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def start(project: Path, words: Sequence[str], env: Mapping[str, str], handles: int | None = None) -> Command:
    """Start a command in a project; its words are in `command.log`. handles: how many it may have open."""
    process = get_context("forkserver").Process(target=_run, args=(project, list(words), dict(env), handles))
    process.start()
    return Command(process)


def _run(project: Path, words: list[str], env: dict[str, str], handles: int | None) -> None:
    os.setsid()
    os.chdir(project)
    for name in [name for name in os.environ if name.startswith(QUIET)]:
        del os.environ[name]
    os.environ.update({**env, "PYTHONPATH": str(Path(__file__).parents[1])})
    log = os.open("command.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(log, number)
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(n, "w", closefd=False), write_through=True) for n in (1, 2))
    if handles:
        resource.setrlimit(resource.RLIMIT_NOFILE, (handles, handles))
    sys.argv = ["cinelake", *words]
    print(f"--- {time.time():.1f} {os.getpid()} {' '.join(words)}")
    from cli.main import main

    main()
