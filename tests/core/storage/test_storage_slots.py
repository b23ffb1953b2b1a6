"""Slots of a pool: each has one job at a time, and whoever borrowed it gives it back to a job that comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from cinelake.storage.slots import PREFIX, VARIABLE, borrow_slot, make_slots, slot_held, slots_folder

HOLDS = """
import time
from cinelake.storage.slots import slots_folder
with slots_folder(2) as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two slots of processes without a job."""
    make_slots(tmp_path, 2)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


def test_what_jobs_hold_is_not_borrowed(two: Path) -> None:
    with slot_held():
        borrowed = borrow_slot()
        assert borrowed and borrow_slot() is None
        borrowed.give_back()
        with slot_held():
            assert borrow_slot() is None


def test_a_job_takes_its_slot_though_it_is_borrowed_and_it_is_wanted_back(two: Path) -> None:
    borrowed = [borrow_slot(), borrow_slot()]
    with slot_held():
        assert [slot and slot.is_wanted() for slot in borrowed] == [False, True]


def test_a_spare_slot_is_lent_first_and_no_job_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_slots(tmp_path, 1, spare=1)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with slot_held(), slot_held():  # the second finds none
        spare = borrow_slot()
        assert spare and spare.is_spare and not spare.is_wanted() and borrow_slot() is None


def test_a_job_that_comes_while_somebody_looks_has_its_slot(two: Path) -> None:
    """Borrowers look again and again; each look holds a lock for a moment."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            if slot := borrow_slot():
                slot.give_back()

    looking = [threading.Thread(target=look) for _ in range(3)]
    for thread in looking:
        thread.start()
    try:
        for _ in range(20):
            with slot_held(), slot_held():
                assert borrow_slot() is None
    finally:
        over.set()
        for thread in looking:
            thread.join()


def test_without_slots_nothing_is_borrowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with slot_held():
        assert borrow_slot() is None


def test_the_folder_of_a_killed_pool_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True, env=env) as pool:
        assert pool.stdout is not None
        killed = Path(pool.stdout.readline().strip())
        with slots_folder(1):
            assert killed.exists() and killed.name.startswith(PREFIX)
        pool.send_signal(signal.SIGKILL)
        pool.wait()
    with slots_folder(1) as folder:
        assert set(tmp_path.iterdir()) == {folder, foreign}
    assert set(tmp_path.iterdir()) == {foreign}
