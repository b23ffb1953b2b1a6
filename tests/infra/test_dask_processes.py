"""The commands of Dask's manifests, as plain processes: a worker that decodes and one with a GPU, told apart."""

import os
import re
import subprocess

import pytest
from infra._files import INFRA
from infra._processes import BIN, START, roles_of

from benchmarks._clusters import await_that, end_tree
from cinelake.storage.processes import start_child
from flows.server import answers, free_port

pytestmark = pytest.mark.slow
HEALTHY = INFRA / "images" / "healthy"


@pytest.fixture
def run(tmp_path):
    """Starts a role of a manifest with ports of loopback; gives what its health check needs."""
    started = []

    def run(words, **env):
        ports = {port: str(free_port()) for port in re.findall(r":?\b(87\d\d)\b", " ".join(words))}
        for port, found in ports.items():
            words = [word.replace(port, found) for word in words]
        own = tmp_path / str(len(started))
        own.mkdir()
        told = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "TMPDIR": str(own), **env}
        started.append(start_child([START, *words], cwd=own, env=told, start_new_session=True,
                                   stderr=subprocess.DEVNULL))  # fmt: skip
        return ports, {**told, "DASK_DASHBOARD_PORT": ports.get("8787") or ports["8788"]}

    yield run
    for process in started:
        end_tree(process)


def healthy(env):
    return subprocess.run([HEALTHY], env=env, capture_output=True, timeout=60).returncode == 0


def test_what_workers_have_is_what_the_engine_sees(run):
    from distributed import Client

    scheduler, processors = roles_of("dask/daskcluster.yaml")
    (gpus,) = roles_of("dask/gpu-workers.yaml")
    ports, _ = run(scheduler)
    await_that(lambda: answers(f"http://127.0.0.1:{ports['8787']}/health"))
    address = f"tcp://127.0.0.1:{ports['8786']}"
    named = {"processors": processors, "gpus": gpus}.items()
    checks = [run(words, DASK_SCHEDULER_ADDRESS=address, DASK_WORKER_NAME=name)[1] for name, words in named]
    with Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=120)
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        has = {each["id"]: each["resources"] for each in workers}
    assert has["processors"] == {"cpus": 16.0, "memory_gb": 32.0}
    assert has["gpus"] == {"cpus": 0.0, "gpus": 1.0, "memory_gb": 12.0}
    assert all(healthy(env) for env in checks)
