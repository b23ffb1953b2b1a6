"""A cluster that is started here runs what this run gives it, and nothing of whoever else reaches loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, Security

from cinelake.engines.dask import DaskCluster

WITHIN_S = 1.0


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[list[str]]:
    """Where a run's own Dask cluster listens: its scheduler, its worker, and who looks after that."""
    own = DaskCluster(None, 1, [])
    own.start(str(tmp_path / "events"))
    workers = own._client.scheduler_info(n_workers=-1)["workers"]
    try:
        yield [own._cluster.scheduler_address, *workers, *(about["nanny"] for about in workers.values())]
    finally:
        own.close(now=True)


@pytest.mark.slow
def test_dask_of_this_machine_takes_no_work_from_a_stranger(addresses: list[str], tmp_path: Path) -> None:
    stranger = Security.temporary()
    stranger.require_encryption = False  # whatever the cluster speaks
    for address in addresses:
        with pytest.raises(OSError), Client(address, security=stranger, timeout=WITHIN_S) as client:
            client.run_on_scheduler((tmp_path / "executed").touch)
    assert len(addresses) == 3
    assert not (tmp_path / "executed").exists()
