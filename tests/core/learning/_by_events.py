"""Deployed flows that events start: labels go in, and the runs that come of them are waited for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from core.learning._taught import Project
from end_to_end._command import asked, cinelake

WAIT_S = 300
TRIGGERS = """\
deploy: {project: PROJECT}
triggers:
  retrain: {when: new_labels, at_least: 12, flow: train, model: loud}
  infer_again: {when: new_champion, flow: catalogue}
"""


def import_labels(project: Project, films: list[str], env: Mapping[str, str]) -> str:
    """Import one label for each of these films; gives what the command says."""
    rows = [f"{film},{int(film[-2:]) % 4 + 1},6" for film in films]
    (project.folder / "labels.csv").write_text("\n".join(["movie_id,start_s,end_s", *rows]))
    done = cinelake("labels", "import", "labels.csv", "--model", "loud", cwd=project.folder, env=env)
    assert done.returncode == 0, done.stderr
    return done.stderr


def runs(url: str, flow: str) -> list[dict[str, Any]]:
    """The states of a flow's deployed runs, oldest first."""
    question = {"flows": {"name": {"any_": [flow]}}, "deployments": {"name": {"any_": ["retrain", "infer_again"]}}}
    return [run["state"] for run in asked(url, "flow_runs", sort="START_TIME_ASC", **question)]


def ended(url: str, flow: str, count: int) -> list[dict[str, Any]]:
    """The states of a flow's runs once so many have ended."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        states = runs(url, flow)
        if sum(state["type"] in ("COMPLETED", "FAILED", "CRASHED") for state in states) >= count:
            return states
        time.sleep(1)
    raise AssertionError(f"{flow}: {runs(url, flow)}")
