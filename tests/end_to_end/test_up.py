"""`cinelake up`: two servers and a worker that live as long as it does, however it ends."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest
from end_to_end._command import PASSWORDS, asked, below, cinelake, left_running, start
from end_to_end._lakes import change

from flows.server import answers, free_port
from flows.server_record import password_of, state_folder

pytestmark = pytest.mark.slow
STARTS_WITHIN_S = 200
ENDS_WITHIN_S = 90


@dataclass
class Up:
    """A running `cinelake up`."""

    folder: Path
    process: Popen[str]

    @property
    def addresses(self) -> dict[str, str]:
        return dict(json.loads((self.folder / ".cinelake" / "up.json").read_text()))


@pytest.fixture
def up(project: Path) -> Up:
    ports = ["--prefect-port", str(free_port()), "--mlflow-port", str(free_port())]
    running = Up(project, start("up", *ports, cwd=project))
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not (project / "command.log").read_text().count("Ctrl-C ends all three"):
        assert time.monotonic() < deadline and running.process.poll() is None, (project / "command.log").read_text()
        time.sleep(0.2)
    PASSWORDS[running.addresses["prefect"]] = password_of(state_folder(project))
    return running


def test_it_says_what_serves_where_and_that_nothing_is_deployed(up):
    said = (up.folder / "command.log").read_text()
    assert all(up.addresses[name].removesuffix("/api") in said for name in ("prefect", "mlflow"))
    assert "nothing is deployed" in said and "worker.log" in said


def test_runs_of_the_manifest_use_its_servers_until_ctrl_c(up, project):
    change(project, "fps: 1", "fps: 2")
    assert cinelake("run", cwd=project).returncode == 0 and answers(f"{up.addresses['mlflow']}/health")
    assert [run["state_name"] for run in asked(up.addresses["prefect"], "flow_runs")] == ["Completed"]
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(ENDS_WITHIN_S) == 0 and left_running(up.folder) == []


def test_it_ends_in_order_when_its_terminal_is_closed(up):
    up.process.send_signal(signal.SIGHUP)
    assert up.process.wait(ENDS_WITHIN_S) == 0 and left_running(up.folder, 0) == []


def test_what_it_started_ends_with_it_when_it_is_killed(up):
    assert len(below(up.folder)) >= 4  # itself, Prefect, MLflow, the worker
    up.process.kill()
    up.process.wait()
    assert left_running(up.folder) == []
