"""The lock on a lake: deployed catalogue runs hold it one after the other, and each plans what the one before has left.

Two runs at once would damage nothing, but make the same cells twice. Within the lock a deployed run takes the lake's
turn (`cinelake.lake.control`), as `cinelake run` does; in a folder that alone would do. In a bucket, where the turn is
no lock, this one keeps the deployed runs of a server apart for certain, however soon they begin after each other.

It is a global concurrency limit of one on the Prefect server, held under a lease that is renewed while a run lives:
when its machine dies, the next run begins minutes later. The server must keep its leases on disk for that
(`KEPT_LEASES`): one that keeps them in memory, as Prefect does by default, loses the holders at a restart, and no run
acquires the lock until `ACQUIRE_TIMEOUT_S` is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound

from cinelake.lake.cells import Lake
from cinelake.lake.control import Holder, turn
from cinelake.storage.content import digest
from cinelake.storage.store import StorageLocation

ACQUIRE_TIMEOUT_S = 6 * 3600.0


@contextmanager
def lake_lock(lake: StorageLocation, say: Callable[[str], None]) -> Iterator[None]:
    """Acquire the lock of a lake and its turn, and hold both within.

    After `ACQUIRE_TIMEOUT_S` the run begins without the lock, never without the turn.
    """

    def on_wait(holder: Holder | None) -> None:
        say(f"another run works on {lake.uri} ({holder or 'unnamed'}): this one begins when it has ended, with what "
            "it left")  # fmt: skip

    name = lock_name(lake)
    with get_client(sync_client=True) as client:
        make_limit(client, name, 1)
        held = client.read_global_concurrency_limit_by_name(name).active_slots
    if held:
        say(f"another run works on {lake.uri}: this one begins when it has ended, with what it left")
    with ExitStack() as stack:
        lock = concurrency(name, timeout_seconds=ACQUIRE_TIMEOUT_S, strict=True, raise_on_lease_renewal_failure=False)
        try:
            stack.enter_context(lock)
        except TimeoutError:
            hours = f"{ACQUIRE_TIMEOUT_S / 3600:g} hours"
            say(f"the lock on {lake.uri} was not released in {hours} (limit {name}): this run begins beside it")
        stack.enter_context(turn(Lake(lake), "a deployed run", on_wait))
        yield


def lock_name(lake: StorageLocation) -> str:
    """The name of a lake's limit on the server, the same for all projects on the lake."""
    return f"cinelake-lake-{digest([lake.uri, lake.endpoint])[:16]}"


def make_limit(client: SyncPrefectClient, name: str, slots: int) -> None:
    """Make a limit unless the server has it."""
    try:
        client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        client.upsert_global_concurrency_limit_by_name(name, slots)
