"""Deployed catalogue runs on one lake take turns, whatever started them: each plans what the one before has left.

Two at once would tear nothing, but make the same cells twice. The turn is a global concurrency limit of one on the
Prefect server, held under a lease that is renewed while a run lives: when its machine dies, the next run begins minutes
later. A server must keep its leases on disk for that (`KEPT_LEASES`): one that keeps them in memory, as Prefect does by
itself, forgets at a restart who holds what, and gives the turn to nobody until `PATIENCE_S` is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound

from cinelake.storage.content import digest
from cinelake.storage.store import StorageLocation

PATIENCE_S = 6 * 3600.0


@contextmanager
def turn(lake: StorageLocation, say: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other deployed run works on the lake, and keep others waiting within."""
    name = turn_of(lake)
    with get_client(sync_client=True) as client:
        make_limit(client, name, 1)
        taken = client.read_global_concurrency_limit_by_name(name).active_slots
    if taken:
        say(f"another run works on {lake.uri}: this one begins when it has ended, with what it left")
    with ExitStack() as stack:
        mine = concurrency(name, timeout_seconds=PATIENCE_S, strict=True, raise_on_lease_renewal_failure=False)
        try:
            stack.enter_context(mine)
        except TimeoutError:
            hours = f"{PATIENCE_S / 3600:g} hours"
            say(f"the turn on {lake.uri} was not given back in {hours} (limit {name}): this run begins beside it")
        yield


def turn_of(lake: StorageLocation) -> str:
    """The name of the limit, the same for all projects on one lake."""
    return f"cinelake-lake-{digest([lake.uri, lake.endpoint])[:16]}"


def make_limit(client: SyncPrefectClient, name: str, slots: int) -> None:
    """Make a limit unless the server has it."""
    try:
        client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        client.upsert_global_concurrency_limit_by_name(name, slots)
