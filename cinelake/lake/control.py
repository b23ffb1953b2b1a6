"""Runs on one lake take turns, and stop at a word: what runs tell each other in the folder `_control` of the lake.

Two runs at once would damage nothing, but make the same cells twice: the second waits, whatever started them, and then
plans what the first has left. In a folder the turn is a lock of the kernel (flock), which ends with the process that
holds it, however that ended. A bucket has no locks: there the turn is a small object that its holder renews every
`RENEW_EVERY_S`; one that was not renewed for `LEASE_S` belongs to a run that died. Two runs that begin on a bucket
within `SETTLED_AFTER_S` of each other, where the store takes longer than that to show a new object, may both begin.

A pause is one small file, so that every run on the lake obeys, whichever machine it is on: films in progress are
finished, and nothing new starts until the file is gone.
"""

from __future__ import annotations

import datetime
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field

from cinelake.errors import LakeBusy, StorageError
from cinelake.lake.cells import Lake
from cinelake.storage.content import parsed_json
from cinelake.storage.files import alone
from cinelake.storage.store import FileStat, storage_errors

FOLDER, HOLDER, PAUSED = "_control", "run.json", "paused"
RENEW_EVERY_S = 20.0
LEASE_S = 90.0
LONG_AGO_S = 900.0
"""A bucket's holder of this age is dead without being watched: no clock is so wrong."""
SETTLED_AFTER_S = 0.5
LEASE_LOOK_EVERY_S = 2.0
LOOK_EVERY_S = 1.0
"""How often a run looks whether it is paused."""

OnWait = Callable[["Holder | None"], None]
"""Called once with whoever has the turn, None where that is not known, before waiting; may raise instead."""


@dataclass(frozen=True)
class Holder:
    """The process that has a lake's turn. `since`: when it began, in ISO format. `token`: tells it from all others."""

    host: str
    pid: int
    since: str
    what: str
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __str__(self) -> str:
        return f"{self.what}, process {self.pid} on {self.host}, since {self.since.replace('T', ' ')}"


def refuse(lake: Lake) -> OnWait:
    """For `turn`: raise `LakeBusy` instead of waiting."""

    def on_wait(holder: Holder | None) -> None:
        raise LakeBusy(f"another run works on {lake.storage.uri}: {holder or 'it does not say which'}")

    return on_wait


@contextmanager
def turn(lake: Lake, what: str, on_wait: OnWait) -> Iterator[None]:
    """Have the lake's turn within, after whoever has it now. `what`: the holder's name for itself.

    Raises what `on_wait` raises, and `StorageError` where a bucket cannot be written. In a folder that cannot be
    written nobody takes turns: nothing can be made there.
    """
    me = Holder(socket.gethostname(), os.getpid(), datetime.datetime.now().astimezone().isoformat("T", "seconds"), what)
    with _in_folder(lake, me, on_wait) if lake.storage.local else _in_bucket(lake, me, on_wait):
        yield


def holder_of(lake: Lake) -> Holder | None:
    """Who has the turn, or had it when it was killed; None where nobody has."""
    storage = lake.storage
    try:
        with storage.open_input_file(storage.path(FOLDER, HOLDER)) as file:
            return Holder(**parsed_json(file.read()))
    except (OSError, ValueError, TypeError):
        return None


def _write(lake: Lake, holder: Holder) -> None:
    with lake.scratch() as scratch:
        (scratch / HOLDER).write_text(json.dumps(asdict(holder)))
        lake.storage.publish(scratch / HOLDER, FOLDER, HOLDER)


@contextmanager
def _in_folder(lake: Lake, me: Holder, on_wait: OnWait) -> Iterator[None]:
    assert lake.storage.local is not None
    folder = lake.storage.local / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        yield
        return
    with alone(folder, on_wait=lambda: on_wait(holder_of(lake))):
        with suppress(StorageError):  # a full disk: the run says so itself, and the lock holds without a name
            _write(lake, me)
        try:
            yield
        finally:
            with suppress(StorageError):
                lake.storage.delete(FOLDER, HOLDER)


# --- buckets


@contextmanager
def _in_bucket(lake: Lake, me: Holder, on_wait: OnWait) -> Iterator[None]:
    _take(lake, me, on_wait)
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(lake, me, ended), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        with suppress(StorageError):  # a store that is away: the lease ends by itself
            if _is_mine(lake, me):
                lake.storage.delete(FOLDER, HOLDER)


def _take(lake: Lake, me: Holder, on_wait: OnWait) -> None:
    said = False
    while True:
        if (stamp := _stamp(lake)) is not None and time.time() - stamp.mtime_ns / 1e9 <= LONG_AGO_S:
            if not said:
                on_wait(holder_of(lake))
                said = True
            _await_end(lake, stamp)
        _write(lake, me)
        time.sleep(SETTLED_AFTER_S)
        if _is_mine(lake, me):
            return


def _await_end(lake: Lake, stamp: FileStat | None) -> None:
    """Wait until the holder's object is gone, or was not renewed for as long as a lease lasts."""
    renewed = time.monotonic()
    while stamp is not None and time.monotonic() - renewed < LEASE_S:
        time.sleep(LEASE_LOOK_EVERY_S)
        if (now := _stamp(lake)) != stamp:
            stamp, renewed = now, time.monotonic()


def _stamp(lake: Lake) -> FileStat | None:
    with storage_errors(f"looking for runs on {lake.storage.uri}"):
        return lake.storage.stamp(FOLDER, HOLDER)


def _is_mine(lake: Lake, me: Holder) -> bool:
    holder = holder_of(lake)
    return holder is not None and holder.token == me.token


def _renew(lake: Lake, me: Holder, ended: threading.Event) -> None:
    while not ended.wait(RENEW_EVERY_S):
        with suppress(StorageError):  # a store that is away for a moment: the next renewal may reach it
            _write(lake, me)


# --- pauses


def pause(lake: Lake) -> bool:
    """Pause all runs on a lake; False where they were paused already."""
    if is_paused(lake):
        return False
    with lake.scratch() as scratch:
        (scratch / PAUSED).write_text(time.strftime("%Y-%m-%dT%H:%M:%S%z\n"))
        lake.storage.publish(scratch / PAUSED, FOLDER, PAUSED)
    return True


def resume(lake: Lake) -> bool:
    """Let runs continue; False where they were not paused."""
    if not is_paused(lake):
        return False
    lake.storage.delete(FOLDER, PAUSED)
    return True


def is_paused(lake: Lake) -> bool:
    """Whether runs on this lake are paused."""
    return lake.storage.stamp(FOLDER, PAUSED) is not None


def paused_since(lake: Lake) -> str | None:
    """When runs on this lake were paused, as `2026-11-29 13:05:00+0100`; None where they are not."""
    if not is_paused(lake):
        return None
    storage = lake.storage
    doing = f"reading {FOLDER}/{PAUSED} in {storage.uri}"
    with storage_errors(doing), storage.open_input_file(storage.path(FOLDER, PAUSED)) as file:
        return bytes(file.read()).decode(errors="replace").strip().replace("T", " ")


class Gate:
    """Whether a run may start another film: looks once a second, and reports when that changes."""

    def __init__(self, lake: Lake, on_change: Callable[[bool], None]):
        self._lake, self._on_change = lake, on_change
        self._paused = False
        self._looked = float("-inf")

    def is_open(self) -> bool:
        """Whether films may be started now."""
        if time.monotonic() - self._looked >= LOOK_EVERY_S:
            self._looked = time.monotonic()
            paused = is_paused(self._lake)
            if paused != self._paused:
                self._paused = paused
                self._on_change(paused)
        return not self._paused
