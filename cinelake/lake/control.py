"""Runs that are paused: one small file in the lake, so that every run on it obeys, whichever machine it is on.

Films in progress are finished; nothing new starts until the file is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from cinelake.lake.cells import Lake
from cinelake.storage.store import storage_errors

PARTS = ("_control", "paused")
LOOK_EVERY_S = 1.0


def pause(lake: Lake) -> bool:
    """Pause all runs on a lake; False where they were paused already."""
    if is_paused(lake):
        return False
    with lake.scratch() as scratch:
        (scratch / "paused").write_text(time.strftime("%Y-%m-%dT%H:%M:%S%z\n"))
        lake.storage.publish(scratch / "paused", *PARTS)
    return True


def resume(lake: Lake) -> bool:
    """Let runs continue; False where they were not paused."""
    if not is_paused(lake):
        return False
    lake.storage.delete(*PARTS)
    return True


def is_paused(lake: Lake) -> bool:
    """Whether runs on this lake are paused."""
    return lake.storage.stamp(*PARTS) is not None


def paused_since(lake: Lake) -> str | None:
    """When runs on this lake were paused, as `2026-11-29 13:05:00+0100`; None where they are not."""
    if not is_paused(lake):
        return None
    storage = lake.storage
    doing = f"reading {'/'.join(PARTS)} in {storage.uri}"
    with storage_errors(doing), storage.filesystem.open_input_file(storage.path(*PARTS)) as file:
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
