"""A cluster that is started here runs what this run gives it, and nothing of whoever else reaches loopback."""

import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import run

import pytest
from _replies import reply_of
from distributed import Client, Security
from end_to_end._command import ROOT

from cinelake.engines.dask import DaskCluster

WITHIN_S = 1.0


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DaskCluster]:
    """A run's own Dask cluster."""
    cluster = DaskCluster(None, 1, [])
    cluster.start(str(tmp_path / "events"))
    try:
        yield cluster
    finally:
        cluster.close(now=True)


@pytest.fixture
def addresses(own: DaskCluster) -> list[str]:
    """Where it listens: its scheduler, its worker, and who looks after that."""
    workers = own._client.scheduler_info(n_workers=-1)["workers"]
    return [own._cluster.scheduler_address, *workers, *(about["nanny"] for about in workers.values())]


@pytest.mark.slow
def test_dask_of_this_machine_takes_no_work_from_a_stranger(addresses: list[str], tmp_path: Path) -> None:
    stranger = Security.temporary()
    stranger.require_encryption = False  # whatever the cluster speaks
    for address in addresses:
        with pytest.raises(OSError), Client(address, security=stranger, timeout=WITHIN_S) as client:
            client.run_on_scheduler((tmp_path / "executed").touch)
    assert len(addresses) == 3
    assert not (tmp_path / "executed").exists()


@pytest.mark.slow
def test_dask_of_this_machine_tells_a_stranger_no_name_and_no_log(own: DaskCluster) -> None:
    """Its pages ask nobody who he is, and are there without a dashboard too: names of films, logs, stacks."""
    about = own._client.scheduler_info(n_workers=-1)
    ports = [
        services["dashboard"] for services in (about["services"], *(w["services"] for w in about["workers"].values()))
    ]
    paths = ("info/main/workers.html", "info/main/logs.html", "json/identity.json", "metrics", "health")
    answers = {reply_of(f"http://127.0.0.1:{port}", f"/{path}")[0] for port in ports for path in paths}
    assert len(ports) == 2 and answers == {404}


LISTENING = """
import psutil
from cinelake.engines.process_tree import children_with, process_tree
from cinelake.engines.ray import RayCluster
cluster = RayCluster(None, 1)
cluster.start("events")
tree = {psutil.Process().pid, *(each.pid for each in process_tree(children_with(cluster._folder)))}
heard = [each for each in psutil.net_connections("tcp") if each.pid in tree and each.status == "LISTEN"]
print(sorted({each.laddr.ip.removeprefix("::ffff:") for each in heard}), len(heard) > 3)
cluster.close(now=True)
"""


@pytest.mark.slow
def test_ray_of_this_machine_is_heard_on_no_network() -> None:
    """Metrics, with names, were served on all networks and asked nobody for the token."""
    ran = run([sys.executable, "-c", LISTENING], cwd=ROOT, text=True, capture_output=True, check=True)
    assert ran.stdout.splitlines()[-1] == "['127.0.0.1'] True"
