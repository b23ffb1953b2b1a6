"""Two deployed runs on one lake, whatever started them, take turns: nothing is made twice."""

from __future__ import annotations

import subprocess
import sys

import pytest
from core.engines._waiting import await_that, waiting_project
from end_to_end._command import BEGUN, PASSWORDS, ROOT, answer_of, asked, end_started, environment, start
from end_to_end._lakes import change

from benchmarks._clusters import end_tree
from cinelake.storage.store import StorageLocation
from flows.server import free_port, start_prefect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
DEPLOYED = """\
deploy: {project: turns, work_pool: turns}
schedules:
  nightly: {flow: catalogue, cron: "0 2 * * *"}
  again: {flow: catalogue, cron: "0 3 * * *", late: queue}
"""


@pytest.fixture
def deployed(tmp_path, draw_film, prefect):
    """A project with two schedules and a worker; a film's work waits until it may go on."""
    project = waiting_project(tmp_path, "kind: local, workers: 1", {**prefect, "PREFECT_WORKER_QUERY_SECONDS": "1"})
    draw_film(project.folder / "films" / "film.mp4")
    change(project.folder, "lake: lake\n", f"lake: lake\n{DEPLOYED}")
    answer_of("deploy", "-m", project.folder / "pipeline.yaml", env=project.env)
    start("work", cwd=project.folder, env=project.env)
    yield project
    project.let_go_on()
    end_started()


def run_now(name, env):
    command = [sys.executable, "-m", "prefect", "deployment", "run", name]
    subprocess.run(command, env=environment(**env), cwd=ROOT, check=True, capture_output=True, timeout=120)


def logged(url, words):
    return any(words in line["message"] for line in asked(url, "logs", sort="TIMESTAMP_DESC"))


def states(url):
    mine = {"tags": {"all_": ["cinelake:turns"]}}
    runs = asked(url, "flow_runs", sort="START_TIME_ASC", flow_runs=BEGUN, deployments=mine)
    return [run["state"] for run in runs]


def test_the_second_run_waits_with_a_word_and_finds_nothing_left_to_make(deployed, prefect):
    url = prefect["PREFECT_API_URL"]
    run_now("catalogue/nightly", deployed.env)
    await_that(lambda: (deployed.folder / "started").exists())
    run_now("catalogue/again", deployed.env)
    await_that(lambda: logged(url, "this one begins when it has ended"))
    deployed.let_go_on()
    await_that(lambda: [state["type"] for state in states(url)] == ["COMPLETED"] * 2, within_s=200)
    assert [state["message"].split(",")[0] for state in states(url)] == ["2 cells made", "0 cells made"]


HOLDS = """\
import sys
from cinelake.storage.store import StorageLocation
from flows.lake_lock import lake_lock
with lake_lock(StorageLocation(sys.argv[1]), print):
    print("mine", flush=True)
    input()
"""


def test_a_server_that_is_started_again_still_gets_the_turn_back(tmp_path):
    from flows.lake_lock import lock_name

    port, lake = free_port(), StorageLocation(str(tmp_path / "lake"))
    server = start_prefect(tmp_path, port, services=True)
    server.wait()
    PASSWORDS[server.url] = server.password
    env, pipes = environment(**server.environment()), {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDS, lake.uri], env=env, cwd=ROOT, text=True, **pipes) as holder:
        assert holder.stdout.readline() == "mine\n"
        end_tree(server.own)
        server = start_prefect(tmp_path, port, services=True)
        server.wait()
        held = slots(server.url)
        holder.communicate("\n", timeout=100)
    given_back = slots(server.url)
    server.stop()
    assert (held, given_back) == ({lock_name(lake): 1}, {lock_name(lake): 0})


def slots(url):
    """Slots that are taken, by limit."""
    return {limit["name"]: limit["active_slots"] for limit in asked(url, "v2/concurrency_limits")}
