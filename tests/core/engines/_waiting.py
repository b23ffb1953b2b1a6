"""A project with a task that waits in the middle of its film, and what starts runs of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from end_to_end._command import ROOT, start
from end_to_end._lakes import read

HERE = Path(__file__).parent
MANIFEST = """\
lake: lake
catalogue: {{films: films}}
engine: {{{engine}}}
tracking: {{enabled: false}}
tasks:
  early: {{}}
  late: {{folder: "{folder}"}}
"""
PACKAGE = {
    "METADATA": "Metadata-Version: 2.1\nName: waiting-tasks\nVersion: 1.0\n",
    "entry_points.txt": "[cinelake.tasks]\nearly = _waiting_tasks:Early\nlate = _waiting_tasks:Late\n",
}


@dataclass
class Waiting:
    """A project whose `late` waits in the middle of its film, with what starts runs of it."""

    folder: Path
    env: dict[str, str]

    def begin(self) -> Popen[str]:
        """Start a run."""
        return start("run", cwd=self.folder, env=self.env)

    def start(self) -> Popen[str]:
        """Start a run and wait until `late` is at work."""
        process = self.begin()
        await_that(lambda: (self.folder / "started").exists() or process.poll() is not None)
        assert process.poll() is None, self.said()
        return process

    def run(self, *words: str) -> int:
        """Let a run go to its end; gives its exit code."""
        return start("run", *words, cwd=self.folder, env=self.env).wait(200)

    def let_go_on(self) -> None:
        (self.folder / "open").touch()

    def working_process(self) -> int:
        """The number of the process that waits; forgotten, so that the next one can be told."""
        pid = int((self.folder / "started").read_text())
        (self.folder / "started").unlink()
        return pid

    def said(self) -> str:
        return (self.folder / "command.log").read_text()

    def cell(self, table: str) -> Path:
        return self.folder / "lake" / table / "film.parquet"

    def failures(self) -> list[dict[str, object]]:
        path = self.folder / "lake" / "failures" / "late" / "film.parquet"
        return read(path).to_pylist() if path.exists() else []


def waiting_project(folder: Path, engine: str, env: Mapping[str, str]) -> Waiting:
    """The project below a folder, still without its film; `site` there is what workers must have on their path."""
    about = folder / "site" / "waiting_tasks-1.0.dist-info"
    about.mkdir(parents=True)
    for name, text in PACKAGE.items():
        (about / name).write_text(text)
    project = folder / "project"
    project.mkdir()
    (project / "pipeline.yaml").write_text(MANIFEST.format(engine=engine, folder=project))
    return Waiting(project, {**env, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, HERE, about.parent)))})


def await_that(is_so: Callable[[], bool], within_s: float = 120) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
