"""A machine's processors as slots that processes take and lend, by locks that end with whoever holds them (flock).

A pool of processes has a slot for each. A process takes one while it works on a job; those that are free belong to
processes without a job, and may be borrowed for a part of another's work. A job takes its slot whether it is lent or
not: who has borrowed it sees that it `is_wanted`, and gives it back. So each slot has two locks, a job's and a
borrower's. Processors for which there is no process have spare slots, which no job takes.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cinelake.storage.files import temporary_folder

VARIABLE = "CINELAKE_SLOTS"
"""Set in a pool's processes: the folder of its slots. Where it is not set, nothing can be borrowed."""
PREFIX = "cinelake-slots-"
BORROWED = ".borrowed"
"""The suffix of a slot's file whose lock a borrower holds; the one without it is a job's."""
SPARE = ".spare"
"""The suffix of a spare slot's file."""
TRIES, BETWEEN_TRIES_S = 50, 0.01
"""Who looks whether a slot is wanted holds its lock for a moment: a job that finds none then tries again."""


@contextmanager
def slots_folder(count: int, spare: int = 0) -> Iterator[Path]:
    """A folder of so many slots and spare ones, removed at the end; those of killed pools are removed before."""
    with temporary_folder(PREFIX) as folder:
        make_slots(folder, count, spare)
        yield folder


def make_slots(folder: Path, count: int, spare: int = 0) -> None:
    """Make so many slots in a folder, and so many spare ones."""
    for number in range(count + spare):
        name = str(number) if number < count else f"{number}{SPARE}"
        (folder / name).touch()
        (folder / f"{name}{BORROWED}").touch()


@dataclass(frozen=True)
class BorrowedSlot:
    """A slot that no job had. job: the file that a job locks. descriptor: holds the borrower's lock."""

    job: Path
    descriptor: int

    @property
    def is_spare(self) -> bool:
        """Whether no job can come that needs it."""
        return self.job.suffix == SPARE

    def is_wanted(self) -> bool:
        """Whether a job has come that needs the slot: it is to be given back soon."""
        return not _is_free(self.job)

    def give_back(self) -> None:
        """Let others borrow it."""
        os.close(self.descriptor)


def borrow_slot() -> BorrowedSlot | None:
    """A slot that no job and no borrower has; None where there is none, or no slots at all.

    Jobs begin with the first slot, borrowers with the last, so that they seldom meet.
    """
    for job in reversed(_slots()):
        descriptor = _locked(job.with_name(job.name + BORROWED)) if _is_free(job) else None
        if descriptor is not None:
            return BorrowedSlot(job, descriptor)
    return None


@contextmanager
def slot_held() -> Iterator[None]:
    """Hold a slot as a job meanwhile. A pool has one for each of its processes; others go on without one."""
    slot = _taken()
    try:
        yield
    finally:
        if slot is not None:
            os.close(slot)


def _taken() -> int | None:
    slots = [slot for slot in _slots() if slot.suffix != SPARE]
    for _ in range(TRIES if slots else 0):
        for job in slots:
            if (descriptor := _locked(job)) is not None:
                return descriptor
        time.sleep(BETWEEN_TRIES_S)
    return None


def _slots() -> list[Path]:
    """The files that jobs lock, in the order of their numbers, and those of spare slots behind them."""
    folder = os.environ.get(VARIABLE)
    files = Path(folder).iterdir() if folder and Path(folder).is_dir() else ()
    return sorted((file for file in files if file.suffix != BORROWED), key=lambda file: int(file.stem))


def _is_free(job: Path) -> bool:
    descriptor = _locked(job)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None


def _locked(file: Path) -> int | None:
    """The file, locked, as an open descriptor: closing it ends the lock. None where that cannot be had."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # the pool has ended meanwhile
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
