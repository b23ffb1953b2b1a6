"""One run at a time on a lake: who comes second is told who is at work, and a dead holder is in nobody's way."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from _folder_store import FolderStore, store

from cinelake.errors import LakeBusy
from cinelake.lake import control
from cinelake.lake.cells import Lake
from cinelake.lake.control import holder_of, refuse, turn

__all__ = ["store"]
HOLDS = """
import sys, time
from cinelake.lake.cells import Lake
from cinelake.lake.control import turn
with turn(Lake(sys.argv[1]), "cinelake run", print):
    print("mine", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["folder", "bucket"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake in a folder, and one in a bucket whose leases last for moments."""
    for name in ("RENEW_EVERY_S", "SETTLED_AFTER_S", "LEASE_LOOK_EVERY_S"):
        monkeypatch.setattr(control, name, 0.02)
    monkeypatch.setattr(control, "LEASE_S", 0.3)
    if request.param == "folder":
        return Lake(str(tmp_path / "lake"))
    return lake_in(request.getfixturevalue("store"))


def lake_in(store: FolderStore) -> Lake:
    """A lake in a bucket, which has no folders to be made, unlike the one that stands for it here."""
    (store.folder / "films" / "lake" / "_control").mkdir(parents=True)
    return Lake("s3://films/lake")


@pytest.fixture
def bucket(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake in a bucket."""
    monkeypatch.setattr(control, "SETTLED_AFTER_S", 0.0)
    return lake_in(store)


def test_who_comes_second_is_told_who_works_where_and_since_when(lake: Lake) -> None:
    with turn(lake, "cinelake run", refuse(lake)), pytest.raises(LakeBusy) as told:  # noqa: SIM117
        with turn(lake, "cinelake run", refuse(lake)):
            pass
    assert f"cinelake run, process {os.getpid()} on {socket.gethostname()}, since 20" in str(told.value)


def test_a_turn_that_ended_leaves_nothing_and_is_free(lake: Lake) -> None:
    for _ in range(2):
        with turn(lake, "cinelake run", refuse(lake)):
            assert holder_of(lake) is not None
    assert holder_of(lake) is None


def test_who_waits_begins_when_the_first_has_ended(lake: Lake) -> None:
    order, stack = [], ExitStack()
    stack.enter_context(turn(lake, "first", refuse(lake)))

    def second() -> None:
        with turn(lake, "second", lambda holder: order.append(f"waits for {holder and holder.what}")):
            order.append("second")

    waiting = threading.Thread(target=second)
    waiting.start()
    time.sleep(0.5)  # longer than a lease, which the first goes on renewing
    order.append("first ends")
    stack.close()
    waiting.join(30)
    assert order == ["waits for first", "first ends", "second"]


def test_a_killed_holder_is_in_nobodys_way(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path / "lake")], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"mine\n"
        with pytest.raises(LakeBusy, match=f"process {holder.pid} on"), turn(lake, "cinelake run", refuse(lake)):
            pass
        holder.kill()
    with turn(lake, "cinelake run", refuse(lake)):
        pass


def test_a_lease_that_nobody_renews_is_taken_over(bucket: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LEASE_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(control, "LEASE_S", 0.1)
    control._write(bucket, control.Holder("gone", 1, "2026-01-01T00:00:00", "a run that was killed"))
    with turn(bucket, "cinelake run", lambda _: None):
        assert (holder_of(bucket) or pytest.fail("nobody")).pid == os.getpid()


def test_a_lease_of_long_ago_is_not_waited_for(bucket: Lake, store: FolderStore) -> None:
    control._write(bucket, control.Holder("gone", 1, "2026-01-01T00:00:00", "a run that was killed"))
    os.utime(store.folder / "films" / "lake" / "_control" / "run.json", (1e9, 1e9))
    with turn(bucket, "cinelake run", refuse(bucket)):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_where_nothing_can_be_written_nobody_waits(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    tmp_path.chmod(0o555)
    with turn(lake, "cinelake run", refuse(lake)), turn(lake, "cinelake run", refuse(lake)):
        assert not list(tmp_path.iterdir())
