"""A run's own Prefect server stays for the next run, and never without somebody or something that ends it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from core.engines._waiting import await_that, waiting_project
from end_to_end._command import PASSWORDS, asked, cinelake, end_started, left_running, start

from cinelake.errors import EngineUnavailable, UsageError
from cinelake.storage.files import alone
from flows.server import (
    PrefectServer,
    configured_server,
    end_if_unused,
    end_process,
    free_port,
    listening,
    project_server,
    start_prefect,
)
from flows.server_record import (
    RECORD,
    UP,
    in_use,
    is_unused,
    password_of,
    private_folder,
    read_record,
    read_up,
    record_of,
    state_folder,
)


@pytest.fixture
def home(tmp_path):
    """The folder of a project's server."""
    return private_folder(private_folder(tmp_path / ".cinelake") / "prefect")


@pytest.fixture
def other():
    """A process that passes for a server."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def test_a_record_is_of_one_process_and_of_no_later_one_of_its_id(home, other):
    record_of(other.pid, "http://127.0.0.1:1/api").write(home / RECORD)
    assert read_record(home / RECORD).pid == other.pid
    found = json.loads((home / RECORD).read_text())
    (home / RECORD).write_text(json.dumps({**found, "started": "1 boot space"}))
    assert read_record(home / RECORD) is None


@pytest.mark.parametrize("name", [UP, "prefect"])
def test_a_copy_of_a_project_has_none_of_the_servers_of_the_original(tmp_path, home, other, name):
    file = home / RECORD if name == "prefect" else home.parent / UP
    record_of(other.pid, "http://127.0.0.1:1/api").write(file)
    copy = shutil.copytree(home.parent, tmp_path / "copy") / file.relative_to(home.parent)
    assert read_record(file) and copy.read_bytes() == file.read_bytes() and read_record(copy) is None


def test_no_second_server_is_started_on_the_database_of_one_that_a_run_uses(home, other):
    record_of(other.pid, "http://127.0.0.1:1/api").write(home / RECORD)
    with in_use(home), pytest.raises(UsageError, match=f"a run uses the Prefect server .*process {other.pid}"):
        start_prefect(home.parent, services=True)
    assert other.poll() is None


def test_one_that_a_run_has_left_is_ended_before_another_is_started(home, other):
    record_of(other.pid, "http://127.0.0.1:1/api").write(home / RECORD)
    with listening(0) as taken, pytest.raises(UsageError, match="cannot be used"):
        start_prefect(home.parent, taken.getsockname()[1])
    assert other.wait(60) == -signal.SIGTERM


@pytest.fixture
def starting_up(home, other):
    """The address of the server that a `cinelake up` is starting: nothing answers there yet."""
    url = f"http://127.0.0.1:{free_port()}/api"
    record_of(other.pid, url).write(home.parent / UP)
    return url


@pytest.mark.parametrize("find", [configured_server, lambda folder: project_server(folder, keep_s=60)])
def test_a_run_that_begins_while_up_starts_waits_for_its_server_and_starts_none(home, starting_up, find):
    found = find(home.parent)
    assert (found.url, found.own, found.has_died()) == (starting_up, None, False)


def test_a_second_up_is_refused_with_the_first_ones_address(home, starting_up):
    with pytest.raises(UsageError, match=f"runs already .*{starting_up.removesuffix('/api')}.*cinelake down"):
        start_prefect(home.parent, services=True)


def test_no_server_is_started_beside_one_that_is_ending(home):
    ending = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    server = PrefectServer("http://127.0.0.1:1/api", own=ending, log=home / "server.log")
    server.begin_to_end()
    with pytest.raises(UsageError, match="locked"), alone(home, busy="locked"):
        pass
    server.stop()
    with alone(home, busy="locked"):
        assert ending.returncode == -signal.SIGTERM


@pytest.fixture
def earlier(other):
    """The record of the same process as an earlier release wrote it."""
    ticks = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19]
    boot, space = Path("/proc/sys/kernel/random/boot_id").read_text().strip(), Path("/proc/self/ns/pid").readlink()
    return replace(record_of(other.pid, "http://127.0.0.1:1/api"), started=f"{ticks} {boot} {space}")


def test_a_server_of_an_earlier_release_is_found_and_ended(home, other, earlier):
    earlier.write(home / RECORD)
    assert read_record(home / RECORD) == earlier
    assert end_if_unused(home, earlier) and other.wait(10) == -signal.SIGTERM


def test_a_record_without_a_mark_is_of_no_process(other):
    other.kill()
    other.wait()
    assert not record_of(other.pid, "http://127.0.0.1:1/api").lives()


def test_a_process_that_ended_has_no_record(home, other):
    record_of(other.pid, "http://127.0.0.1:1/api").write(home / RECORD)
    other.kill()
    other.wait()
    assert read_record(home / RECORD) is None


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"url": 1}', '{"url": "x", "pid": "y"}'])
def test_a_record_that_is_none_is_no_server(home, text):
    (home / RECORD).write_text(text)
    assert read_record(home / RECORD) is None


def test_an_address_of_a_command_that_was_killed_is_not_used(tmp_path, other):
    folder = private_folder(tmp_path / ".cinelake")
    record_of(other.pid, "http://127.0.0.1:1/api").write(folder / "up.json", prefect="http://127.0.0.1:1/api")
    assert read_up(folder)["prefect"] == "http://127.0.0.1:1/api"
    other.kill()
    other.wait()
    assert read_up(folder) == {}


def test_a_server_that_is_used_is_not_ended(home, other):
    record = record_of(other.pid, "http://127.0.0.1:1/api")
    with in_use(home):
        assert not is_unused(home) and not end_if_unused(home, record)
    assert other.poll() is None and end_if_unused(home, record)
    assert other.wait(10) == -signal.SIGTERM


def test_a_process_that_does_not_end_is_killed(tmp_path):
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        end_process(record_of(process.pid, ""), within_s=0.2)
        assert process.wait(10) == -signal.SIGKILL


def test_a_server_of_another_version_that_is_used_is_named(tmp_path, home, other):
    record = record_of(other.pid, "http://127.0.0.1:1/api")
    (home / RECORD).write_text(json.dumps({**vars(record), "version": "2.0/0"}))
    with in_use(home), pytest.raises(EngineUnavailable, match=r"of version 2\.0/0"):
        project_server(tmp_path / ".cinelake", keep_s=60)
    assert other.poll() is None


def test_a_port_that_is_taken_is_named():
    port = free_port()
    with listening(port), pytest.raises(UsageError, match=f"port {port}"), listening(port):
        pass


# --- with a real server


@pytest.fixture
def waiting(tmp_path, draw_film):
    """Makes a project whose film waits until it may go on, by how long its server stays."""
    made = []

    def make(keep_s, films=1, more=""):
        project = waiting_project(tmp_path, "kind: local, workers: 1", {})
        for number in range(films):
            draw_film(project.folder / "films" / f"film_{number}.mp4")
        manifest = project.folder / "pipeline.yaml"
        manifest.write_text(manifest.read_text() + f"server: {{keep_s: {keep_s}}}\n{more}")
        made.append(project)
        return project

    yield make
    for project in made:
        project.let_go_on()
        cinelake("down", cwd=project.folder)
    end_started()


def record(project):
    return read_record(state_folder(project.folder) / "prefect" / RECORD)


def shown(project):
    """The states of the project's flow runs, once its server answers."""
    found = record(project)
    PASSWORDS[found.url] = password_of(state_folder(project.folder))
    return [run["state_type"] for run in asked(found.url, "flow_runs", sort="START_TIME_ASC")]


def is_shown(project):
    try:
        return bool(record(project) and shown(project))
    except EngineUnavailable:
        return False


def said(project):
    return (project.folder / "command.log").read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_next_run_finds_the_server_and_down_ends_it(waiting):
    project = waiting(keep_s=300)
    project.let_go_on()
    assert cinelake("run", cwd=project.folder, env=project.env).returncode == 0
    first = record(project)
    shutil.rmtree(project.folder / "lake")
    second = cinelake("run", cwd=project.folder, env=project.env)
    assert record(project) == first and "using the Prefect server" in second.stderr
    assert shown(project) == ["COMPLETED"] * 2
    down = cinelake("down", cwd=project.folder)
    assert "ended the Prefect server" in down.stdout and left_running(project.folder, 20) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_run_leaves_a_server_that_ends_by_itself(waiting):
    project = waiting(keep_s=3)
    run = start("run", cwd=project.folder, env=project.env)
    await_that(lambda: is_shown(project), within_s=200)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert left_running(project.folder) == [] and record(project) is None


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("keep_s", [0, 300])
def test_films_go_on_when_the_server_dies_and_it_is_said(waiting, keep_s):
    project = waiting(keep_s=keep_s)
    run = start("run", cwd=project.folder, env=project.env)
    await_that((project.folder / "started").exists, within_s=200)
    await_that(lambda: server_of(run), within_s=100)
    await_that(lambda: "answers" in said(project) or keep_s == 0 or is_shown(project), within_s=200)
    os.kill(server_of(run), signal.SIGKILL)
    await_that(lambda: "the films go on" in said(project), within_s=30)
    project.let_go_on()
    assert run.wait(100) == 0, said(project)
    assert "2 cells made" in said(project)


def server_of(run):
    """The process of the run's own server."""
    import psutil

    for process in psutil.Process(run.pid).children():
        if "flows.own_prefect" in process.cmdline():
            return process.pid
    return None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_films_that_need_a_slot_of_a_dead_server_end_the_run_with_the_words_that_resume(waiting):
    project = waiting(keep_s=300, films=2, more="limits: {one_at_a_time: {slots: 1}}\n")
    run = start("run", cwd=project.folder, env=project.env)
    await_that((project.folder / "started").exists, within_s=200)
    os.kill(server_of(run), signal.SIGKILL)
    await_that(lambda: "has died" in said(project), within_s=30)
    project.let_go_on()
    assert run.wait(200) == 2 and "to resume" in said(project), said(project)
