"""Projects of many films whose one task sleeps: what an engine costs, without what films cost."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.children import ROOT

ABOUT = {
    "METADATA": "Metadata-Version: 2.1\nName: sleeping-task\nVersion: 1.0\n",
    "entry_points.txt": "[cinelake.tasks]\nsleeping = benchmarks._sleeping_task:Sleeping\n"
    "asking = benchmarks._sleeping_task:Asking\n",
}


def make_known(site: Path) -> None:
    """Make the task known to every process, as an installed package would."""
    about = site / "sleeping_task-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    for name, text in ABOUT.items():
        (about / name).write_text(text)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(site)])


def sleeping_project(
    folder: Path, engine: Mapping[str, Any], films: int, work_s: float, tasks: Mapping[str, Any] | None = None
) -> Path:
    """A project with files that no one opens as films, each of which sleeps for `work_s` seconds, or does `tasks`."""
    (folder / "films").mkdir(parents=True)
    for number in range(films):
        (folder / "films" / f"film_{number:05}.mp4").write_text(str(number))
    entries = {
        "lake": "lake",
        "catalogue": {"films": "films/*"},
        "engine": dict(engine),
        "tracking": {"enabled": False},
        "tasks": dict(tasks or {"sleeping": {"seconds": work_s}}),
    }
    (folder / "pipeline.yaml").write_text(json.dumps(entries))
    return folder
